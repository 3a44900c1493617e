"""libraries.py - two SQLite libraries in one process: the second may not load the file, and may load a copy of it.

GRU4REC_SECOND names the second library; else it is a copy of the system's. Every case is a process of its own, which
must not crash.
"""
import ctypes
from common import *

DEEPBIND = 8  # each library calls its own functions
ENTRIES = None, b'sqlite3_gru4rec_init', b'sqlite3_grurec_init', b'sqlite3_extension_init'
NAMES = 'gru4rec-linux-x64', 'gru4rec_v1', 'gru4rec-3f2a9c', 'recommender', 'libother', '7', 'ä'
SETUP = '''CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
INSERT INTO clicks SELECT i / 5, 1000 + i * i % 71, i FROM n;
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=100, n_sample=64, n_epochs=1);
SELECT gru4rec_train('rec') IS NOT NULL'''
# Each gives the same wherever it runs; the last ones change something.
STATEMENTS = '''SELECT gru4rec_version()
SELECT gru4rec_info() IS NOT NULL, length(gru4rec_info('rec')) > 100
SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1004]', 5)
SELECT session, rank, item, score FROM rec WHERE session IN (3, 17, 99) AND rank <= 3
SELECT session, item FROM rec WHERE rank = 1
SELECT * FROM gru4rec_similar('rec', 1001, 5)
SELECT * FROM gru4rec_explain('rec', '[1001, 1004]', 1009)
SELECT gru4rec_score('rec', '[1001]', 1004)
SELECT hex(gru4rec_embedding('rec', 1004))
SELECT item FROM gru4rec_recommend('rec', gru4rec_step('rec', NULL, 1001), 3)
SELECT length(gru4rec_state('rec', item)) FROM clicks WHERE session = 7
SELECT count(*), sum(target) FROM gru4rec_batches('clicks', 16)
SELECT method, k, recall, mrr FROM gru4rec_evaluate('rec', 'clicks')
SELECT gru4rec_check('rec')
SELECT gru4rec_recommend('rec')
SELECT * FROM gru4rec_recommend('none', 1)
SELECT hex(gru4rec_export('rec'))
SELECT gru4rec_import('again', gru4rec_export('rec'))
SELECT gru4rec_train('rec', 'seed=7') IS NOT NULL
SELECT gru4rec_deploy('rec', 'previous')
DROP TABLE rec'''.split('\n')
REFUSED = 'serves another SQLite library of this process; load a copy of the file under another name'


