"""configure.py - gru4rec_configure() and who else has the model open: prepared statements, other connections and
processes, their transactions and trainings; and where the model goes afterwards."""
from common import *

TEXTS = "SELECT gru4rec_configure('rec', 'source=texts')"
CLICKS = "SELECT gru4rec_configure('rec', 'source=clicks')"
SELECT = "SELECT gru4rec_configure('rec', 'source=(SELECT * FROM texts WHERE ts >= 0),seed=5')"
FIRST = 'SELECT session, typeof(session) FROM rec WHERE rank = 1 LIMIT 1'
TYPES = "SELECT name, type FROM pragma_table_info('rec') WHERE name IN ('session', 'item')"
OF_CLICKS = [(0, 'integer')], [('session', 'INT'), ('item', 'INT')]
OF_TEXTS = [('v0', 'text')], [('session', 'TEXT'), ('item', 'TEXT')]


def make(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal, clicks(n_sessions=200))
    db.execute('CREATE TABLE texts(session TEXT, item TEXT, ts INTEGER)')
    db.execute("INSERT INTO texts SELECT 'v' || session, item, ts FROM clicks")
    train(db, 'n_epochs=1')
    return db, path


def look(ask):
    """What a connection or a process sees of the model: a row, and the declared types."""
    return tuple([tuple(row) for row in ask(sql)] for sql in (FIRST, TYPES))


def rows_of(db):
    return lambda sql: db.execute(sql).fetchall()


def seen_by_others(directory, journal):
    """At the next query: statements that were prepared before, the same connection, another one, another process."""
    db, path = make(directory, journal)
    kept = sqlite3.connect(path, isolation_level=None, cached_statements=100)  # it keeps what it prepared
    load(kept)
    own = sqlite3.connect(path, isolation_level=None, cached_statements=100)
    load(own)
    process = Process(path)
    watchers = {'a connection': rows_of(db), 'prepared': rows_of(kept), 'its own': rows_of(own), 'a process': process.do}
    for sql, wanted in (TEXTS, OF_TEXTS), (CLICKS, OF_CLICKS), (SELECT, OF_TEXTS), (SELECT, OF_TEXTS), (CLICKS, OF_CLICKS):
        value(own, sql)
        for who, ask in watchers.items():
            check(f'{journal}, {sql}: {who}', look(ask) == wanted, look(ask))
        check(f'{journal}, {sql}: whole', is_whole(kept))
    process.do(TEXTS)
    for who, ask in watchers.items():
        check(f'{journal}, by a process: {who}', look(ask) == OF_TEXTS, look(ask))
    run_id = value(db, 'SELECT run FROM rec_version')
    check(f'{journal}: the version is the same', db.execute('SELECT run, status FROM rec_version').fetchall() ==
          [(run_id, 'ready')] and active(db) == 1)
    process.kill()


def rolled_back(directory, journal):
    """All is as it was, here and elsewhere; meanwhile nobody else sees it."""
    db, path = make(directory, journal)
    process = Process(path, 0.1)
    sql = "SELECT sql FROM sqlite_schema WHERE name LIKE 'rec%' ORDER BY name"
    before = db.execute(sql).fetchall(), db.execute("SELECT * FROM rec_config").fetchall()
    for begin, end in ('BEGIN', 'ROLLBACK'), ('BEGIN IMMEDIATE', 'ROLLBACK'), ('SAVEPOINT a', 'ROLLBACK TO a; RELEASE a'):
        for change in TEXTS, SELECT:
            db.execute(begin)
            db.execute('INSERT INTO notes VALUES (1)')
            value(db, change)
            check(f'{journal}, {begin}: here', look(rows_of(db)) == OF_TEXTS, look(rows_of(db)))
            check(f'{journal}, {begin}: elsewhere', look(process.do) == OF_CLICKS)
            for part in end.split('; '):
                db.execute(part)
            check(f'{journal}, {end}: here', look(rows_of(db)) == OF_CLICKS, look(rows_of(db)))
            check(f'{journal}, {end}: elsewhere', look(process.do) == OF_CLICKS)
            after = db.execute(sql).fetchall(), db.execute("SELECT * FROM rec_config").fetchall()
            check(f'{journal}, {end}: all of it', after == before and not db.in_transaction, after)
    check(f'{journal}: whole', is_whole(db) and value(db, 'SELECT count(*) FROM notes') == 0)
    process.kill()


