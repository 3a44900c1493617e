"""hostile.py - what shadow.py and damage.py share: databases, what is asked of them, and a process for each case.

    /usr/bin/python3 tests/attack/X.py EXTENSION [--seconds S] [--seed N] [--only CASE]

A case is a function of the seed and its number: --only repeats one, and shows all that it says. It runs in a process
of its own, so that a crash or a report of a sanitizer is a failure of that case alone. What it must not do: crash, take
longer than the host's progress handler allows, leave a transaction, take much memory, give a message that is not UTF-8,
or give other answers in silence, gru4rec_check() saying ok.
"""
import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback

STATEMENT_SECONDS = 2  # then the progress handler stops it; the next one of that case in half the time
SLACK_SECONDS = 6  # how much later it may end, on a busy machine under sanitizers
CASE_SECONDS = 240
MOST_MEGABYTES = 900  # of a case's process; a sanitized one begins at some 150
MOST_SHOWN = 10

# What is read, and does not change the database; an answer is compared with that of the sound one.
READS = [
    "SELECT rank, item, score, basis FROM gru4rec_recommend('m', '[1, 2, 3]', 8)",
    "SELECT rank, item, score FROM gru4rec_recommend('m', '[\"i1\", \"i2\"]') WHERE exclude_seen = 1",
    "SELECT count(*), sum(score) FROM gru4rec_recommend('m', NULL)",
    "SELECT rank, item FROM gru4rec_recommend('m', (SELECT s FROM states), 3)",
    "SELECT rank, item FROM gru4rec_recommend('m', '[1]') WHERE candidates = '[1, 2, \"i3\"]'",
    "SELECT session, item, score FROM m WHERE rank <= 2",
    "SELECT session, item, score FROM m WHERE session = 3 AND item IN (1, 2, 'i3')",
    "SELECT count(*) FROM (SELECT * FROM m LIMIT 100)",
    "SELECT gru4rec_score('m', '[1]', 2), gru4rec_score('m', NULL, 'i2')",
    "SELECT hex(gru4rec_step('m', NULL, 1))",
    "SELECT hex(gru4rec_step('m', (SELECT s FROM states), 3))",
    "SELECT hex(gru4rec_state('m', item_id)) FROM clicks",
    "SELECT item, similarity FROM gru4rec_similar('m', 1, 3)",
    "SELECT item, similarity FROM gru4rec_similar('m', 'i1', 3)",
    "SELECT position, event, contribution FROM gru4rec_explain('m', '[1, 2]', 3)",
    "SELECT hex(gru4rec_embedding('m', 1)), hex(gru4rec_embedding('m', 'i1'))",
    "SELECT method, k, recall, mrr, coverage FROM gru4rec_evaluate('m', 'clicks', 'cutoffs=1/5, baselines=pop')",
    "SELECT method, k, recall, mrr, warnings FROM gru4rec_evaluate('m', 'clicks', 'cutoffs=5, baselines=all')",
    "SELECT measure, k, a, b, p, skipped, warnings FROM gru4rec_compare('m', 'm', 'clicks', 'cutoffs=5, version_b=newest')",
    "SELECT measure, k, a, b, p, skipped, warnings FROM gru4rec_compare('m', 'stan', 'clicks', 'cutoffs=5')",
    "SELECT hex(gru4rec_export('m'))",
    "SELECT rank, item, score FROM gru4rec_recommend('m', '[1, 2]', 4) WHERE version = 1",
    "SELECT gru4rec_score('m', '[1]', 2, 1), hex(gru4rec_export('m', NULL, 'version=1'))",
    "SELECT hex(gru4rec_export('m', NULL, 'sessions=true'))",
    "SELECT gru4rec_plot('m', 'learning'), gru4rec_plot('m', 'trials')",
    "SELECT gru4rec_plot('m', 'items'), gru4rec_plot('m', 'popularity')",
    "SELECT gru4rec_plot('m', 'lengths')",
    "SELECT gru4rec_plot('m', 'methods', 'test=clicks, baselines=pop')",
    "SELECT gru4rec_report('m')", "SELECT gru4rec_report('m', 'test=clicks, titles=(SELECT item_id, session_id FROM clicks)')",
]
CHECK = "SELECT gru4rec_check('m')"
INTEGRITY = 'PRAGMA integrity_check'
LIMITS = 'n_epochs=1, threads=1, memory_limit=300000000'
WRITES = [
    INTEGRITY,
    "SELECT gru4rec_info('m')",
    "SELECT check_name, severity, value, advice FROM gru4rec_audit('m', 'clicks')",
    "SELECT warnings FROM gru4rec_evaluate('m', 'clicks')",
    "SELECT count(*), min(message), sum(seconds_left) FROM gru4rec_status('m')",
    "SELECT gru4rec_deploy('m', 'best')",
    "SELECT gru4rec_deploy('m', 'previous')",
    "SELECT gru4rec_deploy('m', 1)",
    "SELECT gru4rec_configure('m', 'source=(SELECT * FROM clicks), n_epochs=1')",
    "SELECT gru4rec_configure('m', '{\"source\":\"clicks\", \"n_epochs\":null}')",
    "SELECT gru4rec_deploy('m', 'best', 'clicks')",
    f"SELECT gru4rec_train('m', 'activate=false, {LIMITS}')",
    "SELECT rank, item FROM gru4rec_recommend('m', '[1, 2, 3]', 5) WHERE version IN ('previous', 'newest')",
    f"SELECT gru4rec_train('m', 'warm_start=true, {LIMITS}')",
    "SELECT gru4rec_train('m', 'resume=true')",
    f"SELECT gru4rec_train('m', '{LIMITS}')",
    f"SELECT gru4rec_train('m', 'warm_start=true, blend=auto, validation=0.2, {LIMITS}')",
    "SELECT rank, item FROM gru4rec_recommend('m', '[1, 2, 3]', 5)",
    CHECK,
    "SELECT gru4rec_import('m', (SELECT bytes FROM exported))",
    "SELECT gru4rec_import('m', gru4rec_export('m'))",
    "SELECT gru4rec_import('m', gru4rec_export('m', NULL, 'sessions=true'))",
    'ALTER TABLE m RENAME TO renamed',
    "SELECT gru4rec_check('renamed')",
    'DROP TABLE renamed',
    'DROP TABLE m',
    "SELECT gru4rec_train('m', 'clicks', 'layers=4, n_epochs=1, threads=1')",
]

