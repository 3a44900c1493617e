"""shards.py PLAIN EXTENSION RANKS COMMAND...: trainings over RANKS processes, each with a shard of the events or all with
one source, against gru4rec.so (PLAIN) with all events in one process: catalogue, support, counts and held-out sessions
are those of the union, and the weights have the bits of groups=RANKS. COMMAND, such as mpirun -np 3, starts the processes.

    shards.py --rank EXTENSION FOLDER

is what each of these processes does.
"""
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'relational'))
from checks import check, finish

RANK = os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0'))
BASE = 'n_epochs=2, layers=12, batch_size=8, n_sample=32'

# ---- what each rank does ----


def connect(path, extension):
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    return db


def work(extension, folder):
    """
    Runs the steps of all cases on this rank's files, and writes what each gave. A step "0.5s: SELECT ..." is interrupted
    after this time; of "s: SELECT ..." only the seconds are told.
    """
    given = []
    for name, steps in json.load(open(folder + '/cases.json')):
        db = connect(f'{folder}/{name}-{RANK}.db', extension)
        for step in steps:
            step = step[int(RANK)] if isinstance(step, list) else step
            seconds, is_timed, sql = step.rpartition('s: ')
            timer = threading.Timer(float(seconds or 1), db.interrupt)
            start = time.monotonic()
            try:
                if seconds:
                    timer.start()
                given.append([name, db.execute(sql).fetchone()])
            except sqlite3.Error as error:
                given.append([name, str(error)])
            timer.cancel()
            if is_timed:
                given[-1][1] = f'{given[-1][1]} ({time.monotonic() - start - float(seconds or 1):.2f} s)'
        db.close()
    json.dump(given, open(f'{folder}/given-{RANK}.json', 'w'))


if sys.argv[1] == '--rank':
    sys.exit(work(*sys.argv[2:]))

# ---- the log ----

PLAIN, EXTENSION, N = *sys.argv[1:3], int(sys.argv[3])
COMMAND = sys.argv[4:]
WORD = 2**64 - 1


def fold(x, y):
    product = x * y
    return (product >> 64) ^ (product & WORD)


def shard_of(session):
    """gru4rec_shard_of() of a session that is an integer, or a text of at most 8 bytes that is none."""
    a, b = 0x2545f4914f6cdd1d, 0x9e6c63d0876a9a47
    stir = lambda h, word: fold(word ^ a, h ^ b)
    start = 0xcbf29ce484222325
    if isinstance(session, int):
        h = stir(stir(start, session & WORD), 1)
    else:
        h = start
        if session:
            h = stir(h, int.from_bytes(session.encode(), 'little'))
        h = stir(stir(h, len(session)), 3)
    return (h >> 32) * N >> 32


def log(seed, n=900, is_text=False, start=0):
    """Events of sessions with pauses, repeats, ties, and rows that lack something."""
    draw = random.Random(seed)
    rows = []
    for i in range(n):
        s, item = draw.randrange(start, start + n // 6), int(draw.random() ** 2 * 60)
        ts = s * 40 + draw.choice([0, 1, 1, 2, 3, 5, 200])
        session = f's{s}' if is_text else s
        rows.append((session, f'i{item}' if is_text else item, ts))
        if draw.random() < .1:
            rows.append(rows[-1])
    rows[7:7] = [(None, 3, 5), (rows[0][0], None, 5), (rows[1][0], 3, None), ('', 'i3', 3)]
    return rows


def with_bad_times(rows, every):
    return [(s, i, 'soon' if k % every == 9 else t) for k, (s, i, t) in enumerate(rows)]


class Case:
    """One log, divided, and one or more steps on it."""

    def __init__(self, name, rows, options='', more=(), division='own', steps=None, wants=None, same_bits=True):
        self.name, self.rows, self.more, self.division = name, rows, more, division
        self.options, self.wants, self.same_bits = f'{BASE}, {options}' if options else BASE, wants, same_bits
        self.steps = steps

    def whose(self, row):
        if row[0] is None or row[0] == '':
            return N - 1
        return 0 if self.division == 'one rank' else shard_of(row[0])

    def part(self, rows, rank):
        return rows if self.division == 'auto' else [row for row in rows if self.whose(row) == rank]

    def calls(self, extra):
        options = f'{self.options}, {extra}' if extra else self.options
        calls = [f"SELECT gru4rec_train('m', 'e', '{options}')"]
        if self.more:
            calls += ['INSERT INTO e SELECT * FROM more',
                      f"SELECT gru4rec_train('m', 'e', '{options}, warm_start=true, since=last')"]
        return calls

    def fill(self, folder):
        for rank in range(N):
            db = sqlite3.connect(f'{folder}/{self.name}-{rank}.db')
            self.insert(db, self.part(self.rows, rank), self.part(self.more, rank))
        steps = self.steps or self.calls('shard=auto' if self.division == 'auto' else '')
        return [self.name, steps]

    @staticmethod
    def insert(db, rows, more):
        for table, its in ('e', rows), ('more', more):
            db.execute(f'CREATE TABLE {table}(session_id, item_id, ts)')
            db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)', its)
        db.commit()
        db.close()

    def alone(self, folder):
        """The same in one process, with all events."""
        path = f'{folder}/{self.name}-alone.db'
        self.insert(sqlite3.connect(path), self.rows, self.more)
        db = connect(path, PLAIN)
        return [json.loads(given[0]) if given and given[0] else None for given in
                (db.execute(call).fetchone() for call in self.calls(f'groups={N}'))]