class Library:
    """SQLite by its C interface."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path, mode=os.RTLD_LOCAL | os.RTLD_NOW | DEEPBIND)
        self.lib.sqlite3_libversion.restype = ctypes.c_char_p
        self.lib.sqlite3_free.argtypes = [ctypes.c_void_p]

    def open(self):
        db = ctypes.c_void_p()
        assert self.lib.sqlite3_open(b':memory:', ctypes.byref(db)) == 0
        self.lib.sqlite3_enable_load_extension(db, 1)
        return db

    def text(self, message):
        said = ctypes.string_at(message.value).decode() if message.value else ''
        self.lib.sqlite3_free(message)
        return said

    def load(self, db, path=EXTENSION, entry=None):
        message = ctypes.c_void_p()
        rc = self.lib.sqlite3_load_extension(db, os.fsencode(path), entry, ctypes.byref(message))
        said = self.text(message)
        assert (rc == 0) == (said == ''), (rc, said)
        return said

    def do(self, db, sql):
        """The rows as text, or the error."""
        rows, message = [], ctypes.c_void_p()

        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p)
        def row(_, n, values, names):
            rows.append(values[:n])
            return 0
        rc = self.lib.sqlite3_exec(db, sql.encode(), row, None, ctypes.byref(message))
        said = self.text(message)
        return rows if rc == 0 else said

    def close(self, db):
        assert self.lib.sqlite3_close(db) == 0

    def unload(self):
        ctypes.CDLL(None).dlclose(ctypes.c_void_p(self.lib._handle))


def system():
    sqlite3.connect(':memory:').close()
    with open('/proc/self/maps') as maps:
        return next(line.split()[-1] for line in maps if 'libsqlite3.so' in line)


def second(directory):
    path = os.environ.get('GRU4REC_SECOND')
    return path or shutil.copy(system(), directory + '/libsecond.so')


def copy(directory, name):
    path = f'{directory}/{name}.so'
    return path if os.path.exists(path) else shutil.copy(EXTENSION, path)


# ---- what the processes do; each prints what is wrong ----

def both(directory, order):
    pair = [Library(system()), Library(second(directory))]
    return pair if order == 'system' else pair[::-1]


def refused(directory, order, entry):
    """The second is refused, again and again, and both go on; the first answers as if it were alone."""
    entry = ENTRIES[int(entry)]
    one, two = both(directory, order)
    db, other = one.open(), two.open()
    assert one.load(db, EXTENSION, entry) == ''
    assert one.do(db, SETUP) == [[b'1']]
    for i, sql in enumerate(STATEMENTS):
        said = two.load(other, EXTENSION, ENTRIES[i % len(ENTRIES)])
        assert 'gru4rec: ' in said and REFUSED in said, said
        assert two.lib.sqlite3_libversion().decode() in said, said
        assert 'no such' in two.do(other, "SELECT gru4rec_version()")
        assert two.do(other, f'CREATE TABLE t{i}(x)') == []
        print(json.dumps([str(one.do(db, sql))]))
    again = one.open()
    assert one.load(again) == '' and one.do(again, SETUP) == [[b'1']]
    one.close(again)
    pair = (one, db), (two, other)
    for library, connection in pair if order == 'system' else pair[::-1]:
        library.close(connection)


def copies(directory, order, name):
    """The second loads a copy, and a third connection another; they answer in turn."""
    one, two = both(directory, order)
    db, other = one.open(), two.open()
    assert one.load(db) == '' and REFUSED in two.load(other)
    assert two.load(other, copy(directory, name)) == ''
    assert REFUSED in one.load(one.open(), copy(directory, name))
    for library, connection in (one, db), (two, other):
        assert library.do(connection, SETUP) == [[b'1']]
    for i, sql in enumerate(STATEMENTS):
        answers = [library.do(connection, sql) for library, connection in ((one, db), (two, other))[::1 - 2 * (i % 2)]]
        if one.lib.sqlite3_libversion() == two.lib.sqlite3_libversion():
            assert answers[0] == answers[1], (sql, answers)
        print(json.dumps([str(answers[i % 2])]))
    two.close(other)
    assert one.do(db, 'SELECT gru4rec_version()') != []
    one.close(db)


def gone(directory, order):
    """The first was closed and unmapped before the second comes; and comes again."""
    two, path = Library(system()), second(directory)
    one = Library(path)
    db = one.open()
    assert one.load(db) == '' and one.do(db, SETUP) == [[b'1']]
    one.close(db)
    one.unload()
    other = two.open()
    assert REFUSED in two.load(other)
    assert two.load(other, copy(directory, 'fresh')) == '' and two.do(other, SETUP) == [[b'1']]
    back = Library(path)
    db = back.open()
    said = back.load(db)  # where it was before it is the same; else it is another
    assert said == '' and back.do(db, SETUP) == [[b'1']] or REFUSED in said, said
    back.close(db)
    two.close(other)


def threads(directory, order):
    """Both train at the same time, with products of matrices, and get what each gets alone."""
    one, two = both(directory, order)
    exports = []

    def work(library, path):
        db = library.open()
        assert library.load(db, path) == '' and library.do(db, SETUP) == [[b'1']]
        for seed in range(3):
            library.do(db, f"SELECT gru4rec_train('rec', 'seed={seed}, n_epochs=2, layers=100/100')")
            exports.append((seed, str(library.do(db, "SELECT hex(gru4rec_export('rec'))"))))
        library.close(db)
    running = [Thread(work, one, EXTENSION), Thread(work, two, copy(directory, 'other'))]
    for thread in running:
        thread.join()
    assert len(exports) == 6 and len(set(exports)) == 3, [seed for seed, _ in exports]


def named(directory, order, name):
    """Any name of the file, in whichever SQLite."""
    library = both(directory, order)[0]
    db = library.open()
    for _ in range(2):
        assert library.load(db, copy(directory, name)) == ''
        assert library.load(db, copy(directory, name)[:-3]) == ''
    assert library.do(db, SETUP) == [[b'1']]
    library.close(db)


CASES = {case.__name__: case for case in (refused, copies, gone, threads, named)}


# ---- the processes ----

def answers(directory, *arguments):
    done = subprocess.run([sys.executable, os.path.abspath(__file__), EXTENSION, 'case', directory, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT)
    check(f'{arguments} ends well', done.returncode == 0, (done.returncode, done.stderr[-600:]))
    return [json.loads(line) for line in done.stdout.splitlines()]


def test(directory):
    expected = None
    for order in 'system', 'second':
        for entry in range(len(ENTRIES)):
            said = answers(directory, 'refused', order, str(entry))
            expected = expected or said
            check(f'{order}, {entry}: all statements', len(said) == len(STATEMENTS), len(said))
            if not os.environ.get('GRU4REC_SECOND'):
                check(f'{order}, {entry}: the same answers', said == expected)
        for name in NAMES[:2 if QUICK else None]:
            said = answers(directory, 'copies', order, name)
            check(f'{order}, {name}: the same answers', said == expected or os.environ.get('GRU4REC_SECOND'))
        for name in NAMES:
            answers(directory, 'named', order, name)
        answers(directory, 'gone', order)
        answers(directory, 'threads', order)


if sys.argv[2:3] == ['case']:
    CASES[sys.argv[4]](sys.argv[3], *sys.argv[5:])
else:
    run(test)
    finish()
