"""serving.py - all that serves sees a new version with the next query, and holds the old one no longer than it must."""
import ctypes
from common import *

sqlite = ctypes.CDLL('libsqlite3.so.0')  # the one that the sqlite3 module uses
libc = ctypes.CDLL('libc.so.6')
sqlite.sqlite3_memory_used.restype = ctypes.c_int64
sqlite.sqlite3_column_text.restype = ctypes.c_char_p
sqlite.sqlite3_errmsg.restype = ctypes.c_char_p
for function in sqlite.sqlite3_column_text, sqlite.sqlite3_column_count, sqlite.sqlite3_step, sqlite.sqlite3_reset, \
        sqlite.sqlite3_finalize, sqlite.sqlite3_close, sqlite.sqlite3_errmsg:
    function.argtypes = [ctypes.c_void_p] + [ctypes.c_int] * (function is sqlite.sqlite3_column_text)
ROW, DONE = 100, 101


class Raw:
    """A connection without Python's module, whose statements stay prepared."""

    def __init__(self, path):
        self.db = ctypes.c_void_p()
        assert sqlite.sqlite3_open(path.encode(), ctypes.byref(self.db)) == 0
        sqlite.sqlite3_busy_timeout(self.db, 10000)
        sqlite.sqlite3_enable_load_extension(self.db, 1)
        assert sqlite.sqlite3_load_extension(self.db, EXTENSION.encode(), None, None) == 0
        self.statements = {}

    def prepare(self, sql):
        statement = ctypes.c_void_p()
        rc = sqlite.sqlite3_prepare_v2(self.db, sql.encode(), -1, ctypes.byref(statement), None)
        assert rc == 0, sqlite.sqlite3_errmsg(self.db)
        return self.statements.setdefault(sql, statement)

    def rows(self, sql, most=-1):
        """The next rows of the statement; most: no more."""
        statement = self.statements.get(sql) or self.prepare(sql)
        rows = []
        while len(rows) != most:
            rc = sqlite.sqlite3_step(statement)
            if rc != ROW:
                assert rc == DONE, (sql, sqlite.sqlite3_errmsg(self.db))
                break
            rows.append(tuple(sqlite.sqlite3_column_text(statement, i)
                              for i in range(sqlite.sqlite3_column_count(statement))))
        return rows

    def reset(self, sql):
        sqlite.sqlite3_reset(self.statements[sql])

    def close(self):
        for statement in self.statements.values():
            sqlite.sqlite3_finalize(statement)
        return sqlite.sqlite3_close(self.db)


STATE = "(SELECT gru4rec_state('rec', value) FROM json_each('[1001, 1008, 1057]'))"
# Each gives rows in several steps; the sessions 0 to 5 are small.
QUESTIONS = {
    'recommend': "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1008]', 9)",
    'recommend, all': "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1008]') LIMIT 200",
    'recommend after a state': f"SELECT item, score FROM gru4rec_recommend('rec', {STATE}, 9)",
    'similar': "SELECT item, similarity FROM gru4rec_similar('rec', 1003, 9)",
    'explain': "SELECT position, contribution FROM gru4rec_explain('rec', '[1001, 1008, 1003, 1009]', 1057)",
    'score': "SELECT gru4rec_score('rec', '[1001, 1008]', item) FROM clicks WHERE session < 2",
    'score after states': "SELECT gru4rec_score('rec', gru4rec_step('rec', NULL, item), 1003) FROM clicks "
                          'WHERE session < 2',
    'step': "SELECT hex(gru4rec_step('rec', NULL, item)) FROM clicks WHERE session < 2",
    'embedding': "SELECT hex(gru4rec_embedding('rec', item)) FROM clicks WHERE session < 2",
    'states': "SELECT session, hex(gru4rec_state('rec', item)) FROM clicks WHERE session < 5 GROUP BY session",
    'states, a window': "SELECT session, hex(gru4rec_state('rec', item) OVER (PARTITION BY session ORDER BY ts)) "
                        'FROM clicks WHERE session < 5',
    'sessions': 'SELECT session, item, score FROM rec WHERE session IN (3, 4, 5) AND rank <= 3',
    'all sessions': 'SELECT session, item, score FROM rec WHERE rank <= 2',
    'all sessions, all ranks': 'SELECT session, item, score FROM rec LIMIT 1000',
}


def picked_up(directory, journal):
    """By every prepared statement of every connection, whoever trained."""
    path = directory + '/shop.db'
    make_shop(path, journal, clicks(300)).close()
    other = Process(path)
    other.train('n_epochs=1')
    other.summary()
    connections = [Raw(path) for _ in range(3)]
    old = {}
    for what, sql in QUESTIONS.items():
        old[what] = connections[0].rows(sql)
        check(f'{journal}, {what}: rows', len(old[what]) > 3, old[what])
    for how in range(3):
        if how < 2:
            other.train(f'n_epochs=1, seed={how}')
            other.summary()
        else:
            other.do("SELECT gru4rec_deploy('rec', 'previous')")
        for what, sql in QUESTIONS.items():
            new = [c.rows(sql) for c in connections]
            check(f'{journal}, {what}: all connections say the same', new[0] == new[1] == new[2])
            check(f'{journal}, {what}: another version', new[0] != old[what] and len(new[0]) == len(old[what]))
            old[what] = new[0]
    fresh = Raw(path)
    for what, sql in QUESTIONS.items():
        check(f'{journal}, {what}: as a new connection has it', fresh.rows(sql) == old[what])
    for c in connections + [fresh]:
        check(f'{journal}: close', c.close() == 0)


