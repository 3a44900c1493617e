"""cache.py - loaded models are shared by the process: never a stale one, never an error, and freed."""
import ctypes
import hashlib
from common import *

SECONDS = 2 if QUICK else 5
FIVE = "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1008]', 5)"
SESSION = 'SELECT item, score FROM rec WHERE session = 17 AND rank <= 5'
ALL = 'SELECT session, item, score FROM rec WHERE rank <= 2'
JOIN = ("SELECT r.item, r.score FROM (SELECT DISTINCT session FROM clicks WHERE session < 8) s, "
        "gru4rec_recommend('rec', 1000 + s.session, 2) r")
BOTH = 'SELECT a.score, b.score FROM rec a JOIN rec b USING (session, rank) WHERE a.session < 8 AND a.rank = 1'
QUERIES = FIVE, SESSION, ALL, JOIN, BOTH


# ---- many serve while one trains ----

def serve(path, until, pause=0.004):
    """Answers as (query, version before, rows, version after)."""
    db = connect(path)
    answers = []
    i = threading.get_ident() % len(QUERIES)
    while time.monotonic() < until:
        i = (i + 1) % len(QUERIES)
        before = active(db)
        rows = db.execute(QUERIES[i]).fetchall()
        answers.append((i, before, rows, active(db)))
        time.sleep(pause)
    db.close()
    return answers


SERVER = '''
import sys, time, json, os
sys.path.insert(0, os.path.dirname(sys.argv[3]))
import cache
json.dump(cache.serve(sys.argv[2], float(sys.argv[4])), sys.stdout)
'''


def train_repeatedly(process, until):
    n = 0
    while time.monotonic() < until:
        n += 1
        process.train(f'n_epochs=2, seed={n}')
        process.summary()
        time.sleep(0.03)
    return n


def many(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(200), options='layers=32, n_sample=64, keep_versions=1000')
    train(db)
    until = time.monotonic() + SECONDS + 0.5
    servers = [subprocess.Popen([sys.executable, '-c', SERVER, EXTENSION, path, os.path.abspath(__file__), str(until)],
                                stdout=subprocess.PIPE, text=True) for _ in range(2)]
    threads = [Thread(serve, path, until) for _ in range(8)]
    n = train_repeatedly(Process(path), until)
    answers = []
    for thread in threads:
        answers += thread.join()
    for server in servers:
        answers += json.loads(server.communicate()[0])
        check(f'{journal}: another process serves without error', server.returncode == 0)

    truth = {}
    for version in range(1, active(db) + 1):
        db.execute(f"SELECT gru4rec_deploy('rec', {version})").fetchall()
        for i, query in enumerate(QUERIES):
            truth[version, i] = json.dumps(db.execute(query).fetchall())
    check(f'{journal}: versions differ', len({truth[v, 0] for v in range(1, n + 2)}) == n + 1)
    wrong = [(i, a, b) for i, a, rows, b in answers
             if json.dumps(rows) not in [truth[v, i] for v in range(a, b + 1)]]
    check(f'{journal}: every answer is of a version active then', not wrong, (len(wrong), wrong[:5]))
    check(f'{journal}: versions changed and many were asked', n >= 1 and len(answers) > 100, (n, len(answers)))
    check(f'{journal}: the file is whole', is_whole(db))
    db.close()


def in_one_read_transaction(directory):
    """In WAL mode a reader's transaction sees one version, whatever others do."""
    path = directory + '/shop.db'
    db = make_shop(path, 'wal')
    train(db)
    reader = connect(path)
    old = ranking(reader)
    reader.execute('BEGIN')
    reader.execute('SELECT count(*) FROM clicks').fetchone()
    train(db, 'n_epochs=2, seed=9')
    check('in a read transaction: the same version', ranking(reader) == old)
    check('in a read transaction: others have the new one', ranking(db) != old)
    reader.execute('COMMIT')
    check('after it: the new one', ranking(reader) == ranking(db))

    # one statement, a version changing while its rows are read
    db.execute('VACUUM INTO ?', (directory + '/copy.db',))
    copy = connect(directory + '/copy.db')
    copy.execute('PRAGMA journal_mode = wal')
    copy.close()
    other = Process(directory + '/copy.db')
    reader.execute('ATTACH ? AS copy', (directory + '/copy.db',))
    items = "json_each('[1001,1002,1003,1004,1005]') c"
    for what, sql in (
            ('FROM m', 'SELECT session, item, score FROM rec WHERE rank <= 2 AND session < 50'),
            ('a join with a table', "SELECT r.item, r.score FROM clicks c, gru4rec_recommend('rec', c.item, 2) r "
             'WHERE c.session < 20'),
            ('a join without a table', f"SELECT r.item, r.score FROM {items}, gru4rec_recommend('rec', c.value, 2) r"),
            ('attached, FROM m', 'SELECT session, item, score FROM copy.rec WHERE rank <= 2 AND session < 50'),
            ('attached, a join without a table',
             f"SELECT r.item, r.score FROM {items}, gru4rec_recommend('copy.rec', c.value, 2) r")):
        before = reader.execute(sql).fetchall()
        cursor = reader.execute(sql)
        rows = [cursor.fetchone()]
        train(db, f'n_epochs=2, seed={10 + len(what)}')
        other.train(f'n_epochs=2, seed={10 + len(what)}')
        other.summary()
        rows += cursor.fetchall()
        check(f'one statement, {what}: one version', rows == before)
        check(f'the next statement, {what}: the new one', reader.execute(sql).fetchall() != before)
    reader.close()
    db.close()