def snapshots(directory):
    """WAL: who reads goes on with what there was when it began. Then a write in that transaction is too late."""
    db, path = make(directory, 'wal')
    reader = connect(path)
    process = Process(path)
    cursor = reader.execute('SELECT session FROM rec WHERE rank = 1')
    first = cursor.fetchone()
    process.do('BEGIN')
    check('a transaction begins', look(process.do) == OF_CLICKS)
    value(db, SELECT)
    rest = cursor.fetchall()
    check('a statement under way reads on', first == (0,) and rest[-1] == (199,) and len(rest) == 199, rest[-1:])
    check('a transaction sees what there was', look(process.do) == OF_CLICKS)
    message = process.error("SELECT gru4rec_configure('rec', 'seed=1')")
    check('it is too late to write', 'locked' in message, message)
    process.do('COMMIT')
    check('behind it the new source', look(process.do) == OF_TEXTS == look(rows_of(reader)))
    process.kill()


def busy(directory, journal):
    """It waits for a writer, as the busy timeout says, in autocommit and inside BEGIN."""
    db, path = make(directory, journal)
    writer = connect(path)
    impatient = connect(path, timeout=0)
    for begin in '', 'BEGIN':
        writer.execute('BEGIN IMMEDIATE')
        writer.execute('INSERT INTO notes VALUES (1)')
        if begin:
            impatient.execute(begin)
        message = error(impatient, TEXTS)
        check(f'{journal}, {begin}: locked', 'locked' in message and impatient.in_transaction == bool(begin), message)
        if begin:
            impatient.execute('ROLLBACK')
            db.execute(begin)
        thread = Thread(error, db, TEXTS)
        time.sleep(0.3)
        check(f'{journal}, {begin}: it waits', thread.is_alive())
        writer.execute('COMMIT')
        check(f'{journal}, {begin}: done', thread.join() == '')
        if begin:
            db.execute('COMMIT')
        check(f'{journal}, {begin}: seen', look(rows_of(writer)) == OF_TEXTS)
        value(db, CLICKS)


def beside_cursors(directory):
    """A statement of this connection that reads the model holds it up; others do not, and go on."""
    db, path = make(directory, 'wal')
    other = connect(path)
    for begin in '', 'BEGIN':
        if begin:
            db.execute(begin)
        model, table = db.execute('SELECT session FROM rec WHERE rank = 1'), db.execute('SELECT ts FROM clicks')
        model.fetchone(), table.fetchone()
        message = error(db, TEXTS)
        check(f'{begin}: refused', "a statement of this connection is reading model 'rec'" in message, message)
        check(f'{begin}: both go on', len(model.fetchall()) == 199 and table.fetchone() is not None)
        check(f'{begin}: nothing is changed', look(rows_of(db)) == OF_CLICKS == look(rows_of(other)))
        value(db, TEXTS)
        check(f'{begin}: the table is read on', len(table.fetchall()) == 1598)
        check(f'{begin}: changed', look(rows_of(db)) == OF_TEXTS)
        if begin:
            db.execute('COMMIT')
        value(db, CLICKS)
    check('whole', is_whole(db))


def beside_training(directory, journal):
    """A training that is under way goes on with what it began with; the next one has the new configuration."""
    db, path = make(directory, journal)
    process = Process(path)
    process.train('n_epochs=400')
    check(f'{journal}: the training has begun', wait_epoch(db))
    configured = json.loads(value(db, "SELECT gru4rec_configure('rec', 'source=texts,layers=8,n_epochs=1')"))
    check(f'{journal}: configured meanwhile', configured['source'] == 'texts' and not process.is_done(), configured)
    summary = process.summary()
    row = db.execute("SELECT source, options ->> 'layers' FROM rec_version WHERE version = 2").fetchone()
    check(f'{journal}: it ends as it began', summary['epochs'] == 400 and row == ('clicks', '[32]'), (summary, row))
    check(f'{journal}: the new one stays', look(rows_of(db)) == OF_TEXTS and active(db) == 2)
    train(db, '{}')
    row = db.execute("SELECT source, options ->> 'layers' FROM rec_version WHERE version = 3").fetchone()
    check(f'{journal}: the next has it', row == ('texts', '[8]'), row)
    check(f'{journal}: whole', is_whole(db))
    process.kill()


def between_request_and_events(directory):
    """A training that has read what is asked for, but no events yet: the two would not go together."""
    db, path = make(directory, 'wal')
    other = connect(path)
    done = []

    def authorize(action, a, *_):
        if action == sqlite3.SQLITE_SAVEPOINT and not done:  # of its check that it can write
            done.append(value(other, TEXTS))
        return sqlite3.SQLITE_OK

    db.set_authorizer(authorize)
    message = error(db, "SELECT gru4rec_train('rec', 'n_epochs=1')")
    db.set_authorizer(None)
    check('configured in between', done and 'was configured anew while this training began; train again' in message, message)
    check('again', train(db, 'n_epochs=1')['version'] > 1 and look(rows_of(db)) == OF_TEXTS)


