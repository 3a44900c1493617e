"""tune.py EXTENSION MPI [--seed S]: tunings over several processes (ranks=all), against one process: the same trials,
to the bit, the same result, whoever trains what; over one file, over shards, killed, interrupted, resumed by any number.

It uses ranks and checks of faults.py. GRU4REC_QUICK= (empty): more ranks, more kills.
"""
import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time

from faults import EXTENSION, LIMIT, SOON, Job, Ranks, check, connect, finish, options, shell, value

QUICK = bool(os.environ.get('GRU4REC_QUICK'))
NUMBERS = {'mpich': [1, 3], 'openmpi': [2]}[options.mpi] if QUICK else [1, 2, 3, 4]
EVENTS = """
    CREATE TABLE clicks(session_id, item_id, ts);
    WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 5999)
    INSERT INTO clicks SELECT i / 5, i * i % 97 + i / 1000, i / 3 FROM c WHERE i / 5 % {} = {};
    CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_sample=32{});
"""
SPACE = '{"layers":[8,16,24],"learning_rate":{"log":[0.02,0.3]},"blend":[0,0.5,2]}'
GIVEN = f'trials=12, n_epochs=9, min_support=2, space={SPACE}'
ROWS = ('SELECT trial, rung, epochs, objective, recall, mrr, options, status FROM rec_trial '
        'WHERE tune = ? AND trial > 0 ORDER BY 1, 2')


def call(text, more='threads=1, ranks=all'):
    return "SELECT gru4rec_tune('rec', '{}')".format(', '.join(part for part in (text, more) if part))


def lasting(text):
    """The result without what another call may have otherwise."""
    if not text.startswith('{"model"'):
        return text
    return {key: what for key, what in json.loads(text).items() if key not in ('seconds', 'threads', 'tune', 'ranks')}