# ---- comparisons ----

# What depends on the process; a loss is the same only if the lanes are.
OWN = {'seconds', 'events_per_second', 'threads', 'memory_bytes', 'ranks', 'warnings', 'advice'}
LANES = {'loss', 'recall', 'mrr', 'steps', 'best_epoch', 'epochs'}


def check_summary(case, expected, got, rank):
    left_out = OWN | (set() if case.same_bits else LANES)
    if 'since' in expected:  # each source has rowids of its own
        for one in (expected, got) if case.division == 'own' else ():
            one['since'].pop('last_rowid', None)
    for key in expected:
        if key not in left_out:
            check(f'{case.name}, rank {rank}: {key}', expected[key] == got.get(key), f'{expected[key]} {got.get(key)}')
    facts = got['ranks']
    check(f'{case.name}, rank {rank}: ranks', (facts['ranks'], facts['rank']) == (N, rank) and
          sum(facts['events']) == got['events'] and len(facts['events']) == N and facts['exchange_bytes'] > 0, facts)


def model(path, same_bits):
    db = sqlite3.connect(path)
    queries = ['SELECT * FROM m_item ORDER BY 1'] + ['SELECT * FROM m_tensor ORDER BY 1, 2, 3'] * same_bits
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'm_blend'").fetchone():
        queries.append('SELECT * FROM m_blend ORDER BY 1, 2, 3')
        assert db.execute('SELECT count(*) FROM m_blend').fetchone()[0] > 0
    return [db.execute(query).fetchall() for query in queries]


def check_case(case, folder, given):
    """given: what each step of the case gave, on each rank."""
    if case.wants:
        for rank in range(N):
            for want, got in zip(case.wants(rank), given[rank]):
                is_wanted = want(got) if callable(want) else want is None or (isinstance(got, str) and want in got)
                check(f'{case.name}, rank {rank}', is_wanted, f'{want.__doc__ if callable(want) else want!r}: {got!r}')
        return
    alone = case.alone(folder)
    for rank in range(N):
        for expected, got in zip(alone, given[rank]):
            if isinstance(got, str):
                check(f'{case.name}, rank {rank}', False, got)
            elif expected:
                check_summary(case, expected, json.loads(got[0]), rank)
        check(f'{case.name}, rank {rank}: the model', model(f'{folder}/{case.name}-alone.db', case.same_bits) ==
              model(f'{folder}/{case.name}-{rank}.db', case.same_bits))


# ---- the cases ----

OPTIONS = {
    'plain': '',
    'support': 'min_support=4, min_length=2',
    'held': 'validation=0.3, n_epochs=4, patience=1',
    'cut': 'session_gap=100, max_length=3, collapse_repeats=true, single_events=count',
    'long': 'max_length=6, long_sessions=drop, min_support=2',
    'window': 'since=400, until=3000',
    'ids': 'time_sort=false, min_support=2',
    'batch': 'n_sample=0, bptt=3',
    'all': 'n_sample=all, loss=cross-entropy, train_random_order=true',
    'blend': 'blend=0.5, blend_sessions=150',
    'strength': 'blend=auto, validation=0.3',
    'separate': 'constrained_embedding=false, embedding=8, dropout_p_hidden=0.2, momentum=0.1, keep_empty=true',
    'merged': 'sync_steps=3, n_epochs=3, train_random_order=true, dropout_p_embed=0.2',
    'bfloat16': 'precision=bfloat16, dropout_p_hidden=0.2, bptt=2',
    'rounded': 'sync_steps=5, exchange_precision=bfloat16, validation=0.3, n_epochs=3',
}


def failed_rank(rank, words, who=1):
    return [words if rank == who else f'rank {who} has failed: {words}']


def is_stopped(rank, who=0):
    """What rank gave in time, after rank who was interrupted."""
    words = 'interrupted' if rank == who else f'rank {who} was interrupted'
    return lambda got: isinstance(got, str) and words in got and float(got.rpartition('(')[2].split()[0]) < 1.5


def is_measured(got):
    return isinstance(got, tuple | list) and 0 <= got[0] <= 1


def is_trained(got):
    return isinstance(got, tuple | list) and json.loads(got[0])['ranks']['ranks'] == N


