"""limits.py - what is read, trained, measured and loaded stays within the limits of memory.

Each point is a process of its own: a limit and a statement. The statement must fail with an error that names the limit,
the process must have taken about as much as the limit allows and no more, and its connection must work afterwards.
"""
import itertools
import re
from common import *

MB = 1_000_000
# Events without end; whoever counts them has to stop.
ENDLESS = ('(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) '
           'SELECT {} AS session, {} AS item, i AS ts FROM c)')
SHAPES = {  # what grows: sessions, items, texts, one session
    'sessions': ('i', '1000 + i % 20'),
    'items': ('i / 3', 'i'),
    'texts': ("printf('session %d of a shop', i)", '1000 + i % 7'),
    'one': ('1', '1000 + i % 300'),
}
STATEMENTS = {
    'train': "SELECT gru4rec_train('rec', '{source}', '{options}n_epochs=1')",
    'new': "SELECT gru4rec_train('new', '{source}', '{options}n_epochs=1')",
    'sorted': "SELECT gru4rec_train('new', '{source}', '{options}order=ts,n_epochs=1')",
    'evaluate': "SELECT * FROM gru4rec_evaluate('rec', '{source}', '{options}cutoffs=5')",
    'audit': "SELECT count(*) FROM gru4rec_audit('{source}', '{options}n_sample=1')",
    'audit of a test': "SELECT count(*) FROM gru4rec_audit('rec', '{source}', '{options}n_sample=1')",
    'batches': "SELECT count(*) FROM gru4rec_batches('{source}', 2, '{options}n_sample=1')",
}
LIMITS = {  # name: its error, PRAGMA, option
    'option': r'\(memory_limit\); .*, or raise memory_limit',
    'heap': r'\(the hard heap limit\); .*, or raise this limit by sqlite3_hard_heap_limit64\(\)',
}

# The other process: prints what was said, what the process took beside, and whether it works.
POINT = r'''
import ctypes, json, resource, sqlite3, sys
extension, path, pragma, sql, before, after = sys.argv[1:]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
db = sqlite3.connect(path, isolation_level=None)
db.enable_load_extension(True)
db.load_extension(extension)
for statement in before.split(';'):
    db.execute(statement)
if pragma:
    db.execute(pragma).fetchall()
start, said = peak(), ''
try:
    db.execute(sql).fetchall()
except MemoryError:
    said = 'MemoryError'
except sqlite3.Error as e:
    said = str(e)
took = peak() - start
rest = [db.in_transaction] + [db.execute(statement).fetchone()[0] for statement in after.split(';')]
print(json.dumps([said, took, rest]))
'''


def try_point(path, sql, pragma='', before='SELECT 1', after='SELECT 1'):
    """Message, bytes that were taken, what the statements of after give."""
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    done = subprocess.run([sys.executable, '-c', POINT, EXTENSION, path, pragma, sql, before, after],
                          capture_output=True, text=True, timeout=LIMIT)
    if done.returncode != 0:
        return f'exit status {done.returncode}: {done.stderr[-300:]}', 0, []
    return json.loads(done.stdout)


WARM = "SELECT count(*) FROM gru4rec_recommend('rec', '[1001]', 3)"


