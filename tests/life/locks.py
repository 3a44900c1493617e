"""locks.py - a training beside other processes that read and write, and where it is refused."""
from common import *

N = 20 if QUICK else 40
LONG = f'n_epochs={N}'  # about a second
REFUSED_AT_ONCE = 0.5  # seconds, on a machine that others use too


def try_sql(db, sql):
    """True when it could be done at once."""
    try:
        db.execute(sql).fetchall()
        return True
    except sqlite3.OperationalError:
        return False


def watch(db, path, journal, other):
    """What another process finds while a training of other runs. True: nothing was ever locked."""
    n_free = n_tries = 0
    epochs = set()
    impatient = connect(path, timeout=0)
    free = 'PRAGMA wal_checkpoint(TRUNCATE)' if journal == 'wal' else 'BEGIN EXCLUSIVE'
    while value(db, "SELECT count(*) FROM rec_version WHERE status = 'training'"):
        epochs.add(value(db, 'SELECT count(*) FROM rec_epoch WHERE version = 2'))
        db.execute('INSERT INTO clicks SELECT -1, 1000, 0')
        db.execute('INSERT INTO notes VALUES (1)')
        n_tries += 1
        try:
            row = impatient.execute(free).fetchone()
            n_free += row is None or row[0] == 0
            if impatient.in_transaction:
                impatient.execute('COMMIT')
        except sqlite3.OperationalError:
            pass
        time.sleep(0.005)
    impatient.close()
    check(f'{journal}: epochs are seen while they happen', len(epochs - {0, N}) > 0, epochs)
    check(f'{journal}: no lock while it computes', n_free > 0.5 * n_tries > 3, (n_free, n_tries))
    return n_tries


