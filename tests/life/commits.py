"""commits.py - commits that fail: the result stays with its connection; and models that are not what they were."""
import resource
from common import *


# ---- a commit that somebody holds up ----

def held_up(directory, what, journal):
    """Beyond commit_wait: the result stays, and is committed when others are done, as often as it takes."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db, 'n_epochs=10, seed=7')
    expected = ranking(db)
    db.execute("CREATE VIRTUAL TABLE twin USING gru4rec(clicks)")
    train(db, 'n_epochs=1')
    trainer, holder = Process(path), connect(path)

    def hold():
        if what == 'writer':
            holder.execute('BEGIN IMMEDIATE')
        cursor = holder.execute('SELECT * FROM clicks')
        cursor.fetchone()
        return cursor

    def let_go(cursor):
        cursor.close()
        if what == 'writer':
            holder.execute('COMMIT')

    name = f'{what}, {journal}'
    cursor = hold()
    start = time.monotonic()
    message = trainer.error("SELECT gru4rec_train('rec', 'n_epochs=10, seed=7, commit_wait=1')")
    seconds = time.monotonic() - start
    check(f'{name}: it gives up, and says what stays', 'database is locked' in message and KEPT in message and
          "SELECT gru4rec_train('rec', 'resume=true')" in message and 'version 2' in message, message)
    check(f'{name}: after commit_wait', 1 <= seconds < 9, seconds)
    row = newest(trainer)
    check(f'{name}: its process knows, row or not', row['version'] in (None, 3) and is_training(row) and
          row['progress'] == 1 and 'database is locked' in row['message'] and 'resume=true' in row['message'], row)
    message = trainer.error("SELECT gru4rec_train('rec', 'resume=true,commit_wait=1')")
    check(f'{name}: still held up', KEPT in message, message)
    check(f'{name}: it waits once', [is_training(r) for r in runs(trainer)].count(True) == 1, runs(trainer))
    let_go(cursor)
    db.execute('INSERT INTO notes VALUES (1)')
    train(db, 'n_epochs=1, seed=9')  # another writer goes on meanwhile
    cursor = hold()
    message = trainer.error("SELECT gru4rec_train('rec', 'resume=true,commit_wait=1')")
    check(f'{name}: a second time', KEPT in message, message)
    let_go(cursor)
    value(db, "SELECT gru4rec_deploy('rec', 'previous')")
    trainer.send("SELECT gru4rec_train('rec', 'resume=true')")
    summary = trainer.summary()
    check(f'{name}: committed last', summary['version'] == active(db) == max(r['version'] for r in runs(db)), summary)
    check(f'{name}: with its weights', ranking(db) == expected)
    check(f'{name}: and its summary', summary['epochs'] == 10 and summary['events'] == 12000 and
          json.loads(value(db, 'SELECT summary FROM rec_version WHERE version = ?', summary['version'])) == summary)
    n = value(db, 'SELECT count(*) FROM rec_epoch WHERE version = ?', summary['version'])
    check(f'{name}: and its epochs', n == 10, n)
    check(f'{name}: whole', is_whole(db) and newest(db)['message'] is None, newest(db))
    check(f'{name}: once', 'no interrupted run' in trainer.error("SELECT gru4rec_train('rec', 'resume=true')"))
    trainer.kill()
    holder.close()
    db.close()


def given_up(directory):
    """Kept by a process that ends: what it could write tells why, else nothing does."""
    path = directory + '/shop.db'
    db = make_shop(path, 'wal')
    train(db)
    for is_told in True, False:
        trainer = Process(path)
        if is_told:  # what holds up the commit lets the row be written
            db.execute("CREATE TRIGGER stop BEFORE INSERT ON rec_tensor BEGIN SELECT raise(ABORT, 'no weights today'); END")
        else:
            train(db, 'n_epochs=1')
            trainer.train('n_epochs=60, commit_wait=1')
            wait_epoch(db)
            db.execute('BEGIN IMMEDIATE')
        message = trainer.error("SELECT gru4rec_train('rec', 'n_epochs=2')") if is_told else ''
        try:
            trainer.receive() if not is_told else None
        except sqlite3.Error as e:
            message = str(e)
        if not is_told:
            db.execute('COMMIT')
        check(f'given up, {is_told}: kept', KEPT in message, message)
        row = newest(db)
        check(f'given up, {is_told}: waits', is_training(row), row)
        trainer.kill()
        row = newest(db)
        check(f'given up, {is_told}: then', row['status'] == ('failed' if is_told else 'killed') and
              ('no weights today' if is_told else 'cause not recorded') in row['message'], row)
        if is_told:
            db.execute('DROP TRIGGER stop')
    db.close()


def io_error(directory, journal):
    """The disk takes no more: a file may not grow."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, options='layers=32, n_sample=64')
    train(db)
    trainer = Process(path)
    size = os.path.getsize(path)
    everything = resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE, (size + 100_000, everything[1]))
    message = trainer.error("SELECT gru4rec_train('rec', 'n_epochs=1, layers=200, seed=7')")
    check(f'{journal}: I/O error: kept', KEPT in message and ('I/O' in message or 'full' in message), message)
    check(f'{journal}: I/O error: the old version serves', active(db) == 1 and len(ranking(db)) > 0)
    message = trainer.error("SELECT gru4rec_train('rec', 'resume=true')")
    check(f'{journal}: I/O error: still', KEPT in message, message)
    resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE, everything)
    trainer.send("SELECT gru4rec_train('rec', 'resume=true')")
    summary = trainer.summary()
    got = ranking(db)
    check(f'{journal}: I/O error: committed', active(db) == summary['version'] and is_whole(db), summary)
    train(db, 'n_epochs=1, layers=200, seed=7')
    check(f'{journal}: I/O error: the same bits', ranking(db) == got)
    trainer.kill()
    db.close()