def resident():
    libc.malloc_trim(0)
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def kept(directory):
    """A statement that is not over keeps its version, and gives its rows; then that is freed. 640 kB of SQLite's."""
    path = directory + '/shop.db'
    db = make_shop(path, 'wal', clicks(1500, 2000), 'layers=64, n_sample=64, quantize=true, blend=0')
    train(db, 'n_epochs=1')
    train(db, 'n_epochs=1, seed=2')
    n_items = value(db, 'SELECT count(*) FROM rec_item WHERE version = 2')
    one = 5 * 64 * n_items  # the table and its copy in bytes
    raw, plain = Raw(path), Raw(path)
    for i, (what, sql) in enumerate(QUESTIONS.items()):
        right = raw.rows(sql)
        raw.rows("SELECT gru4rec_score('rec', 1001, 1001)")
        plain.rows("SELECT gru4rec_score('rec', 1001, 1001)")
        before = sqlite.sqlite3_memory_used()
        first = raw.rows(sql, 1)
        value(db, "SELECT gru4rec_deploy('rec', ?)", 1 + i % 2)
        for c in raw, plain:
            c.rows("SELECT gru4rec_score('rec', 1001, 1001)")
        both = sqlite.sqlite3_memory_used() - before
        value(db, "SELECT gru4rec_score('rec', 1001, 1001)")
        check(f'{what}: goes on with its version', first + raw.rows(sql) == right)
        raw.reset(sql)
        for c in raw, plain:
            c.rows("SELECT gru4rec_score('rec', 1001, 1001)")
        check(f'{what}: the next time it has the new one', raw.rows(sql) != right)
        after = sqlite.sqlite3_memory_used() - before
        check(f'{what}: two versions meanwhile', both > 0.7 * one, (both, one))
        check(f'{what}: one afterwards', after < 0.3 * one, (after, one))
    check('close', raw.close() == plain.close() == 0)
    db.close()


def resident_size(directory):
    """The same seen from outside: versions of 25 MB come and go."""
    path = directory + '/shop.db'
    rows = ((i // 4, i % 50000, i) for i in range(60000))
    db = make_shop(path, 'wal', rows, 'layers=100, n_sample=64, batch_size=256, n_epochs=1, keep_versions=1, '
                   'quantize=true')
    db.close()
    other = Process(path)
    other.train('seed=0')
    other.summary()
    a, b = Raw(path), Raw(path)
    sql = "SELECT item FROM gru4rec_recommend('rec', 7, 40)"
    base = resident()
    old = a.rows(sql)
    b.rows(sql)
    one = resident() - base
    check('a version takes its size', 24e6 < one < 60e6, one)
    for seed in range(1, 4):
        right = a.rows(sql)
        first = a.rows(sql, 1)
        other.train(f'seed={seed}')
        other.summary()
        b.rows(sql)
        both = resident() - base
        check('two while a statement has the old one', both > 1.6 * one, (both, one))
        check('the old rows', first + a.rows(sql) == right)
        new = a.rows(sql)
        check('then the new ones', new == b.rows(sql) != old)
        old = new
        check('one when it is over', resident() - base < 1.3 * one, (resident() - base, one))
    check('close', a.close() == b.close() == 0)
    check('none when all are closed', resident() - base < 0.3 * one, (resident() - base, one))


def come_and_go(directory, journal):
    """Connections that close, also with statements unfinished, while others serve and one trains. Every second version blends."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, clicks(100), 'layers=32, n_sample=64, quantize=true')
    train(db)
    until, blend = time.monotonic() + (1 if QUICK else 5), 0
    base = sqlite.sqlite3_memory_used()

    def visit(number):
        n = 0
        while time.monotonic() < until:
            c = Raw(path)
            for i, sql in enumerate(QUESTIONS.values()):
                if i % 4 == number:
                    c.rows(sql, number + 1)
            assert c.close() == 0
            n += 1
        return n

    threads = [Thread(visit, i) for i in range(4)]
    while time.monotonic() < until:
        blend = 1 - blend
        train(db, f'n_epochs=1, blend={blend}')
        time.sleep(0.05)
    visits = [thread.join() for thread in threads]
    check(f'{journal}: connections come and go', min(visits) > 1, visits)
    left = sqlite.sqlite3_memory_used() - base
    check(f'{journal}: nothing is left', left < 500e3, left)
    check(f'{journal}: the file is whole', is_whole(db))
    db.close()


for journal in JOURNALS:
    run(picked_up, journal)
for journal in SOME:
    run(come_and_go, journal)
run(kept)
run(resident_size)
finish()