# ---- memory ----

sqlite = ctypes.CDLL('libsqlite3.so.0')  # the one that the sqlite3 module uses
sqlite.sqlite3_memory_used.restype = ctypes.c_int64


def memory(*connections):
    for db in connections:
        db.execute('PRAGMA shrink_memory')
    return sqlite.sqlite3_memory_used()


def freed(directory):
    """Two connections share a version; it is freed when both have gone on. 1,500 items x 100 are 600 kB."""
    path = directory + '/shop.db'
    db = make_shop(path, rows=clicks(300, 1500), options='layers=100, n_sample=64, keep_versions=1, blend=0')
    other = Process(path)
    other.train('n_epochs=1')
    other.summary()
    a, b = connect(path), connect(path)
    for each in db, a, b:
        value(each, 'SELECT count(*) FROM sqlite_schema')

    def used():
        return memory(db, a, b) - base

    base = memory(db, a, b)
    a.execute(FIVE).fetchall()
    one = used()
    check('a loaded model takes memory', one > 500e3, one)
    b.execute(FIVE).fetchall()
    check('a second connection shares it', used() < 1.1 * one, (one, used()))
    for seed in range(3):
        other.train(f'n_epochs=1, seed={seed}')
        other.summary()
        a.execute(FIVE).fetchall()
        check('two versions while one of two connections has the old one',
              1.8 * one < used() < 2.2 * one, (one, used()))
        b.execute(FIVE).fetchall()
        check('one when both have gone on', used() < 1.1 * one, (one, used()))
    for seed in range(3):
        train(db, f'n_epochs=1, seed={seed}')
        b.execute(FIVE).fetchall()
        a.execute(FIVE).fetchall()
    check('training itself leaves nothing', used() < 1.1 * one, (one, used()))
    cursor = a.execute('SELECT * FROM rec')
    cursor.fetchone()
    cursor.close()
    error(a, "SELECT * FROM gru4rec_recommend('rec', 'x')")
    error(a, "SELECT gru4rec_train('rec', 'memory_limit=1')")
    check('an unfinished cursor and errors leave nothing', used() < 1.1 * one, (one, used()))
    for _ in range(20):
        c = connect(path)
        c.execute(FIVE).fetchall()
        c.close()
    check('connections that come and go leave nothing', used() < 1.1 * one, (one, used()))
    a.execute('DROP TABLE rec')
    for each in a, b:
        error(each, FIVE)
    check('DROP frees it', used() < 0.2 * one, (one, used()))
    a.close()
    b.close()
    check('closing frees all', memory(db) - base < 0.2 * one, memory(db) - base)
    db.close()


# ---- who could be taken for whom ----

def own_rollback(directory, journal):
    db = make_shop(directory + '/shop.db', journal)
    train(db)
    old = ranking(db)
    for seed in 1, 2:
        db.execute('BEGIN')
        train(db, f'n_epochs=2, seed={seed}')
        check(f'{journal}: in the transaction: the new one', ranking(db) != old)
        db.execute('ROLLBACK')
        check(f'{journal}: after ROLLBACK: the old one', ranking(db) == old)
    # the same version number again, by another run
    train(db, 'n_epochs=2, seed=3')
    check(f'{journal}: the same number, another run', active(db) == 2 and ranking(db) != old)
    db.close()


def restored(directory, journal):
    """A backup copied over the closed file, while another connection of the process keeps the model loaded."""
    path, saved = directory + '/shop.db', directory + '/saved.db'
    db = make_shop(path, journal)
    train(db, 'n_epochs=2, seed=1')
    one = ranking(db)
    db.close()
    shutil.copy(path, saved)
    keeper = connect(saved)
    check(f'{journal}: the copy says the same', ranking(keeper) == one)
    db = connect(path)
    train(db, 'n_epochs=2, seed=2')
    two = ranking(db)
    db.close()
    shutil.copy(saved, path)
    db = connect(path)
    check(f'{journal}: after restoring: the old one', ranking(db) == one != two)
    train(db, 'n_epochs=2, seed=3')
    check(f'{journal}: the same number again, another run', active(db) == 2 and ranking(db) not in (one, two))
    check(f'{journal}: the copy is as it was', ranking(keeper) == one)
    keeper.close()
    db.close()