class Log:
    """A log in one file that all ranks share (n_shards 1), or in shards; and what one process makes of it."""

    def __init__(self, home, n, n_shards=1, model=''):
        self.n, self.is_shared, self.n_shards = n, n_shards == 1, n_shards
        self.n_files = n_shards  # for Job: a file for each shard
        self.directory = f'{home}/{n}-{n_shards}-{len(os.listdir(home))}'
        self.given = 'shard=auto' if self.is_shared else ''
        os.mkdir(self.directory)
        for shard in range(n_shards):
            db = connect(self.path(shard))
            db.execute('PRAGMA journal_mode=wal')
            db.executescript(EVENTS.format(n_shards, shard, model))
            db.close()

    def path(self, number):
        return f'{self.directory}/{number}.db'

    def query(self, sql, *parameters, number=0):
        db = sqlite3.connect(self.path(number), timeout=30)
        rows = db.execute(sql, parameters).fetchall()
        db.close()
        return rows

    def rows(self, tune=1, number=0):
        return self.query(ROWS, tune, number=number)

    def newest(self, number=0):
        """Number and status of the newest tuning."""
        return self.query('SELECT tune, status FROM rec_trial WHERE trial = 0 ORDER BY tune DESC LIMIT 1', number=number)[0]

    def wait_rows(self, n, job, tune=1):
        """Until so many trials are over; False: the job was over before."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                if len(self.rows(tune)) >= n:
                    return True
            except sqlite3.OperationalError:  # no such table yet, or locked
                pass
            if job.is_over() or job.is_done():
                return False
            time.sleep(0.002)
        return False


def told(job, sql, only=None, others='SELECT 1'):
    """What the SQL gives on each rank."""
    job.begin(sql, only, others)
    return [str(row['result']) for row in job.results()]


def close(job):
    job.begin('')
    job.end()
    check('the ranks end', job.status == 0, job.status)


class Alone:
    """What one process finds, with the same events and options."""

    def __init__(self, home):
        self.log = Log(home, 1)
        self.result = lasting(shell(self.log.path(0), call(GIVEN, 'threads=2')).strip())
        self.rows = self.log.rows()
        check('one process: there is something to compare', isinstance(self.result, dict) and len(self.rows) > 14 and
              len({row[3] for row in self.rows}) > 9 and self.result['best_trial'] > 1, self.result)


def check_all(what, log, alone, texts, tune=1, files=None):
    """All ranks have found what one process finds, and the files have it."""
    for rank, text in enumerate(texts):
        check(f'{what}: rank {rank}: the result', lasting(text) == alone.result, text)
    for number in range(log.n_shards) if files is None else files:
        rows = log.rows(tune, number)
        check(f'{what}: file {number}: the trials', rows == alone.rows, f'{len(rows)} rows, {len(alone.rows)} wanted: '
              f'{[pair for pair in zip(rows, alone.rows) if pair[0] != pair[1]][:3]}')
        check(f'{what}: file {number}: finished', log.newest(number) == (tune, 'finished'), log.newest(number))
        check(f'{what}: file {number}: whole', log.query('PRAGMA integrity_check', number=number) == [('ok',)])


def check_ranks(what, n, texts, n_trained):
    """What the result says of the ranks: n_trained trials, at all rungs and for the report."""
    facts = [json.loads(text).get('ranks') for text in texts]
    if n == 1:
        check(f'{what}: no ranks', facts == [None], facts)
        return
    check(f'{what}: ranks', all(fact['ranks'] == n and fact['rank'] == rank and fact['exchange_bytes'] > 0
                                for rank, fact in enumerate(facts)), facts)
    check(f'{what}: who has trained', all(fact['trials'] == facts[0]['trials'] for fact in facts) and
          len(facts[0]['trials']) == n and sum(facts[0]['trials']) == n_trained and min(facts[0]['trials']) > 0, facts)


# ---- the same as one process ----

def one_file(home, alone, n):
    """All ranks on one file: one of them writes. Threads, memory and clocks of ranks may differ."""
    what = f'{n} ranks, one file'
    log = Log(home, n)
    job = Ranks(log)
    texts = told(job, call(GIVEN, f'{log.given}, threads=1, ranks=all'))
    check_all(what, log, alone, texts)
    check_ranks(what, n, texts, len(alone.rows) + 2)
    check(f'{what}: one number', {json.loads(text)['tune'] for text in texts} == {1}, texts)
    # One rank has more threads, and less memory: the large trials are for the others.
    many, few = (call('trials=4, n_epochs=1, blend=0, space={"layers":[8,300]}', f'{log.given}, ranks=all, {its}')
                 for its in ('threads=3, memory_limit=22000000', 'threads=1, memory_limit=200000000'))
    if n > 1:
        texts = told(job, many, n - 1, few)
        check(f'{what}: unequal ranks', len({str(lasting(text)) for text in texts}) == 1 and
              lasting(texts[0])['warnings'] == [], texts)
        texts = told(job, many)
        check(f'{what}: too large for all', all('needed more memory' in text for text in texts) and
              'memory' in {row[7] for row in log.rows(3)} and 'done' in {row[7] for row in log.rows(3)}, texts)
    tune = log.newest()[0] + 1
    texts = told(job, call(GIVEN, f'{log.given}, ranks=all, minutes=0.000001'))
    check(f'{what}: the time is over', all('"depends_on_time":true' in text and 'ended the search' in text
                                           for text in texts) and len({str(lasting(text)) for text in texts}) == 1 and
          0 < len(log.rows(tune)) <= 16 and set(log.rows(tune)) <= set(alone.rows), texts)
    close(job)


def shards(home, alone, n):
    """Each rank has a shard of its own: the trials are those of the union, and all files get them."""
    what = f'{n} shards'
    log = Log(home, n, n)
    job = Ranks(log)
    texts = told(job, call(GIVEN))
    check_all(what, log, alone, texts)
    check_ranks(what, n, texts, len(alone.rows) + 2)
    texts = told(job, "SELECT gru4rec_train('rec', 'tuned=true, n_epochs=1')")
    check(f'{what}: trained with it', all('"tuned":1' in text or '"tuned":true' in text for text in texts), texts)
    # Only the file of rank 0, which has its own numbers.
    texts = told(job, call('trials=2, n_epochs=1', 'ranks=all, replicate=first'))
    check(f'{what}: replicate=first', [log.newest(number)[0] for number in range(n)] == [2] + [1] * (n - 1) and
          all(json.loads(text)['tune'] == 2 for text in texts), texts)
    texts = told(job, call('trials=2, n_epochs=1'))
    check(f'{what}: own numbers', [json.loads(text)['tune'] for text in texts] == [3] + [2] * (n - 1), texts)
    # Without ranks=all each rank is alone, with its own shard.
    texts = told(job, call('trials=2, n_epochs=1', ''))
    check(f'{what}: each by itself', all('"ranks"' not in text and '"best_trial"' in text for text in texts) and
          len({str(lasting(text)) for text in texts}) == n, texts)
    close(job)


# ---- what is refused ----

def refused(home, alone, n):
    """Ranks that are given different things: each says what differs, and nothing is left."""
    log = Log(home, n)
    copies = Log(home, n, n)
    for number in range(n):
        os.remove(copies.path(number))
        shutil.copy(log.path(0), copies.path(number))
    db = connect(copies.path(n - 1))
    db.execute('INSERT INTO clicks VALUES (5, 3, 1)')
    db.close()
    small = 'trials=2, n_epochs=1'
    job = Ranks(copies)

    def wants(what, words, texts):
        check(f'refused: {what}', all(words in text for text in texts), texts)

    wants('other events', f'rank {n - 1} has read other events than rank 0', told(job, call(f'shard=auto, {small}')))
    wants('a session on two ranks', 'let all ranks read one source with shard=auto', told(job, call(small)))
    for option, other in ('trials=2', 'trials=3'), ('minutes=1', 'minutes=2'), ('seed=1', 'seed=2'), \
            ('space={"layers":[8,9]}', 'space={"layers":[8,10]}'), ('shard=auto', 'shard=own'):
        name = option.split('=')[0]
        wants(name, f'the ranks differ in option {name}', told(job, call(f'n_epochs=1, {option}'), n - 1,
                                                               call(f'n_epochs=1, {other}')))
    wants('a given default', 'the ranks differ in option given', told(job, call(f'{small}, bptt=1'), 0, call(small)))
    wants('resume of one', f'rank {n - 1} says resume=true, and rank 0 does not',
          told(job, call('resume=true'), n - 1, call(small)))
    texts = told(job, call(small).replace("'rec'", "'nothing'"), n - 1, call(small))
    wants('no such model', "no model 'nothing'", texts)
    check('refused: who it was', all((f'rank {n - 1} has failed' in text) == (rank < n - 1)
                                     for rank, text in enumerate(texts)), texts)
    wants('nothing to resume', "no tuning of 'rec' to resume", told(job, call('resume=true')))
    wants('groups', 'groups divides the sessions of one source', told(job, call(f'{small}, groups=2')))
    check('refused: nothing is left', copies.query("SELECT name FROM sqlite_schema WHERE name = 'rec_trial'") == [])
    db = connect(copies.path(n - 1))
    db.execute('DELETE FROM clicks WHERE ts = 1 AND item_id = 3 AND session_id = 5')
    db.close()
    # Equal copies, at last. Here groups has a meaning: the trials are trained as over two ranks.
    texts = told(job, call(f'shard=auto, {small}, groups=2'))
    check('equal copies', len({str(lasting(text)) for text in texts}) == 1 and
          lasting(shell(log.path(0), call(f'{small}, groups=2', '')).strip()) == lasting(texts[0]), texts)
    check('equal copies: the trials', all(copies.rows(number=number) == log.rows() for number in range(n)))
    close(job)


# ---- killed, interrupted, resumed ----

def killed(home, alone, n, n_shards, rng):
    """A rank is killed, twice; then others go on, and end as if nothing had happened."""
    log = Log(home, n, n_shards)
    what = f'killed, {n} ranks, {n_shards} files'
    text = call(GIVEN, f'{log.given}, threads=1, ranks=all'.lstrip(', '))
    for at in rng.randrange(1, 6), rng.randrange(7, 14):
        victim = rng.randrange(n)
        job = Job(log, text.replace('"', '\\"'))
        check(f'{what}: rows come', log.wait_rows(at, job))
        job.signal(victim, signal.SIGKILL)
        job.end()
        seen = log.rows()
        check(f'{what}: what is there is right', set(seen) <= set(alone.rows) and len(seen) < len(alone.rows), len(seen))
        check(f'{what}: not finished', log.newest() == (1, 'tuning'), log.newest())
        text = call('resume=true', f'{log.given}, ranks=all'.lstrip(', '))
    if not log.is_shared:  # a rank may have lost what it had
        db = connect(log.path(n - 1))
        db.execute('DELETE FROM rec_trial WHERE trial > ?', (rng.choice((3, -1)),))
        db.close()
    log.n = n - 1 if log.is_shared else n
    job = Ranks(log)
    check_all(f'{what}: resumed', log, alone, told(job, text))
    close(job)


def interrupted(home, alone, n, n_shards, rng):
    """One rank is interrupted: all stop soon, and go on in the same processes; at the end in one of them alone."""
    log = Log(home, n, n_shards)
    what = f'interrupted, {n} ranks, {n_shards} files'
    job = Ranks(log)
    text = call(GIVEN, f'{log.given}, threads=1, ranks=all'.lstrip(', '))
    again = call('resume=true', f'{log.given}, ranks=all'.lstrip(', '))
    for at in rng.randrange(1, 6), rng.randrange(7, 14):
        victim = rng.randrange(n)
        job.begin(text)
        check(f'{what}: rows come', log.wait_rows(at, job))
        start = job.interrupt(victim)
        results = job.results()
        texts = [str(row['result']) for row in results]
        check(f'{what}: all stop', all('interrupted' in one for one in texts), texts)
        check(f'{what}: who it was', all(rank == victim or f'rank {victim} was interrupted' in one
                                         for rank, one in enumerate(texts)), texts)
        took = max(row['at'] for row in results) - start
        check(f'{what}: soon', took < SOON, f'{took:.2f} s')
        # While an interrupt is pending, nothing can be written.
        states = [log.newest(number)[1] for number in range(n_shards) if number != victim]
        check(f'{what}: says so', set(states) <= {'interrupted'}, states)
        text = again
    if log.is_shared:
        close(job)
        texts = [shell(log.path(0), call('resume=true', '')).strip()]
    else:
        texts = told(job, again)
        close(job)
    check_all(f'{what}: resumed', log, alone, texts)


def reading(home):
    """A rank that reads all by itself, for a tuning or an evaluation, stops when another one is interrupted."""
    log = Log(home, 2, 2)
    for number in range(2):
        shell(log.path(number), "SELECT gru4rec_train('rec', 'n_epochs=1')")
        db = connect(log.path(number))
        db.executescript("""
            CREATE VIEW endless AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)
            SELECT NULL AS session_id, 1 AS item_id, i AS ts FROM c;
            CREATE TABLE small AS SELECT * FROM clicks LIMIT 100;
        """)
        if number == 1:
            db.executescript('DROP TABLE clicks; CREATE VIEW clicks AS SELECT * FROM endless;')
        db.close()
    job = Ranks(log)
    evaluate = "SELECT method FROM gru4rec_evaluate('rec', '{}', 'ranks=all')"
    for what, sql, other in ('a tuning', call('trials=2', 'ranks=all, shard=auto'), None), \
            ('an evaluation', evaluate.format('small'), evaluate.format('endless')):
        job.begin(*((other, 1, sql) if other else (sql,)))
        time.sleep(0.7)
        start = job.interrupt(0)
        results = job.results()
        texts = [str(row['result']) for row in results]
        took = max(row['at'] for row in results) - start
        check(f'reading for {what}: all stop', 'gru4rec: interrupted' in texts[0] and
              'rank 0 was interrupted' in texts[1], texts)
        check(f'reading for {what}: soon', took < SOON, f'{took:.2f} s')
    close(job)


def last_moments(home, alone, n):
    """A file is locked at the end: nobody says "finished" unless all others can; resume then makes an end of it."""
    for late in 0, n - 1:
        log = Log(home, n, n)
        what = f'file {late} of {n} is locked at the end'
        job = Ranks(log)
        lock = sqlite3.connect(log.path(late), isolation_level=None)
        told(job, 'PRAGMA busy_timeout=0')
        job.begin(call(GIVEN, 'threads=1, ranks=all, commit_wait=1'))
        check(f'{what}: begins', log.wait_rows(1, job) if late else True)
        lock.execute('BEGIN IMMEDIATE')
        texts = [str(row['result']) for row in job.results()]
        check(f'{what}: all fail', all('locked' in text for text in texts), texts)
        check(f'{what}: not finished', log.newest(n - 1 - late)[1] == 'failed', log.newest(n - 1 - late))
        lock.execute('ROLLBACK')
        lock.close()
        has = log.query("SELECT 1 FROM sqlite_schema WHERE name = 'rec_trial'") != []
        check_all(f'{what}: then', log, alone, told(job, call('resume=true' if has else GIVEN)),
                  files=[0] if not has else None)
        close(job)


def main():
    rng = random.Random(options.seed if options.seed is not None else int(time.time()))
    with tempfile.TemporaryDirectory(prefix='gru4rec-mpi-') as home:
        alone = Alone(home)
        for n in NUMBERS:
            one_file(home, alone, n)
        most = max(NUMBERS)
        for n in NUMBERS[-1:] if QUICK else NUMBERS[1:]:
            shards(home, alone, n)
        for _ in range(1 if QUICK else 3):
            killed(home, alone, most, 1, rng)
            interrupted(home, alone, most, most, rng)
        if options.mpi == 'mpich' or not QUICK:  # what does not depend on MPI
            killed(home, alone, 2, 2, rng)
            interrupted(home, alone, most, 1, rng)
            refused(home, alone, 2)
            last_moments(home, alone, 2)
            reading(home)
    finish()


main()