def cases():
    for i, (name, options) in enumerate(OPTIONS.items()):
        rows = log(i, is_text=i % 2 == 1)
        more = log(100 + i, 200, i % 2 == 1, start=150) if i < 3 or name == 'blend' else ()
        for division in 'own', 'auto':
            yield Case(f'{name}-{division}', rows, options, more, division)
    yield Case('one-rank', log(20), 'validation=0.2, min_support=2', division='one rank', same_bits=False)
    for division in 'own', 'auto':
        yield Case(f'bad-{division}', with_bad_times(log(21), 20), 'bad_rows=0.1', division=division)
    plain = "SELECT gru4rec_train('m', 'e', '%s')"
    after = plain % BASE
    yield Case('too-bad', with_bad_times(log(22), 10), wants=lambda rank: [
        'more than bad_rows=0.05 allows; the first: rank ', None], steps=[plain % (BASE + ', bad_rows=0.05'), 'SELECT 1'])
    yield Case('empty', [], wants=lambda rank: ['no events are left to train on'], steps=[after])
    yield Case('singles', [(i, 1, 1) for i in range(50)], wants=lambda rank: [
        'nothing to learn from: none of the 50 sessions has two events'], steps=[after])
    yield Case('groups', log(23), wants=lambda rank: ['leave groups out'], steps=[plain % (BASE + ', groups=2')])
    yield Case('differ', log(24), wants=lambda rank: ['the ranks differ in option batch_size', None],
               steps=[[plain % (BASE + f', batch_size={20 + rank // (N - 1)}') for rank in range(N)], after])
    yield Case('no-source', log(25), wants=lambda rank: failed_rank(rank, "cannot read the source 'nowhere'") + [None],
               steps=[[plain.replace("'e'", "'nowhere'" if rank == 1 else "'e'") % BASE for rank in range(N)], after])
    yield Case('no-option', log(26), wants=lambda rank: failed_rank(rank, "no option 'nothing'"),
               steps=[[plain % (BASE + (', nothing=1' if rank == 1 else '')) for rank in range(N)]])
    twice = log(27)
    twice_steps = [[f'INSERT INTO e VALUES (5, 1, 1)' if rank != shard_of(5) and rank < 2 or rank == (shard_of(5) + 1) % N
                    else 'SELECT 1' for rank in range(N)], after]
    yield Case('twice', twice, wants=lambda rank: [None, 'session 5 is on rank'], steps=twice_steps)
    endless = '(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT NULL AS session_id, 1 AS item_id, ' \
        'i AS ts FROM c)'
    slow = plain.replace("'e'", f"'{endless}'") % BASE
    yield Case('interrupted', log(29), wants=lambda rank: [is_stopped(rank), is_trained],
               steps=[['0.7s: ' + after] + [f's: {slow}'] * (N - 1), after])
    # SQLite never gives a row of this one.
    sorting = '(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS session_id, ' \
        '1 AS item_id, i AS ts FROM c GROUP BY i % 1000)'
    sorts = (plain.replace("'e'", f"'{sorting}'")).replace('%s', BASE)
    evaluate = "SELECT recall FROM gru4rec_evaluate('m', '{}', 'ranks=all, cutoffs=5')"
    for who in 0, N - 1:
        yield Case(f'sorting-{who}', log(32 + who), wants=lambda rank, who=who: [
            is_trained, is_stopped(rank, who), is_stopped(rank, who), is_trained], steps=[
                after, *([f'1s: {mine}' if rank == who else f's: {its}' for rank in range(N)]
                         for mine, its in ((after, sorts), (evaluate.format('e'), evaluate.format(sorting)))), after])
    test = '(WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 99) ' \
        'SELECT i / 4 AS session_id, i % 7 AS item_id, 100000 + i AS ts FROM c)'
    measure = f"SELECT recall FROM gru4rec_evaluate('m', '{test}', 'ranks=all, cutoffs=5, baselines=WHICH')"
    yield Case('baselines', log(30), wants=lambda rank: [is_trained, 'other training events to fit', is_measured],
               steps=[after, measure.replace('WHICH', 'pop/vs-knn'),
                      measure.replace('WHICH', 'pop')])
    # The same sessions, at other times.
    yield Case('other-times', log(31), division='auto', wants=lambda rank: [
        is_trained, None, 'other training events to fit'], steps=[
            plain % (BASE + ', shard=auto, replicate=all'),
            ['SELECT 1' if rank else 'UPDATE e SET ts = 0.5 * ts' for rank in range(N)], measure.replace('WHICH', 'stan')])
    yield Case('other-version', log(28), wants=lambda rank: [None, None, 'than rank 0' if False else 'rank '],
               steps=[after, [f"SELECT 1" if rank else 'DROP TABLE m' for rank in range(N)],
                      plain % (BASE + ', since=last, warm_start=true')])


def main():
    with tempfile.TemporaryDirectory(prefix='gru4rec-mpi-') as folder:
        only = os.environ.get('ONLY', '').split()  # names of cases
        every = [case for case in cases() if not only or case.name in only]
        if N != 3 and not only:  # the others are as with 3 ranks
            every = every[N % 5::5]
        json.dump([case.fill(folder) for case in every], open(folder + '/cases.json', 'w'))
        done = subprocess.run([*COMMAND, sys.executable, __file__, '--rank', EXTENSION, folder], capture_output=True,
                              text=True)
        check('the ranks end', done.returncode == 0, done.stdout + done.stderr)
        if done.returncode == 0:
            ranks = [json.load(open(f'{folder}/given-{rank}.json')) for rank in range(N)]
            for case in every:
                check_case(case, folder, [[got for name, got in given if name == case.name] for given in ranks])
    finish()


main()