def full(directory):
    """The disk is full, and a reader is in the way for a moment: the row says why all the same."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    trainer = Process(path, timeout=60)
    trainer.train('n_epochs=1, layers=200, activate=false')
    trainer.summary()
    long = 3 * trainer.seconds + 0.2
    trainer.do(f"PRAGMA max_page_count = {value(db, 'PRAGMA page_count') + 8}")
    cursor = db.execute('SELECT * FROM clicks')
    cursor.fetchone()
    trainer.train('n_epochs=1, layers=200')
    end = time.monotonic() + long  # by then it has failed, and wants to write why
    while not trainer.is_done() and time.monotonic() < end:
        time.sleep(0.01)
    cursor.close()
    try:
        message = trainer.receive()
    except sqlite3.Error as e:
        message = str(e)
    check('full: kept', KEPT in message and 'disk is full' in message, message)
    row = newest(db)
    check('full: others see why', is_training(row) and 'disk is full; the trained model is not committed' in row['message'], row)
    trainer.do('PRAGMA max_page_count = 1000000')
    trainer.train('resume=true')
    check('full: committed', trainer.summary()['version'] == active(db) == 3 and is_whole(db))
    trainer.kill()
    db.close()


# ---- the model is not what it was ----

def gone(directory, journal, has_id):
    """Dropped, made anew, or renamed, while another process trains it. has_id: not made by an older build."""
    path = directory + '/shop.db'
    anew = 'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_sample=64)'
    for what, changes in {'dropped': ['DROP TABLE rec'], 'made anew': ['DROP TABLE rec', anew],
                          'renamed': ['ALTER TABLE rec RENAME TO moved'],
                          'renamed and made anew': ['ALTER TABLE rec RENAME TO moved', anew]}.items():
        db = make_shop(path, journal)
        if not has_id:
            db.execute("DELETE FROM rec_config WHERE key = 'id'")
        train(db)
        other = Process(path)
        other.train('n_epochs=40, seed=7')
        wait_epoch(db)
        for change in changes:
            db.execute(change)
        try:
            outcome = other.summary()
        except sqlite3.Error as e:
            outcome = str(e)
        name = f'{journal}, {what}'
        if 'renamed' in what:
            check(f'{name}: followed', outcome['model'] == 'moved' and outcome['version'] == 2 and
                  value(db, "SELECT value FROM moved_config WHERE key = 'version'") == 2, outcome)
            check(f'{name}: whole', is_whole(db, 'moved') and len(ranking(db, 'moved')) > 0)
        else:
            check(f'{name}: true', "model 'rec' was dropped while it was trained" in outcome and
                  'keeps serving' not in outcome, outcome)
            check(f'{name}: not kept', KEPT not in outcome, outcome)
            check(f'{name}: soon', other.seconds < 2.5, other.seconds)
        if 'anew' in what:
            left = [value(db, f'SELECT count(*) FROM rec_{table}') for table in ('version', 'epoch', 'item', 'tensor')]
            check(f'{name}: nothing is written', left == [0] * 4, left)
            check(f'{name}: it works', train(db)['version'] == 1 and is_whole(db))
        check(f'{name}: no lock', error(db, 'BEGIN EXCLUSIVE') == error(db, 'COMMIT') == '')
        other.kill()
        db.close()
        for end in '', '-wal', '-shm', '-journal':
            if os.path.exists(path + end):
                os.remove(path + end)


def same_model(directory):
    """VACUUM, .dump and a copy keep the id."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    id = value(db, "SELECT value FROM rec_config WHERE key = 'id'")
    db.execute('VACUUM')
    check('id: VACUUM', len(id) == 32 and value(db, "SELECT value FROM rec_config WHERE key = 'id'") == id)
    dump = shell(path, '.dump')
    again = directory + '/again.db'
    done = shell(again, dump)
    copy = connect(again)
    check('id: .dump', value(copy, "SELECT value FROM rec_config WHERE key = 'id'") == id, done[-300:])
    other = Process(path)
    other.train('n_epochs=40')
    wait_epoch(db)
    db.execute('VACUUM')
    check('id: VACUUM while it trains', other.summary()['version'] == 2 and is_whole(db))
    other.kill()
    copy.close()
    db.close()


for journal in SOME:
    run(gone, journal, True)
    run(io_error, journal)
    run(held_up, 'writer', journal)
run(gone, 'wal', False)
run(held_up, 'reader', 'delete')
run(given_up)
run(full)
run(same_model)
finish()