def others_write(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    other = Process(path)
    other.train(LONG)
    check(f'{journal}: status training is seen', wait_training(db))
    check(f'{journal}: rec_version has the run', status(db, 2) == 'training', status(db, 2))
    wait_epoch(db)    # the run's row is there before the events are read
    n = watch(db, path, journal, other)
    summary = other.summary()
    check(f'{journal}: the training ends well', summary['version'] == active(db) == 2, summary)
    check(f'{journal}: it read what was there when it began', summary['events'] == 12000, summary)
    check(f'{journal}: all epochs are there', value(db, 'SELECT count(*) FROM rec_epoch WHERE version = 2') == N)
    check(f'{journal}: what others wrote is there', value(db, 'SELECT count(*) FROM notes') == n)
    check(f'{journal}: the file is whole', is_whole(db))

    # a lock of another's in the middle is no hindrance either
    other.train(LONG)
    wait_epoch(db)
    db.execute('BEGIN EXCLUSIVE')
    time.sleep(0.4)
    db.execute('COMMIT')
    check(f'{journal}: a lock in the middle', other.summary()['version'] == 3)
    check(f'{journal}: the epochs meanwhile are written later',
          value(db, 'SELECT count(*) FROM rec_epoch WHERE version = 3') == N)
    db.close()


def one_snapshot(directory, journal):
    """A writer adds sessions of ten clicks, each in a transaction; a slow source sees whole ones."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(200))
    db.execute('CREATE VIEW slow AS SELECT session, item, ts + 0 * (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL '
               'SELECT i + 1 FROM c WHERE i < 60) SELECT count(*) FROM c WHERE i > clicks.ts) AS ts FROM clicks')
    is_over = False

    def write():
        n = 0
        writer = connect(path)
        while not is_over:
            writer.execute('BEGIN IMMEDIATE')
            for t in range(10):
                writer.execute('INSERT INTO clicks VALUES (?, ?, ?)', (10000 + n, 1000 + t, t))
                if t % 5 == 0:
                    time.sleep(0.001)
            writer.execute('COMMIT')
            n += 1
            time.sleep(0.01)
        return n

    writer = Thread(write)
    other = Process(path)
    counts = []
    for _ in range(2 if QUICK else 4):
        other.send("SELECT gru4rec_train('rec', 'slow', 'n_epochs=3')")
        counts.append(other.summary()['events'])
    is_over = True
    n = writer.join()
    check(f'{journal}: events of whole transactions', all(c % 10 == 0 for c in counts), counts)
    check(f'{journal}: later trainings see more', counts == sorted(counts) and counts[0] < counts[-1], counts)
    check(f'{journal}: the writer was never kept out for good', n > 3, n)
    db.close()


def is_refused(db, what, sql, n_versions):
    start = time.monotonic()
    message = error(db, sql)
    seconds = time.monotonic() - start
    check(f'{what}: refused with advice', message.startswith('gru4rec: ') and '; ' in message, message)
    check(f'{what}: at once', seconds < REFUSED_AT_ONCE, seconds)
    check(f'{what}: nothing happened', value(db, 'SELECT count(*) FROM rec_version') == n_versions and
          not db.in_transaction)


def refused(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('INSERT INTO notes VALUES (1)')
    train(db)
    old = ranking(db)
    call = "gru4rec_train('rec', 'n_epochs=100')"
    for what, sql in (
            ('FROM t', f'SELECT {call} FROM clicks'),
            ('FROM t LIMIT 1', f'SELECT {call} FROM clicks LIMIT 1'),
            ('beside a subquery', f'SELECT {call}, (SELECT count(*) FROM clicks)'),
            ('after EXISTS', f'SELECT {call} WHERE EXISTS (SELECT 1 FROM clicks)'),
            ('FROM the model', f'SELECT {call} FROM rec LIMIT 1'),
            ('INSERT ... SELECT', f'INSERT INTO notes SELECT {call}'),
            ('INSERT ... VALUES', f'INSERT INTO notes VALUES ({call})'),
            ('CREATE TABLE AS', f'CREATE TABLE made AS SELECT {call} AS x'),
            ('UPDATE', f'UPDATE notes SET x = {call}'),
            ('RETURNING', f'INSERT INTO notes VALUES (1) RETURNING {call}')):
        is_refused(db, f'{journal}: {what}', sql, 1)
    db.execute('PRAGMA query_only = 1')
    is_refused(db, f'{journal}: query_only', f'SELECT {call}', 1)
    db.execute('PRAGMA query_only = 0')

    cursor = db.execute('SELECT * FROM clicks')
    cursor.fetchone()
    is_refused(db, f'{journal}: beside a statement that runs', f'SELECT {call}', 1)
    cursor.close()
    check(f'{journal}: the old version serves', ranking(db) == old)

    for uri in ('mode=ro', 'immutable=1', 'mode=ro&immutable=1'):
        if journal == 'wal' and 'immutable' in uri:
            db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        reader = connect(f'file:{path}?{uri}', uri=True)
        is_refused(reader, f'{journal}: {uri}', f'SELECT {call}', 1)
        check(f'{journal}: {uri}: serves', ranking(reader) == old)
        reader.close()

    # a model in an attached read-only file, and one in a file beside a main database that is read-only
    here = connect('file::memory:', uri=True)
    here.execute('ATTACH ? AS shop', (f'file:{path}?mode=ro',))
    message = error(here, "SELECT gru4rec_train('shop.rec')")
    check(f'{journal}: attached read-only', 'read-only' in message, message)
    check(f'{journal}: attached read-only: serves', ranking(here, 'shop.rec') == old)
    here.close()
    here = connect(f'file:{path}?mode=ro', uri=True)
    here.execute("ATTACH ? AS copy", (f'file:{directory}/copy.db',))
    check(f'{journal}: into another file than the events',
          'version' in value(here, "SELECT gru4rec_train('copy.rec', 'main.clicks', 'n_epochs=1')"))
    check(f'{journal}: only there', value(here, 'SELECT max(version) FROM main.rec_version') == 1)
    here.close()
    db.close()


def in_transaction(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    impatient = connect(path, timeout=0)

    # the write lock is taken first, and kept
    other = Process(path)
    other.do('BEGIN')
    other.train(LONG)
    time.sleep(0.2)
    check(f'{journal}: BEGIN, training: the lock is taken first', not try_sql(impatient, 'BEGIN IMMEDIATE'))
    check(f'{journal}: readers read on', ranking(impatient) == old)
    other.summary()
    check(f'{journal}: the lock is kept', not try_sql(impatient, 'BEGIN IMMEDIATE'))
    check(f'{journal}: nobody sees it before COMMIT', ranking(impatient) == old)
    other.do('ROLLBACK')
    check(f'{journal}: ROLLBACK undoes', value(db, 'SELECT max(version) FROM rec_version') == 1)
    check(f'{journal}: ROLLBACK undoes it for all', ranking(db) == old)
    other.kill()

    # the lock is another's: refused at once, and the transaction goes on
    impatient.execute('BEGIN IMMEDIATE')
    for begin in 'BEGIN', 'SAVEPOINT mine':
        waiter = connect(path, timeout=0)
        waiter.execute(begin)
        start = time.monotonic()
        message = error(waiter, f"SELECT gru4rec_train('rec', '{LONG}')")
        check(f'{journal}: {begin}: locked by another: refused', 'locked' in message, message)
        check(f'{journal}: {begin}: at once', time.monotonic() - start < REFUSED_AT_ONCE)
        check(f'{journal}: {begin}: the transaction goes on', waiter.in_transaction)
        waiter.execute('COMMIT' if begin == 'BEGIN' else 'RELEASE mine')
        waiter.close()
    impatient.execute('COMMIT')

    # a snapshot that is out of date could not be written from (WAL)
    if journal == 'wal':
        db.execute('BEGIN')
        db.execute('SELECT count(*) FROM clicks').fetchone()
        impatient.execute('INSERT INTO notes VALUES (0)')
        start = time.monotonic()
        message = error(db, f"SELECT gru4rec_train('rec', '{LONG}')")
        check('wal: an old snapshot: refused, and says what to do', 'locked; another' in message and 'end it' in message, message)
        check('wal: an old snapshot: at once', time.monotonic() - start < REFUSED_AT_ONCE)
        db.execute('COMMIT')

    # COMMIT keeps, and what else was in the transaction
    db.execute('BEGIN')
    db.execute('INSERT INTO notes VALUES (77)')
    train(db, 'n_epochs=2, seed=7')
    new = ranking(db)
    check(f'{journal}: it serves inside', new != old)
    check(f'{journal}: still in the transaction', db.in_transaction)
    db.execute('COMMIT')
    check(f'{journal}: COMMIT keeps', ranking(impatient) == ranking(db) == new and active(impatient) == 2)
    check(f'{journal}: COMMIT keeps the rest', value(impatient, 'SELECT count(*) FROM notes WHERE x = 77') == 1)

    # savepoints
    db.execute('BEGIN')
    db.execute('SAVEPOINT a')
    train(db, 'n_epochs=2, seed=8')
    eight = ranking(db)
    db.execute('SAVEPOINT b')
    train(db, 'n_epochs=2, seed=9')
    nine = ranking(db)
    db.execute('ROLLBACK TO b')
    check(f'{journal}: ROLLBACK TO the inner one', ranking(db) == eight != nine)
    train(db, 'n_epochs=2, seed=9')
    db.execute('RELEASE b')
    check(f'{journal}: RELEASE of the inner one', ranking(db) == nine)
    db.execute('ROLLBACK TO a')
    check(f'{journal}: ROLLBACK TO the outer one', ranking(db) == new)
    train(db, 'n_epochs=2, seed=8')
    db.execute('RELEASE a')
    db.execute('COMMIT')
    check(f'{journal}: after COMMIT', ranking(impatient) == eight and active(impatient) == 3, active(impatient))

    # a training that fails inside leaves the transaction as it was
    db.execute('BEGIN')
    db.execute('INSERT INTO notes VALUES (78)')
    check(f'{journal}: fails', error(db, "SELECT gru4rec_train('rec', 'memory_limit=1')") != '')
    check(f'{journal}: the transaction goes on', db.in_transaction)
    db.execute('COMMIT')
    check(f'{journal}: with its rows', value(impatient, 'SELECT count(*) FROM notes WHERE x = 78') == 1)
    check(f'{journal}: the file is whole', is_whole(db))
    impatient.close()
    db.close()


for journal in JOURNALS:
    run(others_write, journal)
for journal in SOME:
    run(one_snapshot, journal)
    run(refused, journal)
    run(in_transaction, journal)
finish()