def refused(directory):
    """Where nothing can be written."""
    db, path = make(directory, 'delete')
    words = 'the database is read-only here; configure the model on a connection that can write'
    reader = connect(f'file:{path}?mode=ro', uri=True)
    check('a read-only connection', words in error(reader, TEXTS), error(reader, TEXTS))
    db.execute('PRAGMA query_only = 1')
    check('query_only', words in error(db, TEXTS), error(db, TEXTS))
    db.execute('BEGIN')
    check('query_only in a transaction', 'read-only' in error(db, TEXTS) or 'readonly' in error(db, TEXTS), error(db, TEXTS))
    db.execute('ROLLBACK')
    db.execute('PRAGMA query_only = 0')
    output = shell(path, '.dbconfig defensive on\n.dbconfig trusted_schema off\n' + SELECT + ';\n' + FIRST + ';')
    check('a hardened shell', output.rstrip().endswith('v0|text') and 'rror' not in output, output)
    check('whole', is_whole(db) and look(rows_of(db)) == OF_TEXTS)


def moved(directory, journal):
    """Dumped, copied and renamed, the model keeps its new configuration."""
    db, path = make(directory, journal)
    db.execute('ALTER TABLE rec RENAME TO shop')
    value(db, SELECT.replace("'rec'", "'shop'"))
    db.execute('ALTER TABLE texts RENAME TO words')
    db.execute('ALTER TABLE shop RENAME TO rec')
    config = {'session': 'session', 'item': 'item', 'time': 'ts'}

    def same(what, connection):
        card = json.loads(value(connection, "SELECT gru4rec_info('rec')"))
        check(f'{journal}, {what}: configuration', card['columns'] == config and 'words' in card['source'], card['source'])
        check(f'{journal}, {what}: serves', look(rows_of(connection)) == OF_TEXTS and is_whole(connection))
        check(f'{journal}, {what}: trains', train(connection, 'n_epochs=1')['version'] == 2)
        check(f'{journal}, {what}: with its options', value(connection, "SELECT options ->> 'seed' FROM rec_version "
                                                            'WHERE version = 2') == 5)
        value(connection, CLICKS)
        check(f'{journal}, {what}: can change again', look(rows_of(connection)) == OF_CLICKS)
        connection.close()

    text = shell(path, '.dump')
    check(f'{journal}, .dump: says what is so', text.count('CREATE VIRTUAL TABLE "rec" USING gru4rec((SELECT') == 1, text[-400:])
    check(f'{journal}, .dump: reads back', shell(directory + '/dumped.db', text) == '')
    db.execute('VACUUM INTO ?', (directory + '/vacuumed.db',))
    target = connect(directory + '/backup.db')
    db.backup(target)
    same('.dump', connect(directory + '/dumped.db'))
    same('VACUUM INTO', connect(directory + '/vacuumed.db'))
    same('backup', target)
    db.close()
    same('as it is', connect(path))


def shared_cache(directory):
    """Connections of a shared cache have one schema, and tables of their own in it."""
    db, path = make(directory, 'delete')
    db.close()
    uri = f'file:{path}?cache=shared'
    one, other = connect(uri, uri=True), connect(uri, uri=True)
    for sql, wanted in (TEXTS, OF_TEXTS), (CLICKS, OF_CLICKS), (SELECT, OF_TEXTS):
        check(f'shared cache, {sql}: before', len(look(rows_of(one))) == 2 == len(look(rows_of(other))))
        value(one, sql)
        check(f'shared cache, {sql}: here', look(rows_of(one)) == wanted, look(rows_of(one)))
        check(f'shared cache, {sql}: there', look(rows_of(other)) == wanted, look(rows_of(other)))
        one, other = other, one
    cursor = other.execute('SELECT * FROM rec')
    cursor.fetchone()
    one.execute('PRAGMA busy_timeout = 300')
    message = error(one, CLICKS)
    check('shared cache: a reader there holds it up', message != '' and not one.in_transaction, message)
    cursor.close()
    value(one, CLICKS)
    check('shared cache: then it works', look(rows_of(other)) == OF_CLICKS and value(one, "SELECT gru4rec_check('rec')") == 'ok')


for journal in SOME:
    run(seen_by_others, journal)
    run(rolled_back, journal)
    run(busy, journal)
    run(beside_training, journal)
    run(moved, journal)
run(snapshots)
run(beside_cursors)
run(between_request_and_events)
run(refused)
run(shared_cache)
finish()
