"""runs.py - what gru4rec_status() says at each moment of a run, and of those that could not say how they ended."""
from common import *


def slow_source(seconds):
    """A view whose reading takes about so long."""
    n = int(seconds * 5_000_000)
    return ('CREATE VIEW slow AS SELECT session, item, ts FROM clicks WHERE ts > -1 + 0 * (WITH RECURSIVE c(i) AS '
            f'(SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) SELECT max(i) FROM c)')


# ---- what is seen of a run that is under way ----

def moments(directory, journal):
    """From another process, which knows only what is written."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(8000), options='layers=256, n_sample=2048')
    db.execute(slow_source(0.7))
    check(f'{journal}: untrained', runs(db) == [])
    other = Process(path)
    other.send("SELECT gru4rec_train('rec', 'slow', 'n_epochs=2, threads=1')")
    row = wait_run(db, is_training)
    check(f'{journal}: while it reads', row['version'] == 1 and row['progress'] is None and row['left'] is None and
          'reads its events' in row['message'], row)
    row = wait_run(db, lambda r: (r['progress'] or 0) > 0)
    within = row['progress'] * 2
    check(f'{journal}: within the first epoch', row['epoch'] is None and 0 < within < 1 and row['left'] > 0 and
          row['message'] is None, row)
    last = row['progress']
    row = wait_run(db, lambda r: (r['progress'] or 0) > 0.5)
    check(f'{journal}: it goes on', row['progress'] > last and row['epoch'] >= 1 and is_training(row), row)
    summary = other.summary()
    row = newest(db)
    check(f'{journal}: at the end', row['status'] == 'ready' and row['progress'] == 1 and row['active'] == 1 and
          row['left'] is None and row['message'] is None and row['version'] == summary['version'], row)
    other.kill()
    db.close()


def time_left(directory):
    """It is about right, from another process and from this one."""
    path = directory + '/shop.db'
    db = make_shop(path, 'wal')
    for trainer in Process(path), None:
        start = time.monotonic()
        if trainer:
            trainer.train('n_epochs=100, threads=1')
        else:
            thread = Thread(error, connect(path), "SELECT gru4rec_train('rec', 'n_epochs=100, threads=1')")
        row = wait_run(db, lambda r: is_training(r) and (r['progress'] or 0) > 0.3 and r['left'] is not None)
        guess = time.monotonic() - start + (row['left'] or 0)
        if trainer:
            trainer.receive()
            trainer.kill()
        else:
            check('time left, this process: no error', thread.join() == '')
        took = time.monotonic() - start
        check(f'time left, {"another" if trainer else "this"} process', 0.3 * took < guess < 3 * took, (row, guess, took))
    db.close()


def waiting(directory):
    """A writer holds up the commit: other connections of the process know, one that cannot write too."""
    path = directory + '/shop.db'
    db = make_shop(path, 'wal')
    train(db, 'n_epochs=1')
    trainer, reader = connect(path), connect(f'file:{path}?mode=ro', uri=True)
    thread = Thread(train, trainer, 'n_epochs=20')
    wait_epoch(db)
    db.execute('BEGIN IMMEDIATE')
    row = wait_run(reader, lambda r: 'its commit waits' in (r['message'] or ''))
    check('waiting: says so', is_training(row) and row['progress'] == 1 and row['left'] == 0 and
          'its commit waits because others' in row['message'], row)
    db.execute('COMMIT')
    summary = thread.join()
    row = newest(reader)
    check('waiting: then', summary['version'] == row['version'] == 2 and row['status'] == 'ready' and
          row['message'] is None, row)
    for connection in reader, trainer, db:
        connection.close()


# ---- runs that are killed ----

def killed(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(8000), options='layers=100, n_sample=256')
    db.execute(slow_source(0.7))
    train(db, "since=50000,n_epochs=1")
    is_seen = {'while it reads': lambda r: r['progress'] is None, 'in an epoch': lambda r: (r['progress'] or 0) > 0,
               'between two': lambda r: r['epoch'] == 1}
    for n, (when, is_it) in enumerate(is_seen.items()):
        other = Process(path)
        other.send("SELECT gru4rec_train('rec', 'slow', 'n_epochs=99, threads=1, bptt=2')")
        wait_run(db, lambda r: is_training(r) and is_it(r))
        other.kill()
        row = newest(db)
        check(f'{journal}, {when}: killed', row['status'] == 'killed' and row['version'] == n + 2 and
              row['message'] == 'failed, cause not recorded', row)
    train(db, 'since=50000,n_epochs=1')
    stored = db.execute("SELECT version, status FROM rec_version WHERE status <> 'ready'").fetchall()
    check(f'{journal}: the next training writes it down', stored == [(v, 'killed') for v in (2, 3, 4)], stored)
    check(f'{journal}: and it stays so', [r['status'] for r in runs(db)] == ['ready'] + ['killed'] * 3 + ['ready'])
    db.close()


# ---- what could not be written then ----

def locked_at_first(directory, journal):
    """A writer holds the lock from start to end: the next call of the process says what failed."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    trainer = Process(path, timeout=0)
    trainer.do('SELECT count(*) FROM clicks')
    db.execute('BEGIN IMMEDIATE')
    message = trainer.error("SELECT gru4rec_train('rec', 'since=1e12')")
    check(f'{journal}: locked: says why', 'no events are left' in message, message)
    row = newest(trainer)
    check(f'{journal}: locked: its process shows it', row['version'] is None and row['status'] == 'failed' and
          'no events are left' in row['message'], row)
    db.execute('COMMIT')
    check(f'{journal}: locked: nothing is written', [r['version'] for r in runs(db)] == [1], runs(db))
    trainer.do("SELECT * FROM gru4rec_recommend('rec', 1001, 3)")
    check(f'{journal}: locked: nor by serving', [r['version'] for r in runs(db)] == [1], runs(db))
    trainer.do("SELECT gru4rec_deploy('rec', 1)")
    row = newest(db)
    check(f'{journal}: locked: the next call writes it', row['version'] == 2 and row['status'] == 'failed' and
          'no events are left' in row['message'], row)
    trainer.do("SELECT gru4rec_deploy('rec', 1)")
    check(f'{journal}: locked: once', [r['version'] for r in runs(db)] == [2, 1], runs(db))
    trainer.kill()
    db.close()