# ---- sound databases ----

SMALL = 'batch_size=4, n_sample=8, threads=1'
BASES = {
    'plain': f"clicks, layers=8, n_epochs=1, blend=0, {SMALL}",
    'rich': "clicks, layers=8/6, feedforward=5, embedding=4, loss=bpr-max, n_epochs=2, keep_optimizer=true, adapt=adam, "
            f"validation=0.2, {SMALL}",
    'blend': f"clicks, layers=8, n_epochs=1, blend=1, blend_sessions=120, {SMALL}",
    'text': "(SELECT * FROM clicks), layers=4, constrained_embedding=false, n_epochs=4, checkpoint_epochs=1, "
            f"session_gap=50, collapse_repeats=true, quantize=true, {SMALL}",
}


def connect(path, extension=None):
    """Texts come as bytes: what a table holds need not be UTF-8, what a message holds must."""
    db = sqlite3.connect(path, isolation_level=None, cached_statements=0)
    db.text_factory = bytes
    if extension:
        db.enable_load_extension(True)
        db.load_extension(extension)
    return db


def make_clicks(db, is_text, n_sessions=40, n_items=18):
    rng = random.Random(5)
    db.execute(f"CREATE TABLE clicks(session_id INTEGER, item_id {'TEXT' if is_text else 'INTEGER'}, ts INTEGER)")
    ts = 0
    for session in range(n_sessions):
        item = rng.randrange(n_items)
        for _ in range(rng.randrange(2, 7)):
            ts += 1
            db.execute('INSERT INTO clicks VALUES (?, ?, ?)', (session, f'i{item}' if is_text else item, ts))
            item = (item + rng.choice((1, 1, 2, 3))) % n_items


