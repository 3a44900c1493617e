"""concurrency.py - many processes on one database, each doing one thing all the time.

    /usr/bin/python3 tests/attack/concurrency.py EXTENSION [--seconds S] [--seed N]

Readers that stay and readers that come and go, writers of events, trainings, deploys, imports, changes of the source,
VACUUM, backups, checks, and some that drop the model and make it anew, or rename it and back, in one transaction. One
version is kept, so that what somebody reads is often replaced under way. First in WAL mode, then in rollback mode, half
of the time each.

Nobody gets an error but that the database is locked, of a training that the model was configured anew as it began, or
in a deploy that the version is gone. No ranking is short, no backup damaged, no transaction left open, no process hangs
or dies.
"""
import argparse
import collections
import multiprocessing
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time

OPTIONS = 'layers=16, batch_size=8, n_sample=16, n_epochs=1, threads=1, keep_versions=1'
N_ITEMS, N_RANKED = 50, 5
ACCEPTED = 'locked', 'busy', 'was configured anew while'  # in a message, lower case


class Finding(Exception):
    """Something that must not be, and is no error of SQL."""


def connect(path, extension):
    db = sqlite3.connect(path, timeout=3, isolation_level=None, cached_statements=0)
    db.enable_load_extension(True)
    db.load_extension(extension)
    return db


def value(db, sql, *arguments):
    return db.execute(sql, arguments).fetchone()[0]


def make_shop(path, journal, extension):
    db = connect(path, extension)
    db.execute(f'PRAGMA journal_mode = {journal}')
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    rng = random.Random(3)
    db.execute('BEGIN')
    for session in range(250):
        for t in range(5):
            db.execute('INSERT INTO clicks VALUES (?, ?, ?)',
                       (session, (session * 7 + t * rng.choice((1, 1, 2))) % N_ITEMS, session * 10 + t))
    db.execute('COMMIT')
    db.execute('CREATE INDEX clicks_session ON clicks(session)')
    db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec(clicks, {OPTIONS})')
    db.execute("SELECT gru4rec_train('m')").fetchall()
    db.execute("CREATE TABLE file AS SELECT gru4rec_export('m') AS bytes")
    db.close()


# ---- roles: each does its thing once ----

class Actor:
    def __init__(self, path, extension, number):
        self.path, self.extension = path, extension
        self.rng = random.Random(number)
        self.db = connect(path, extension)

    def write_event(self):
        time.sleep(0.005)
        self.db.execute('INSERT INTO clicks VALUES (?, ?, ?)',
                        (self.rng.randrange(1000), self.rng.randrange(N_ITEMS + 10), int(time.time() * 1000)))

    def read(self, db=None):
        db = db or self.db
        history = f'[{self.rng.randrange(10)}]'
        n = value(db, "SELECT count(*) FROM gru4rec_recommend('m', ?, ?)", history, N_RANKED)
        if n != N_RANKED:
            raise Finding(f'a ranking of {n} rows')
        score = value(db, "SELECT gru4rec_score('m', ?, 1)", history)
        if not isinstance(score, float):
            raise Finding(f'a score of {score}')
        db.execute('SELECT count(*) FROM m WHERE rank <= 2 AND session < 20').fetchall()

    def read_anew(self):
        db = connect(self.path, self.extension)
        try:
            self.read(db)
        finally:
            db.close()

    def use_anew(self):
        """What composes a model from several statements, on a connection that has not loaded it."""
        for sql in ("SELECT gru4rec_score('m', '[1]', 2)", "SELECT gru4rec_step('m', NULL, 1)",
                    "SELECT length(gru4rec_export('m'))", "SELECT length(gru4rec_info('m'))",
                    "SELECT recall FROM gru4rec_evaluate('m', 'SELECT * FROM clicks LIMIT 100')"):
            db = connect(self.path, self.extension)
            try:
                db.execute(sql).fetchall()
            finally:
                db.close()

    def train(self):
        self.db.execute("SELECT gru4rec_train('m')").fetchall()

    def train_on(self):
        self.db.execute("SELECT gru4rec_train('m', 'warm_start=true, keep_versions=2')").fetchall()

    def train_in_transaction(self):
        time.sleep(0.1)
        self.db.execute('BEGIN IMMEDIATE')
        self.db.execute("SELECT gru4rec_train('m')").fetchall()
        self.db.execute(self.rng.choice(('COMMIT', 'ROLLBACK')))

    def deploy(self):
        time.sleep(0.02)
        self.db.execute("SELECT gru4rec_deploy('m', 'previous')").fetchall()

    def configure(self):
        time.sleep(0.05)
        source = self.rng.choice(('clicks', '(SELECT * FROM clicks)', '(SELECT * FROM clicks WHERE ts > 0)'))
        self.db.execute(f"SELECT gru4rec_configure('m', 'source={source}')").fetchall()

    def import_model(self):
        time.sleep(0.2)
        self.db.execute("SELECT gru4rec_import('m', (SELECT bytes FROM file))").fetchall()

    def check(self):
        verdict = value(self.db, "SELECT gru4rec_check('m')")
        if verdict != 'ok':
            raise Finding(f'the check says {verdict}')

    def back_up(self):
        path = f'{self.path}-backup'
        if os.path.exists(path):
            os.remove(path)
        copy = sqlite3.connect(path)
        self.db.backup(copy, pages=50, sleep=0.001)
        copy.close()
        copy = connect(path, self.extension)
        verdict = value(copy, "SELECT gru4rec_check('m')")
        copy.close()
        if verdict != 'ok':
            raise Finding(f'of a backup the check says {verdict}')

    def vacuum(self):
        time.sleep(0.3)
        self.db.execute('VACUUM')

    def make_anew(self):
        time.sleep(0.7)
        self.db.execute('BEGIN IMMEDIATE')
        self.db.execute('DROP TABLE m')
        self.db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec(clicks, {OPTIONS})')
        self.db.execute("SELECT gru4rec_train('m')").fetchall()
        self.db.execute('COMMIT')

    def rename(self):
        time.sleep(0.5)
        self.db.execute('BEGIN IMMEDIATE')
        self.db.execute('ALTER TABLE m RENAME TO renamed')
        self.db.execute('ALTER TABLE renamed RENAME TO m')
        self.db.execute(f'CREATE TABLE IF NOT EXISTS other{self.rng.randrange(100)}(x)')
        self.db.execute('COMMIT')


