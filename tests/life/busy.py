"""busy.py - another connection is in the way when a training wants to commit: it waits, weights kept."""
from common import *

TRAIN = 'n_epochs=10, seed=7'  # a quarter of a second
HOLD = 0.6 if QUICK else 1.5  # seconds that the other stays in the way


def expected_ranking(directory):
    """Of the same training without anybody in the way."""
    db = make_shop(directory + '/alone.db')
    train(db, TRAIN)
    expected.extend(ranking(db))
    db.close()


def start(directory, journal, timeout):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    return path, db, Process(path, timeout)


def check_outcome(what, path, db, other, released):
    summary = other.summary()
    check(f'{what}: it waits', other.end > released, other.end - released)
    check(f'{what}: and then does not wait long', other.end - released < 1.5, other.end - released)
    check(f'{what}: succeeds', summary['version'] == active(db) == 2, summary)
    check(f'{what}: with its weights', ranking(db) == expected)
    check(f'{what}: all epochs are there', value(db, 'SELECT count(*) FROM rec_epoch WHERE version = 2') == 10)
    check(f'{what}: the file is whole', is_whole(db))
    fresh = connect(path, timeout=0)
    check(f'{what}: new readers are let in', ranking(fresh) == expected)
    fresh.execute('BEGIN IMMEDIATE')
    fresh.execute('INSERT INTO notes VALUES (1)')
    fresh.execute('COMMIT')
    check(f'{what}: new writers too', value(db, 'SELECT count(*) FROM notes WHERE x = 1') == 1)
    fresh.close()


def writer_in_the_way(directory, journal, timeout):
    path, db, other = start(directory, journal, timeout)
    other.train(TRAIN)
    wait_epoch(db)
    db.execute('BEGIN IMMEDIATE')
    db.execute('INSERT INTO notes VALUES (0)')
    time.sleep(HOLD)
    db.execute('COMMIT')
    check_outcome(f'{journal}, timeout {timeout}: a writer', path, db, other, time.monotonic())
    db.close()


def reader_in_the_way(directory, timeout):
    """In rollback-journal mode a commit waits for every reader to end."""
    path, db, other = start(directory, 'delete', timeout)
    other.train(TRAIN)
    wait_epoch(db)
    reader = connect(path)
    cursor = reader.execute('SELECT * FROM clicks')
    cursor.fetchone()
    time.sleep(HOLD / 2)
    late = Thread(lambda: ranking(connect(path)))  # it may have to wait for that commit
    time.sleep(HOLD / 2)
    cursor.close()
    reader.close()
    check_outcome(f'delete, timeout {timeout}: a reader', path, db, other, time.monotonic())
    check(f'delete, timeout {timeout}: a reader that came meanwhile', late.join() is not None)
    db.close()


def epochs_beside_a_reader(directory):
    """A long reader holds up the commit, but neither the epochs before it nor other readers."""
    path, db, other = start(directory, 'delete', 1)
    alone = train(db, 'n_epochs=20')['events_per_second']
    check('the busy timeout is as it was', value(db, 'PRAGMA busy_timeout') == 10000)
    served = Process(path, timeout=0)
    cursor = db.execute('SELECT * FROM clicks')
    cursor.fetchone()
    other.train('n_epochs=150, seed=7')
    n_refused = 0
    for _ in range(15):
        n_refused += served.error('SELECT count(*) FROM clicks') != ''
        time.sleep(0.1)
    check('delete, a long reader: it still computes', not other.is_done())
    cursor.close()
    check('delete, a long reader: others are let in while it computes', n_refused < 3, n_refused)
    speed = other.summary()['events_per_second']
    check('delete, a long reader: the epochs do not wait', speed > alone / 3, (speed, alone))
    db.close()


def reader_in_wal(directory, timeout):
    """In WAL mode a reader is in nobody's way, and keeps what it saw."""
    path, db, other = start(directory, 'wal', timeout)
    old = ranking(db)
    db.execute('BEGIN')
    check(f'wal, timeout {timeout}: the old version', ranking(db) == old)
    other.train(TRAIN)
    summary = other.summary()
    check(f'wal, timeout {timeout}: no wait', summary['version'] == 2 and other.seconds < 5, other.seconds)
    check(f'wal, timeout {timeout}: the snapshot stays', ranking(db) == old and active(db) == 1)
    db.execute('COMMIT')
    check(f'wal, timeout {timeout}: the new version after it', ranking(db) == expected)
    db.close()


def interrupted_while_waiting(directory, journal, timeout, is_reader):
    """Given up in the middle of waiting: nothing of it is left, and nothing is locked."""
    what = f'{journal}, timeout {timeout}, {"reader" if is_reader else "writer"}, interrupt'
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    late = connect(path, timeout=0)
    trainer = connect(path, timeout=timeout)
    training = Thread(error, trainer, f"SELECT gru4rec_train('rec', '{TRAIN}')")
    wait_epoch(db)
    holder = connect(path)
    if not is_reader:
        holder.execute('BEGIN IMMEDIATE')
    cursor = holder.execute('SELECT * FROM clicks')
    cursor.fetchone()
    time.sleep(0.6)
    asked = time.monotonic()
    trainer.interrupt()
    message = training.join()
    is_kept = KEPT in message  # else it was not so far yet
    seconds = training.end - asked
    check(f'{what}: says so', 'interrupted' in message, message)
    check(f'{what}: says what serves', 'version 1' in message, message)
    check(f'{what}: soon', seconds < timeout + 0.6, seconds)
    check(f'{what}: no transaction is left', not trainer.in_transaction)
    message = error(late, 'SELECT count(*) FROM clicks')
    check(f'{what}: readers are let in while the old one reads on', message == '', message)
    cursor.close()
    if not is_reader:
        holder.execute('COMMIT')
    message = error(late, 'INSERT INTO notes VALUES (1)')
    check(f'{what}: writers are let in', message == '', message)
    if trainer.in_transaction:
        trainer.execute('ROLLBACK')
    check(f'{what}: the old version serves', ranking(db) == ranking(trainer) == old)
    check(f'{what}: status', status(trainer, 2) == ('training' if is_kept else 'interrupted'), status(trainer, 2))
    check(f'{what}: the next training works', train(trainer)['version'] >= 2 and is_whole(db))
    for connection in late, holder, trainer, db:
        connection.close()


expected = []
run(expected_ranking)
for timeout in (0,) if QUICK else (0, 1):
    for journal in JOURNALS:
        run(writer_in_the_way, journal, timeout)
        if not QUICK:
            run(interrupted_while_waiting, journal, timeout, False)
    run(reader_in_the_way, timeout)
    run(reader_in_wal, timeout)
    run(interrupted_while_waiting, 'delete', timeout, True)
run(epochs_beside_a_reader)
finish()