def attached(directory):
    """A copy with the same model name, trained on in both files, and a temp model in front."""
    path, copy = directory + '/shop.db', directory + '/copy.db'
    db = make_shop(path)
    train(db)
    one = ranking(db)
    db.execute('VACUUM INTO ?', (copy,))
    db.execute('ATTACH ? AS copy', (copy,))
    check('attached: the copy says the same', ranking(db, 'copy.rec') == one)
    train(db, 'n_epochs=2, seed=2')
    train(db, 'n_epochs=2, seed=3', model='copy.rec')
    two, three = ranking(db), ranking(db, 'copy.rec')
    check('attached: each has its own', len({str(x) for x in (one, two, three)}) == 3)
    check('attached: main.rec is rec', ranking(db, 'main.rec') == two)

    db.execute('CREATE TABLE temp.clicks AS SELECT * FROM main.clicks WHERE session < 500')
    db.execute('CREATE VIRTUAL TABLE temp.rec USING gru4rec(clicks, layers=16, n_sample=64)')
    check('temp: untrained it says so', 'not trained' in error(db, FIVE), error(db, FIVE))
    summary = train(db, 'n_epochs=2, seed=4', model='temp.rec')
    four = ranking(db)
    check('temp: it was trained on temp.clicks', summary['events'] == 4000, summary)
    check('temp: in front of main', ranking(db, 'temp.rec') == four and four not in (one, two, three))
    check('temp: main.rec and copy.rec stay', (ranking(db, 'main.rec'), ranking(db, 'copy.rec')) == (two, three))
    train(db, 'n_epochs=2, seed=5')
    check('temp: a bare name trains it', value(db, 'SELECT max(version) FROM temp.rec_version') == 2 and
          ranking(db, 'main.rec') == two)
    db.execute('DROP TABLE temp.rec')
    check('temp: dropped, main is back', ranking(db) == two)

    # another file under the name that one had
    db.execute('DETACH copy')
    db.execute('ATTACH ? AS copy', (path,))
    check('attached: another file under the same name', ranking(db, 'copy.rec') == two)
    db.execute('DETACH copy')
    check('detached: gone', error(db, "SELECT * FROM gru4rec_recommend('copy.rec', 1001)") != '')
    db.close()


def read_only(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    db.execute('CREATE VIEW best AS SELECT item, score FROM gru4rec_recommend(\'rec\', 1001, 3)')
    db.execute('PRAGMA wal_checkpoint(TRUNCATE)')

    def digest():
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()

    before = digest()
    for uri in 'mode=ro', 'immutable=1':
        reader = connect(f'file:{path}?{uri}', uri=True)
        check(f'{journal}, {uri}: serves', ranking(reader) == old)
        check(f'{journal}, {uri}: a view', len(reader.execute('SELECT * FROM best').fetchall()) == 3)
        check(f'{journal}, {uri}: the card', status(reader, 1) == 'ready')
        check(f'{journal}, {uri}: check', is_whole(reader))
        check(f'{journal}, {uri}: export', len(value(reader, "SELECT gru4rec_export('rec')")) > 30000)
        if uri == 'mode=ro':
            train(db, 'n_epochs=2, seed=6')
            check(f'{journal}, {uri}: sees a new version', ranking(reader) == ranking(db) != old)
            db.execute("SELECT gru4rec_deploy('rec', 'previous')").fetchall()
            check(f'{journal}, {uri}: and the way back', ranking(reader) == old)
            db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
            before = digest()
        reader.close()
    reader = connect(path)
    reader.execute('PRAGMA query_only = 1')
    check(f'{journal}, query_only: serves', ranking(reader) == old)
    check(f'{journal}: serving wrote nothing', digest() == before)
    reader.close()
    db.close()


def forked(directory, journal):
    """A child of fork() with a connection of its own serves and trains; the parent goes on."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    for i in range(3):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child = connect(path)
                code = 2
                if ranking(child) == ranking(child):
                    code = 3
                    if i == 0 and ranking(child) != old:
                        code = 4
                    elif train(child, f'n_epochs=2, seed={i}')['version'] == i + 2 and is_whole(child):
                        code = 0
                child.close()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        check(f'{journal}: a forked child serves and trains', code == 0, code)
        check(f'{journal}: the parent sees its version', active(db) == i + 2 and ranking(db) != old)
    check(f'{journal}: the parent trains', train(db)['version'] == 5 and ranking(db) == old and is_whole(db))
    db.close()


if __name__ == '__main__':
    for journal in SOME:
        run(many, journal)
        run(own_rollback, journal)
        run(restored, journal)
        run(read_only, journal)
        run(forked, journal)
    run(in_one_read_transaction)
    run(attached)
    run(freed)
    finish()
