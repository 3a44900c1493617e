"""waits.py - the busy timeout holds for every call that writes: deploy, configure, import, and a training inside
BEGIN."""
from common import *

HOLD = 0.2 if QUICK else 1.5
CALLS = (
    "SELECT gru4rec_deploy('rec', 'previous')",
    "SELECT gru4rec_configure('rec', 'seed=3')",
    "SELECT gru4rec_import('rec', ?)",
    "SELECT gru4rec_import('new', ?)",
    "SELECT gru4rec_train('rec', 'n_epochs=1')",
    "SELECT gru4rec_train('made', 'clicks', 'n_epochs=1')",
)


def make(directory, journal, name='shop.db', suffix=''):
    db = make_shop(directory + '/' + name, journal)
    train(db, 'n_epochs=1')
    train(db, 'n_epochs=1')
    # A statement that reads a table has begun by reading: it cannot wait for the write lock.
    exported = value(db, "SELECT gru4rec_export('rec')")
    return db, directory + '/' + name, exported


def arguments_of(call, exported):
    return (exported,) if '?' in call else ()


def held_by_a_writer(directory, journal, begin, call):
    """Another connection writes for a while; the call waits for it, as an UPDATE would."""
    db, path, exported = make(directory, journal)
    writer = connect(path)
    writer.execute('BEGIN IMMEDIATE')
    writer.execute('INSERT INTO notes VALUES (1)')
    what = f'{journal}, {begin or "autocommit"}, {call}'
    if begin:
        db.execute(begin)

    def commit():
        time.sleep(HOLD)
        released.append(time.monotonic())
        writer.execute('COMMIT')

    released = []
    thread = Thread(commit)
    message = error(db, call, *arguments_of(call, exported))
    end = time.monotonic()
    thread.join()
    check(f'{what}: done', message == '', message)
    check(f'{what}: behind the writer', end >= released[0], end - released[0])
    check(f'{what}: the transaction is the user\'s', db.in_transaction == bool(begin))
    if begin:
        db.execute('COMMIT')
    check(f'{what}: the file is whole', is_whole(db))
    writer.close()
    db.close()


def too_late_to_wait(directory, call):
    """The user's transaction has read what is out of date (WAL): nothing can be waited for."""
    db, path, exported = make(directory, 'wal')
    other = connect(path)
    db.execute('BEGIN')
    value(db, 'SELECT count(*) FROM clicks')
    other.execute('INSERT INTO notes VALUES (1)')
    start = time.monotonic()
    message = error(db, call, *arguments_of(call, exported))
    check(f'{call}: locked', 'locked' in message, message)
    if 'train' in call:
        check(f'{call}: advice', 'BEGIN IMMEDIATE' in message, message)
    check(f'{call}: at once', time.monotonic() - start < 1)
    check(f'{call}: the transaction goes on', db.in_transaction)
    db.execute('ROLLBACK')
    other.close()
    db.close()


def shared_cache(directory, call, query):
    """A reader of the same shared cache holds a table: SQLite calls no busy handler for that."""
    db, path, exported = make(directory, 'delete')
    db.close()
    uri = f'file:{path}?cache=shared'
    db, reader = connect(uri, uri=True, timeout=20), connect(uri, uri=True, timeout=20)
    cursor = reader.execute(query)
    cursor.fetchone()
    thread = Thread(error, db, call, *arguments_of(call, exported))
    time.sleep(HOLD)
    cursor.close()
    message = thread.join()
    check(f'shared cache, {query}, {call}: done', message == '', message)
    check(f'shared cache, {query}, {call}: no transaction is left', not db.in_transaction)
    reader.close()
    db.close()


def shared_cache_for_good(directory):
    """The reader stays: the busy timeout ends the waiting."""
    db, path, _ = make(directory, 'delete')
    db.close()
    uri = f'file:{path}?cache=shared'
    db, reader = connect(uri, uri=True, timeout=0.5), connect(uri, uri=True)
    cursor = reader.execute('SELECT * FROM rec_config')
    cursor.fetchone()
    start = time.monotonic()
    message = error(db, CALLS[0])
    seconds = time.monotonic() - start
    check('shared cache, for good: locked', 'locked' in message, message)
    check('shared cache, for good: the busy timeout', 0.4 < seconds < 5, seconds)
    cursor.close()
    check('shared cache, for good: then it works', error(db, CALLS[0]) == '')
    reader.close()
    db.close()


for call in CALLS:
    for journal in JOURNALS:
        for begin in ('', 'BEGIN', 'SAVEPOINT mine'):
            run(held_by_a_writer, journal, begin, call)
    run(too_late_to_wait, call)
for call in CALLS[0], CALLS[1], CALLS[3]:
    for query in ('SELECT * FROM rec_version', 'SELECT * FROM rec_config') if QUICK else (
            'SELECT * FROM rec_version', 'SELECT * FROM rec_config', 'SELECT * FROM rec_epoch', 'SELECT * FROM rec'):
        run(shared_cache, call, query)
run(shared_cache_for_good)
finish()