def stop_training(db, path):
    """A run that stops after its second checkpoint, and can be resumed."""
    watcher = connect(path)

    def is_due():
        return watcher.execute("SELECT count(*) > 1 FROM m_epoch JOIN m_version USING (version) "
                               "WHERE status = 'training'").fetchone()[0]
    db.set_progress_handler(is_due, 500)
    try:
        db.execute("SELECT gru4rec_train('m', 'n_epochs=100000')").fetchall()
    except sqlite3.Error:
        pass
    db.set_progress_handler(None, 0)
    watcher.close()


def make_base(path, name, extension, page_size):
    """Makes the database, and beside it, as a pickle, what it answers."""
    db = connect(path, extension)
    db.execute(f'PRAGMA page_size = {page_size}')
    make_clicks(db, name == 'text')
    db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec({BASES[name]})')
    db.execute("SELECT gru4rec_train('m')").fetchall()
    if name == 'rich':
        db.execute("SELECT gru4rec_train('m', 'warm_start=true')").fetchall()
    if name == 'text':
        stop_training(db, path)
    first, second = ("'i1'", "'i2'") if name == 'text' else (1, 2)
    db.execute(f"CREATE TABLE states AS SELECT gru4rec_step('m', gru4rec_step('m', NULL, {first}), {second}) AS s")
    whole = ", NULL, 'sessions=true'" if name == 'blend' else ''
    db.execute(f"CREATE TABLE exported AS SELECT gru4rec_export('m'{whole}) AS bytes")
    with open(path + '.answers', 'wb') as file:
        pickle.dump([answer(db, sql)[0] for sql in READS], file)
    db.close()


# ---- a case ----

class Case:
    """One case in its own process. What is wrong is printed in lines that begin with WRONG."""

    def __init__(self, number, seed, directory, extension):
        self.number, self.directory, self.extension = number, directory, extension
        self.rng = random.Random(seed * 1000003 + number)
        self.path = f'{directory}/case-{number}.db'
        self.answers = None
        self.patience = STATEMENT_SECONDS

    def wrong(self, what):
        print('WRONG', what, flush=True)

    def say(self, *what):
        print('  '.join(ascii(w) if not isinstance(w, str) else w for w in what)[:400], flush=True)

    def take_base(self, name):
        shutil.copy(f'{self.directory}/{name}.db', self.path)
        with open(f'{self.directory}/{name}.db.answers', 'rb') as file:
            self.answers = pickle.load(file)

    def ask(self, db, sql):
        """Rows, or None for an error; the error's message is in self.message."""
        self.say('SQL', sql)
        start = time.monotonic()
        db.set_progress_handler(lambda: time.monotonic() - start > self.patience, 1000)
        try:
            rows, self.message = answer(db, sql)
        except UnicodeDecodeError as e:
            rows, self.message = None, repr(e.object)
            if e.object.startswith(b'gru4rec'):  # else it is SQLite's own
                self.wrong(f'not UTF-8: {self.message}: {sql}')
        seconds = time.monotonic() - start
        db.set_progress_handler(None, 0)
        self.say('  ->', str(rows)[:80] if rows is not None else self.message)
        if seconds > self.patience + SLACK_SECONDS:
            self.wrong(f'{seconds:.1f} seconds: {sql}')
        if seconds > self.patience:
            self.patience = max(0.1, self.patience / 2)
        if db.in_transaction:
            self.wrong(f'left in a transaction: {sql}')
            db.execute('ROLLBACK')
        return rows

    def open(self):
        """A connection as a host may have set it; None when SQLite itself refuses the file."""
        try:
            db = connect(self.path, self.extension)
            db.execute('SELECT count(*) FROM sqlite_schema').fetchone()
            if self.rng.random() < 0.3:
                db.execute('PRAGMA trusted_schema = off')
            if self.rng.random() < 0.3:
                db.execute('PRAGMA hard_heap_limit = 200000000')
        except (sqlite3.Error, UnicodeDecodeError) as e:
            self.say('cannot be opened', repr(e))
            return None
        return db

    def read_all(self, db):
        """The statements whose answer differs from the sound database's, without an error."""
        different = []
        for sql, sound in zip(READS, self.answers):
            rows = self.ask(db, sql)
            if rows is not None and rows != sound:
                different.append(sql)
        return different

    def write_all(self, db):
        for sql in WRITES:
            self.ask(db, sql)

    def end(self, db):
        if db is not None:
            db.close()
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if megabytes > MOST_MEGABYTES:
            self.wrong(f'{megabytes} megabytes')
        for suffix in '', '-journal', '-wal', '-shm':
            if os.path.exists(self.path + suffix):
                os.remove(self.path + suffix)