ROLES = [Actor.write_event] * 2 + [Actor.read] * 2 + [Actor.read_anew, Actor.use_anew] * 2 + [
    Actor.train, Actor.train_on, Actor.train_in_transaction, Actor.deploy, Actor.configure, Actor.import_model,
    Actor.check, Actor.back_up, Actor.vacuum, Actor.make_anew, Actor.rename]


def is_accepted(role, message):
    return (any(word in message.lower() for word in ACCEPTED) or role is Actor.deploy and 'no kept version' in message or
            role in (Actor.train, Actor.train_on) and "model 'm' was dropped while it was trained" in message)


def act(role, path, extension, number, end, results):
    """Does the role until the end. Findings and how often: {message: n}; '' counts what went well."""
    counts = collections.Counter()
    try:
        actor = Actor(path, extension, number)
        while time.monotonic() < end:
            message = ''
            try:
                role(actor)
            except (sqlite3.Error, Finding, UnicodeDecodeError) as e:
                message = str(e)
            if actor.db.in_transaction:
                actor.db.execute('ROLLBACK')
                if 'transaction' not in role.__name__ and role not in (Actor.make_anew, Actor.rename):
                    counts['left in a transaction'] += 1
            counts['busy' if message and is_accepted(role, message) else message[:300]] += 1
        actor.db.close()
    except Exception as e:
        counts[f'ends with {e!r}'] += 1
    results.put((role.__name__, dict(counts)))


def run(journal, options, directory):
    path = f'{directory}/{journal}.db'
    maker = multiprocessing.Process(target=make_shop, args=(path, journal, options.extension))
    maker.start()
    maker.join()
    results = multiprocessing.Queue()
    end = time.monotonic() + options.seconds / 2
    processes = [multiprocessing.Process(target=act, args=(role, path, options.extension, options.seed * 100 + i, end, results))
                 for i, role in enumerate(ROLES)]
    for process in processes:
        process.start()
    problems, n_done = collections.Counter(), 0
    for _ in processes:
        try:
            name, counts = results.get(timeout=max(0, end - time.monotonic()) + 90)
        except Exception:
            problems['a process hangs or died'] += 1
            break
        n_done += counts.pop('', 0) + counts.pop('busy', 0)
        for message, n in counts.items():
            problems[f'{name}: {message}'] += n
    for process in processes:
        process.join(5)
        if process.exitcode != 0:
            problems[f'a process ends with exit status {process.exitcode}'] += 1
            process.kill()
    db = connect(path, options.extension)
    for sql in 'PRAGMA integrity_check', "SELECT gru4rec_check('m')":
        if value(db, sql) != 'ok':
            problems[f'at the end: {sql}: {value(db, sql)}'] += 1
    db.close()
    return n_done, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('extension', type=os.path.abspath)
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    n_all = n_failed = 0
    directory = tempfile.mkdtemp(prefix='gru4rec-concurrency-', dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
    try:
        for journal in 'wal', 'delete':
            n, problems = run(journal, options, directory)
            n_all += n
            for problem, times in problems.items():
                n_failed += 1
                print(f'FAIL  {journal}: {problem} ({times} times)')
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f'note  concurrency: {n_all} calls of {len(ROLES)} processes')
    print(f'{n_all} passed, {n_failed} failed')
    sys.exit(n_failed > 0 or n_all == 0)


main()