def interrupted(directory, journal):
    """While an interrupt is pending nothing can be written: others see what they can, the process knows."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    trainer = connect(path)
    thread = Thread(error, trainer, "SELECT gru4rec_train('rec', 'n_epochs=100000')")
    wait_epoch(db)
    trainer.interrupt()
    message = thread.join()
    row = newest(db)
    check(f'{journal}: interrupted: at once', row['status'] == 'interrupted' and row['version'] == 2 and
          row['message'] == 'gru4rec: interrupted', (row, message))
    other = Process(path)
    row = newest(other)
    check(f'{journal}: interrupted: from elsewhere', row['status'] == 'interrupted' and row['version'] == 2, row)
    value(db, "SELECT gru4rec_deploy('rec', 1)")
    row = newest(other)
    check(f'{journal}: interrupted: written', row['message'] == 'gru4rec: interrupted', row)
    other.kill()
    trainer.close()
    db.close()


def many(directory):
    """What is kept is bounded, and the newest stays."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    db.execute('BEGIN')
    for i in range(100):
        error(db, f"SELECT gru4rec_train('rec', 'since={10 ** 9 + i}')")
    db.execute('ROLLBACK')
    seen = [r for r in runs(db) if r['version'] is None]
    check('many: bounded', len(seen) == 64, len(seen))
    value(db, "SELECT gru4rec_deploy('rec', 1)")
    stored = db.execute("SELECT options ->> '$.since' FROM rec_version WHERE status = 'failed' ORDER BY version").fetchall()
    check('many: the newest, in order', [str(10 ** 9 + i) for i in range(36, 100)] == [str(s).split('.')[0] for s, in stored],
          stored[:3])
    db.close()


for journal in SOME:
    run(moments, journal)
    run(killed, journal)
    run(locked_at_first, journal)
    run(interrupted, journal)
run(time_left)
run(waiting)
run(many)
finish()