def reading(directory):
    """Endless events: every statement that reads them, every shape, each limit at several sizes."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(200))
    train(db, 'n_epochs=1')
    db.execute('CREATE TABLE kept(x)')
    db.close()
    sizes = (2, 12) if QUICK else (1, 3, 10, 40)
    for turn, (name, shape, limit, megabytes) in enumerate(itertools.product(STATEMENTS, SHAPES, LIMITS, sizes)):
        if name == 'evaluate' and shape == 'items':  # it drops those that the model does not know
            continue
        if limit == 'heap' and megabytes < 10:
            megabytes += 10  # of which SQLite itself takes some
        is_option = limit == 'option'
        sql = STATEMENTS[name].format(source=ENDLESS.format(*SHAPES[shape]).replace("'", "''"),
                                      options=f'memory_limit={megabytes * MB},' if is_option else '')
        is_within = turn % 3 == 0  # a transaction, which must still be there
        said, took, rest = try_point(path, sql, '' if is_option else f'PRAGMA hard_heap_limit={megabytes * MB}',
                                     WARM + ('; BEGIN; INSERT INTO kept VALUES (1)' if is_within else ''),
                                     f"{WARM}; SELECT count(*) FROM kept")
        what = f'{name}, {shape}, {limit} of {megabytes} MB'
        check(f'{what}: error', re.search('(needs more than|may use) [0-9.]+ MB (of memory )?' + LIMITS[limit], said), said)
        check(f'{what}: memory', took <= megabytes * MB + 12 * MB, took)
        check(f'{what}: the connection works', rest == [is_within, 3, int(is_within)], rest)


def models_limit(directory):
    """memory_limit of CREATE holds for train and evaluate; what a version was trained with, for evaluate; the own one
    goes before both."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(200), options=f'layers=8, n_sample=8, memory_limit={20 * MB}')
    source = ENDLESS.format('i', '1000 + i % 20')
    for limit, options in (20, 'n_epochs=1'), (29, f'n_epochs=1, memory_limit={29 * MB}'):
        train(db, options)
        said, took, _ = try_point(path, f"SELECT * FROM gru4rec_evaluate('rec', '{source}')")
        check(f'evaluate: the limit of the model, {limit} MB',
              f'needs more than {limit} MB of memory (memory_limit)' in said and took < 45 * MB, (said, took))
        said, took, _ = try_point(path, f"SELECT * FROM gru4rec_evaluate('rec', '{source}', 'memory_limit=2e6')")
        check('evaluate: its own', 'needs more than 2 MB of memory (memory_limit)' in said, said)
    said, took, _ = try_point(path, f"SELECT gru4rec_train('rec', '{source}')")
    check('train: the limit of CREATE', 'needs more than 20 MB of memory (memory_limit)' in said, said)
    said = error(db, "SELECT gru4rec_train('rec', 'layers=1000')")
    check('train: the same limit for the weights', 'may use 20 MB (memory_limit)' in said, said)
    check('train: within the limit', train(db, 'n_epochs=1')['memory_bytes'] < 20 * MB)
    db.close()