def answer(db, sql):
    """Rows and '', or None and the error's message."""
    try:
        return db.execute(sql).fetchall(), ''
    except (sqlite3.Error, sqlite3.Warning) as e:
        return None, str(e)
    except (OverflowError, MemoryError) as e:
        return None, repr(e)


# ---- all cases ----

def begin(path, work):
    """Runs work() in a process whose output goes to the file; its process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    status = 0
    try:
        signal.alarm(CASE_SECONDS)
        work()
    except BaseException:
        traceback.print_exc()
        status = 7
    sys.stdout.flush()
    os._exit(status)


def why(status, text):
    """What is wrong with a case that has ended; '' when nothing is."""
    lines = [line for line in text.splitlines() if line.startswith('WRONG') or 'runtime error' in line or
             'ERROR: AddressSanitizer' in line or 'SUMMARY' in line]
    if status:
        last = [line for line in text.splitlines() if line.startswith('SQL')]
        signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        how = 'hangs' if signal_number == signal.SIGALRM else f'signal {signal_number}' if signal_number else \
            f'exit status {os.WEXITSTATUS(status)}'
        lines.append(f'{how} in {last[-1] if last else text[-300:]}')
    return '\n      '.join(lines[:6])


class Runner:
    def __init__(self, name, try_case, options, directory):
        self.name, self.try_case, self.options, self.directory = name, try_case, options, directory
        self.running = {}
        self.n_passed = self.n_failed = 0

    def start(self, number):
        path = f'{self.directory}/output-{number}'
        case = Case(number, self.options.seed, self.directory, self.options.extension)
        self.running[begin(path, lambda: self.try_case(case))] = number, path

    def wait(self):
        pid, status = os.waitpid(-1, 0)
        number, path = self.running.pop(pid)
        with open(path, errors='replace') as file:
            text = file.read()
        os.remove(path)
        problem = why(status, text)
        if problem:
            self.n_failed += 1
            if self.n_failed <= MOST_SHOWN:
                print(f'FAIL  {self.name}, --seed {self.options.seed} --only {number}: {problem}', flush=True)
        else:
            self.n_passed += 1
        if self.options.only is not None:
            print(text)

    def run(self):
        end = time.monotonic() + self.options.seconds
        numbers = iter([self.options.only] if self.options.only is not None else range(10 ** 9))
        number = next(numbers)
        while number is not None or self.running:
            if number is not None and len(self.running) < (os.cpu_count() or 1):
                self.start(number)
                number = next(numbers, None)
                if time.monotonic() > end:
                    number = None
            else:
                self.wait()


def main(name, try_case, bases, page_size=4096):
    """bases: names of the databases that the cases take."""
    parser = argparse.ArgumentParser()
    parser.add_argument('extension', type=os.path.abspath)
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--only', type=int)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix='gru4rec-hostile-', dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
    try:
        for base in bases:
            path = f'{directory}/{base}.db'
            pid = begin(path + '.log', lambda: make_base(path, base, options.extension, page_size))
            if os.waitpid(pid, 0)[1]:
                sys.exit(f'the database {base} cannot be made:\n' + open(path + '.log').read())
        runner = Runner(name, try_case, options, directory)
        runner.run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f'note  {name}: {runner.n_passed + runner.n_failed} cases')
    print(f'{runner.n_passed} passed, {runner.n_failed} failed')
    sys.exit(runner.n_failed > 0 or runner.n_passed == 0)
