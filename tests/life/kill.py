"""kill.py - kill -9 at random points of a training: the file stays whole and the version before serves."""
import signal

from common import *

POINTS = 12 if QUICK else 50  # in each journal mode
EPOCHS = 4
OPTIONS = f'n_epochs={EPOCHS}, seed=7, threads=1'
# rec_tensor gets some 600 kB and rec_item 1500 rows, so that the commit has a length worth hitting
ROWS = dict(n_sessions=400, n_items=1500)
MODEL = 'layers=100, n_sample=64'


class Shop:
    """A file with one trained version, copied anew for each kill, and what is to be seen in it."""

    def __init__(self, directory, journal):
        self.path, self.pristine = directory + '/shop.db', directory + '/pristine.db'
        db = make_shop(self.pristine, journal, rows=clicks(**ROWS), options=MODEL)
        train(db)
        self.old = ranking(db)
        db.close()
        self.renew()
        process = Process(self.path)
        process.train(OPTIONS)
        process.summary()
        db = connect(self.path)
        self.new = ranking(db)
        db.close()
        process.kill()

    def renew(self):
        for end in '', '-journal', '-wal', '-shm':
            if os.path.exists(self.path + end):
                os.remove(self.path + end)
        shutil.copy(self.pristine, self.path)


def moments():
    """After which epoch and how many seconds more. Half are at the end, where the version is written."""
    rng = random.Random(5)
    for i in range(POINTS):
        yield (rng.randrange(EPOCHS), rng.uniform(0, 0.05)) if i % 2 else (EPOCHS, rng.uniform(0, 0.02))


def wait_epochs(db, n):
    if n == 0:
        return wait_for(db, 'SELECT max(version) = 2 FROM rec_version')
    return wait_for(db, f'SELECT count(*) >= {n} FROM rec_epoch WHERE version = 2')


def kills(directory, journal):
    shop = Shop(directory, journal)
    n_begun = n_committed = n_hot = 0
    for i, (epochs, delay) in enumerate(moments()):
        shop.renew()
        what = f'{journal}, killed {delay:.3f} s after epoch {epochs}'
        process = Process(shop.path)
        process.train(OPTIONS)
        watcher = connect(shop.path, is_loaded=False)
        if i % 10:  # else anywhere near the beginning
            wait_epochs(watcher, epochs)
        watcher.close()
        time.sleep(delay)
        process.kill()
        n_hot += any(os.path.exists(shop.path + end) and os.path.getsize(shop.path + end)
                     for end in ('-journal', '-wal'))
        db = connect(shop.path)
        is_committed = active(db) == 2
        n_committed += is_committed
        check(f'{what}: the file is whole', is_whole(db))
        check(f'{what}: the right version serves', ranking(db) == (shop.new if is_committed else shop.old))
        runs = dict(db.execute('SELECT version, status FROM rec_version').fetchall())
        if not is_committed:
            check(f'{what}: no part of a version', value(db, 'SELECT count(*) FROM rec_item WHERE version > 1') ==
                  value(db, 'SELECT count(*) FROM rec_tensor WHERE version > 1') == 0)
            n_begun += 2 in runs
            if 2 in runs:
                check(f'{what}: status', status(db, 2) == 'killed', status(db, 2))
        if i % 3 == 0:
            version = train(db, 'n_epochs=1')['version']
            check(f'{what}: the next training works', version == active(db) == max(runs) + 1 and is_whole(db), version)
            if not is_committed and 2 in runs:
                row = value(db, 'SELECT status FROM rec_version WHERE version = 2')
                check(f'{what}: and writes down what happened', row == 'killed', row)
        db.close()
    if os.environ.get('GRU4REC_TIMES'):
        print(f'{POINTS} kills: {n_begun} after the row was written, {n_committed} after the commit, '
              f'{n_hot} with a log')
    check(f'{journal}: enough of them hit', n_begun > POINTS / 3, n_begun)


def killed_in_transaction(directory, journal):
    """In a transaction of the user's nothing is left at all."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    for is_done in (False, True):
        process = Process(path)
        process.do('BEGIN')
        process.do('INSERT INTO notes VALUES (1)')
        process.train('n_epochs=5')
        process.receive() if is_done else time.sleep(0.05)
        process.kill()
        what = f'{journal}: killed in a transaction, {"after" if is_done else "in"} the training'
        check(f'{what}: nothing is left', value(db, 'SELECT count(*) FROM notes') == 0 and
              value(db, 'SELECT count(*) FROM rec_version') == 1)
        check(f'{what}: the old version serves', ranking(db) == old and is_whole(db))
        check(f'{what}: nothing is locked', error(db, 'BEGIN EXCLUSIVE') == error(db, 'COMMIT') == '')
    db.close()


def killed_while_creating(directory, journal):
    """gru4rec_train(new, source): the model is there with its version or not at all."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    for delay in (0.02, 0.1, 0.2):
        process = Process(path)
        process.send("SELECT gru4rec_train('fresh', 'clicks', 'layers=16, n_sample=64, n_epochs=100')")
        time.sleep(delay)
        process.kill()
        left = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'fresh%'").fetchall()
        check(f'{journal}: killed while creating: nothing is left', left == [], left)
    check(f'{journal}: then it works', 'version' in value(
        db, "SELECT gru4rec_train('fresh', 'clicks', 'layers=16, n_sample=64, n_epochs=1')"))
    db.close()


def several_dead(directory):
    """Dead runs beside one that lives: only the dead are said to be."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    for _ in range(2):
        process = Process(path)
        before = value(db, 'SELECT count(*) FROM rec_version')
        process.train('n_epochs=1000')
        wait_for(db, f'SELECT count(*) > {before} FROM rec_version')
        process.kill()
    process = Process(path)     # its parent, which is this test, has not asked for its exit status
    process.train('n_epochs=1000')
    wait_for(db, 'SELECT max(version) = 4 FROM rec_version')
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    check('several: killed, and still in the list of processes', status(db, 4) == 'killed', status(db, 4))
    process.kill()
    living = Process(path)
    living.train('n_epochs=40')
    wait_for(db, 'SELECT max(version) = 5 FROM rec_version')
    seen = [status(db, v) for v in (1, 2, 3, 4, 5)]
    check('several: status', seen == ['ready', 'killed', 'killed', 'killed', 'training'], seen)
    train(db, 'n_epochs=1')
    seen = [status(db, v) for v in (2, 3, 4, 5, 6)]
    check('several: another training leaves the living alone', seen == ['killed', 'killed', 'killed', 'training', 'ready'], seen)
    check('several: the living one ends', living.summary()['version'] == 7 and is_whole(db))
    db.close()


for journal in JOURNALS:
    run(kills, journal)
    run(killed_in_transaction, journal)
    run(killed_while_creating, journal)
run(several_dead)
finish()