def soft_limit(directory):
    """A soft heap limit is a wish: nothing fails for it."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(200))
    db.close()
    said, _, rest = try_point(path, "SELECT gru4rec_train('rec', 'n_epochs=1')", 'PRAGMA soft_heap_limit=1000000',
                              after=WARM)
    check('soft limit: trained', said == '' and rest == [False, 3], (said, rest))


def lowered(directory):
    """Sweeps the limit below what a training takes: an error that names it, or the same result, and nothing between."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(400), options='layers=64, n_sample=256, n_epochs=1')
    whole = train(db)['memory_bytes']
    model = value(db, 'SELECT group_concat(hex(data)) FROM rec_tensor WHERE version = 1')
    n = 12 if QUICK else 60
    outcomes = []
    for i in range(n + 1):
        limit = whole * (i + 1) // n
        said = error(db, f"SELECT gru4rec_train('rec', 'n_epochs=3,memory_limit={limit}')")
        outcomes.append(said == '')
        check(f'limit {limit}', said == '' or 'memory_limit' in said and 'keeps serving' in said, said)
    check('from the figure of the summary on it works', outcomes == sorted(outcomes) and outcomes[-1] and not
          outcomes[n // 2], outcomes)
    check('and the bits are the same', value(db, 'SELECT group_concat(hex(data)) FROM rec_tensor WHERE version = '
                                                 '(SELECT max(version) FROM rec_version)') == model)
    db.close()


def loading(directory):
    """A model that is larger than the hard heap limit is not loaded; a smaller one is."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(200), options='layers=800, n_sample=8, n_epochs=1')
    train(db)
    size = value(db, 'SELECT sum(length(data)) FROM rec_tensor')
    db.close()
    for part in (0.3, 0.8, 3):
        limit = int(size * part)
        said, took, rest = try_point(path, WARM, f'PRAGMA hard_heap_limit={limit}', after='SELECT 1')
        if part > 1:
            check('loading: with room', said == '', said)
        else:
            check(f'loading: {limit} of {size}', 'loading the model needs' in said and 'hard heap limit' in said and
                  took < size, (said, took))


def claims(directory):
    """A small file that claims to hold much: an error, and next to no memory taken."""
    good = directory + '/good.db'
    db = make_shop(good, rows=clicks(60), options='layers=8, n_sample=8, n_epochs=1')
    train(db)
    db.execute('DROP TABLE clicks')
    db.execute('VACUUM')
    db.close()
    large = "UPDATE rec_version SET options = json_set(options, '$.layers', json('[{}]'))"
    tensor = ('DROP TABLE rec_tensor; CREATE TABLE rec_tensor(id INTEGER PRIMARY KEY, version, name, chunk, shape, '
              "checksum, data AS (zeroblob({})) {}); INSERT INTO rec_tensor(version, name, chunk, shape, checksum) "
              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT 1, {}, i, '', 0 FROM n")
    view = ('ALTER TABLE rec_tensor RENAME TO other; CREATE VIEW rec_tensor AS SELECT id, version, name, chunk, shape, '
            'checksum, zeroblob(900000000) AS data FROM other')
    texts = "UPDATE {} = printf('%.*c', 3000000, 'x')"
    cases = {
        'one chunk of 900 MB': [tensor.format(900000000, '', 1, "'Wy.weight'"), large.format(8000)],
        'the same, other options': [tensor.format(900000000, '', 1, "'Wy.weight'")],
        'many chunks of 900 MB': [tensor.format(900000000, '', 40, "'x' || i"), large.format(20000)],
        'chunks of the right size': [tensor.format(1 << 20, '', 2000, "'Wy.weight'"), large.format(8000)],
        'a view': [view, large.format(8000)],
        'wide layers alone': [large.format(65536)],
        'many layers': [large.format(','.join(['65536'] * 32))],
        'items without end': ['UPDATE rec_item SET row = 2147483646 WHERE row = (SELECT max(row) FROM rec_item)'],
        'more items than there can be': ['UPDATE rec_item SET row = 9e18 WHERE row = (SELECT max(row) FROM rec_item)'],
        'a chunk that is too long': ['UPDATE rec_tensor SET data = zeroblob(3000000)'],
        'text for a chunk': [texts.format('rec_tensor SET data')],
        'a long item': [texts.format('rec_item SET item') + ' WHERE row < 2'],
        'long options': ["UPDATE rec_version SET options = '{\"layers\":[' || replace(hex(zeroblob(500000)), '00', '1,')"
                         " || '1]}'"],
        'long options of CREATE': ["UPDATE rec_config SET value = '{\"layers\":[' || "
                                   "replace(hex(zeroblob(500000)), '00', '1,') || '1]}' WHERE key = 'options'"],
    }
    readers = itertools.cycle(('SELECT count(*) FROM rec', "SELECT gru4rec_check('rec')", "SELECT gru4rec_train('rec', "
                               "'(SELECT 1 AS session, 1 AS item, 1 AS ts)', 'warm_start=true')"))
    for case, changes in cases.items():
        path = directory + '/claims.db'
        shutil.copy(good, path)
        db = connect(path, is_loaded=False)
        for change in ';'.join(changes).split(';'):
            db.execute(change)
        size = os.path.getsize(path)
        db.close()
        for sql in [WARM, *itertools.islice(readers, 1 if QUICK else 3)]:
            said, took, rest = try_point(path, sql, after='SELECT 1')
            check(f'{case}: no crash', rest == [False, 1], (sql, said, rest))
            check(f'{case}: memory', took < 25 * MB + 3 * size, (sql, said, took))
            if sql == WARM and case not in ('a long item', 'long options of CREATE'):
                check(f'{case}: an error', said.startswith('gru4rec: '), said)


if __name__ == '__main__':
    for test in reading, models_limit, soft_limit, lowered, loading, claims:
        run(test)
    finish()
