"""interrupt.py - interrupts, the host's time limits and Ctrl-C stop whatever runs, soon, and spoil nothing."""
import signal
from common import *

SOON = 0.5  # seconds, on a machine that others use too; 0.1 is the aim
N = 2 if QUICK else 7
ENDLESS = "SELECT gru4rec_train('rec', 'n_epochs=100000')"
SLOW = ("SELECT gru4rec_train('rec', '(SELECT i % 1000 AS session, i * 7 % 311 AS item, i AS ts FROM ("
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100000000) SELECT i FROM c))')")


def stop(db, sql, delay):
    """Runs a statement and interrupts it after delay seconds.

    Returns its message, and how long that took: less than 0 for a statement that was over before."""
    call = Thread(error, db, sql)
    time.sleep(delay)
    asked = time.monotonic()
    db.interrupt()
    message = call.join()
    return message, call.end - asked


def is_stopped(db, what, sql, delays):
    """Every interrupt that finds the statement running stops it. A fast machine may be done before the later ones."""
    stops = [stop(db, sql, delay) for delay in delays]
    caught = [(message, seconds) for message, seconds in stops if seconds >= 0]
    check(f'{what}: interrupted', caught and all('interrupted' in message for message, _ in caught), stops)
    check(f'{what}: soon', all(seconds < SOON for _, seconds in caught), stops)


def spread(limit):
    rng = random.Random(3)
    return [limit * (i + rng.random()) / N for i in range(N)]


def interrupts(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    watcher = connect(path)
    elsewhere = Process(path)

    for delay in spread(0.6):
        message, seconds = stop(db, ENDLESS, 0.05 + delay)
        check(f'{journal}: training: interrupted', 'interrupted' in message, message)
        check(f'{journal}: training: says what serves', 'version 1' in message, message)
        check(f'{journal}: training: soon', seconds < SOON, seconds)
        version = value(db, 'SELECT max(version) FROM rec_version')
        check(f'{journal}: training: status', status(db, version) == 'interrupted', status(db, version))
        seen = json.loads(elsewhere.do("SELECT gru4rec_info('rec')")[0][0])['versions'][-1]['status']
        check(f'{journal}: training: seen by another process', seen == 'interrupted', seen)
        check(f'{journal}: training: nothing is locked',
              error(watcher, 'BEGIN EXCLUSIVE') == error(watcher, 'COMMIT') == '')
    check(f'{journal}: training: the old version serves', ranking(db) == ranking(watcher) == old)
    train(db)
    check(f'{journal}: training: the next one works', active(watcher) > 1 and ranking(watcher) == ranking(db))
    rows = db.execute("SELECT DISTINCT status FROM rec_version WHERE status <> 'ready'").fetchall()
    check(f'{journal}: training: and writes down what happened', rows == [('interrupted',)], rows)
    check(f'{journal}: the file is whole', is_whole(db))
    watcher.close()
    db.close()


def in_transaction(directory, journal):
    """Inside BEGIN the transaction goes on."""
    db = make_shop(directory + '/shop.db', journal)
    train(db)
    db.execute('BEGIN')
    db.execute('INSERT INTO notes VALUES (5)')
    message, seconds = stop(db, ENDLESS, 0.2)
    check(f'{journal}: in a transaction: interrupted', 'interrupted' in message and seconds < SOON, (message, seconds))
    check(f'{journal}: in a transaction: it goes on', db.in_transaction)
    train(db, 'n_epochs=1')  # it writes what the one before could not: that is version 2
    db.execute('COMMIT')
    check(f'{journal}: in a transaction: says so', status(db, 2) == 'interrupted', status(db, 2))
    check(f'{journal}: in a transaction: its rows', value(db, 'SELECT x FROM notes') == 5 and active(db) == 3)
    check(f'{journal}: in a transaction: the file is whole', is_whole(db))
    db.close()


def elsewhere(directory):
    """Everything else that can take long. The log is bigger in full mode."""
    n = 100000 if QUICK else 400000
    db = make_shop(directory + '/shop.db')
    train(db)
    old = ranking(db)
    db.execute('CREATE TABLE big(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute(f'INSERT INTO big WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) '
               'SELECT i / 5, 1000 + i * 7 % 300, i FROM c')
    db.execute('CREATE VIRTUAL TABLE wide USING gru4rec(big, layers=32, n_sample=64)')
    blob = value(db, "SELECT gru4rec_export('rec')")
    db.execute("SELECT gru4rec_import('wide', ?)", (blob,)).fetchall()

    is_stopped(db, 'reading a source', SLOW, spread(0.4))
    train_big = "SELECT gru4rec_train('rec', 'big', 'n_epochs=100')"
    is_stopped(db, 'reading and sorting a big table', train_big, spread(0.6))
    db.execute('CREATE TABLE mixed(item TEXT)')
    db.execute(f"INSERT INTO mixed SELECT 'item-' || (ts * 7919 % {3 * n}) FROM big ORDER BY ts")
    for i in range(2):
        db.execute(f"INSERT INTO mixed SELECT 'item-' || ((ts + {i + 1} * {n}) * 7919 % {3 * n}) FROM big ORDER BY ts")
    is_stopped(db, 'sorting one long session',
               "SELECT count(*) FROM gru4rec_batches('SELECT 1 AS session, item, 1 AS ts FROM mixed', 32)", spread(0.6))
    is_stopped(db, 'sorting sessions',
               "SELECT count(*) FROM gru4rec_batches('SELECT item AS session, item, 1 AS ts FROM mixed', 32)",
               spread(0.6))
    is_stopped(db, 'evaluating', "SELECT * FROM gru4rec_evaluate('rec', 'big', 'baselines=pop')", spread(0.6))
    db.execute("SELECT gru4rec_train('known', 'big', 'n_epochs=1, layers=4, n_sample=0, batch_size=512')").fetchall()
    is_stopped(db, 'fitting and measuring baselines', "SELECT * FROM gru4rec_evaluate('known', 'big', 'baselines=all')", spread(0.8))
    is_stopped(db, 'comparing models', "SELECT * FROM gru4rec_compare('known', 'wide', 'big')", spread(0.8))
    is_stopped(db, 'an audit', "SELECT count(*) FROM gru4rec_audit('SELECT 1 AS session, item, 1 AS ts FROM mixed')", spread(0.6))
    is_stopped(db, 'an audit of a test',
               "SELECT count(*) FROM gru4rec_audit('rec', 'SELECT item AS session, item, rowid % 7 AS ts FROM mixed')", spread(0.6))
    is_stopped(db, 'a report', "SELECT gru4rec_report('rec', 'test=big, titles=(SELECT item, ts FROM big)')", spread(0.8))
    is_stopped(db, 'all sessions', 'SELECT sum(score) FROM wide', spread(0.6))
    is_stopped(db, 'all sessions, sorted', 'SELECT * FROM wide ORDER BY score', spread(0.6))
    is_stopped(db, 'all sessions, first rank', 'SELECT count(*) FROM wide WHERE rank <= 1', spread(0.1))
    is_stopped(db, 'sessions without rows', "SELECT count(*) FROM wide WHERE candidates = '[]'", spread(0.1))
    is_stopped(db, 'a filter that finds nothing', "SELECT count(*) FROM wide WHERE item = 'x'", spread(0.6))
    is_stopped(db, 'a join of recommendations',
               "SELECT count(*) FROM big b, gru4rec_recommend('rec', b.item) r", spread(0.4))
    batches = "SELECT count(*) FROM gru4rec_batches('big', 1)"
    is_stopped(db, 'batches', batches + ', big', spread(0.05))  # alone it may be over before
    check('elsewhere: the old version serves', ranking(db) == old)
    train(db, 'n_epochs=1')
    check('elsewhere: the file is whole', is_whole(db))
    db.close()


def serving(directory):
    """Over a large catalogue, and after long histories."""
    n = 100000
    rows = ((i // 4, i % n, i) for i in range(n + n // 5))
    db = make_shop(directory + '/shop.db', 'delete', rows,
                   'layers=100, n_sample=64, batch_size=256, n_epochs=1, quantize=true')
    train(db, 'n_epochs=1')
    db.execute('CREATE TABLE few(session, item, ts)')
    db.execute('INSERT INTO few SELECT ts / 5, ts * 7 % 100, ts FROM clicks WHERE ts < 500')
    db.execute('CREATE VIRTUAL TABLE deep USING gru4rec(few, layers=800, n_sample=16, n_epochs=1)')
    train(db, 'n_epochs=1', 'deep')
    db.execute('CREATE TABLE long(h)')
    db.execute('INSERT INTO long SELECT json_group_array(ts * 7 % 100) FROM clicks WHERE ts < 2000')
    value(db, 'SELECT count(*) FROM rec WHERE rank <= 1 AND session = 1')  # they are loaded
    value(db, "SELECT gru4rec_score('deep', 1, 1)")
    some = 'SELECT * FROM rec WHERE rank <= 3 AND session IN (1, 2, 3)'
    old = db.execute(some).fetchall()

    is_stopped(db, 'large: loading', "SELECT gru4rec_check('rec')", spread(0.06))
    is_stopped(db, 'large: all rows', 'SELECT * FROM rec', spread(0.6))
    is_stopped(db, 'large: first ranks', 'SELECT * FROM rec WHERE rank <= 20', spread(0.8))
    is_stopped(db, 'large: first ranks, unseen', 'SELECT sum(score) FROM rec WHERE rank <= 20 AND exclude_seen = 1',
               spread(0.8))
    is_stopped(db, 'large: one session after another', "SELECT * FROM rec WHERE rank <= 20 AND candidates = "
               "(SELECT json_group_array(value) FROM json_each('[1, 2, 3, 500]'))", spread(0.6))
    is_stopped(db, 'large: scans', "SELECT count(*) FROM clicks c, gru4rec_recommend('rec', c.item, 10) r", spread(0.6))
    is_stopped(db, 'large: whole rankings', "SELECT count(*) FROM clicks c, gru4rec_recommend('rec', c.item) r",
               spread(0.6))
    is_stopped(db, 'large: similar items', "SELECT count(*) FROM clicks c, gru4rec_similar('rec', c.item, 10) r",
               spread(0.6))
    is_stopped(db, 'scores and states', "SELECT max(gru4rec_score('rec', s, 5)) FROM (SELECT "
               "gru4rec_state('rec', item) OVER (ORDER BY ts) AS s FROM clicks)", spread(0.6))
    for model in 'rec', 'deep':
        is_stopped(db, f'explaining 2,000 events, {model}',
                   f"SELECT * FROM long, gru4rec_explain('{model}', h, 5)", spread(0.6))
        is_stopped(db, f'scores after 2,000 events, {model}',
                   f"SELECT sum(gru4rec_score('{model}', h, item)) FROM long, clicks", spread(0.6))
    check('serving: as before', db.execute(some).fetchall() == old)
    db.close()


def between(directory):
    """An interrupt that comes between two statements of the call's own is not lost."""
    db = make_shop(directory + '/shop.db')
    train(db)
    db.create_function('stop', 0, db.interrupt)  # gives NULL: no row
    source = 'SELECT session, item, ts FROM clicks UNION ALL SELECT 1, 1, 1 WHERE stop()'
    for what, sql in (('training', "SELECT gru4rec_train('rec', ?, 'n_epochs=60')"),
                      ('evaluation', "SELECT * FROM gru4rec_evaluate('rec', ?)")):
        start = time.monotonic()
        message = error(db, sql, source)
        seconds = time.monotonic() - start
        check(f'between reading and {what}: interrupted', 'interrupted' in message, message)
        check(f'between reading and {what}: soon', seconds < 0.5, seconds)
    db.close()


def time_limits(directory):
    """A progress handler that says stop after a while, at any usual interval."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    old = ranking(db)
    watcher = connect(path)
    stops = []
    for interval in (100, 10000) if QUICK else (1, 100, 1000, 10000):
        deadline = time.monotonic() + 0.3
        db.set_progress_handler(lambda: time.monotonic() > deadline, interval)
        for what, sql in (('training', ENDLESS), ('reading', SLOW)):
            deadline = time.monotonic() + 0.3
            message = error(db, sql)
            late = time.monotonic() - deadline
            check(f'limit every {interval}: {what}: stopped', 'interrupted' in message, message)
            check(f'limit every {interval}: {what}: in time', 0 <= late < SOON, late)
        db.set_progress_handler(None, 0)
        version = value(db, 'SELECT max(version) FROM rec_version')
        check(f'limit every {interval}: status', status(db, version) in ('interrupted', 'ready'), status(db, version))
    # a handler that says stop only once leaves SQLite free to write down what happened
    deadline = time.monotonic() + 0.3
    db.set_progress_handler(lambda: time.monotonic() > deadline and not stops and not stops.append(1), 1000)
    message = error(db, ENDLESS)
    db.set_progress_handler(None, 0)
    version = value(db, 'SELECT max(version) FROM rec_version')
    check('a limit that stops once: interrupted', 'interrupted' in message, message)
    check('a limit that stops once: says what serves', 'version 1' in message, message)
    check('a limit that stops once: status', status(db, version) == 'interrupted', status(db, version))
    row = value(watcher, 'SELECT status FROM rec_version WHERE version = ?', version)
    check('a limit that stops once: written down', row == 'interrupted', row)
    check('limits: the old version serves', ranking(db) == old)
    train(db)
    check('limits: the next training works', active(db) > 1 and is_whole(db))
    watcher.close()
    db.close()


def ctrl_c(directory, journal):
    """The sqlite3 shell: SIGINT ends the statement, not the program's work."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    for statement in ENDLESS, SLOW:
        popen = subprocess.Popen(['sqlite3', path, f'.load {EXTENSION}', statement],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(0.6)
        asked = time.monotonic()
        popen.send_signal(signal.SIGINT)
        output = popen.communicate(timeout=20)[0]
        seconds = time.monotonic() - asked
        check(f'{journal}: Ctrl-C: stopped', 'interrupted' in output, output)
        check(f'{journal}: Ctrl-C: soon', seconds < SOON, seconds)
        check(f'{journal}: Ctrl-C: exit status', popen.returncode > 0, popen.returncode)
    check(f'{journal}: Ctrl-C: status', status(db, 2) in ('interrupted', 'killed'), status(db, 2))
    check(f'{journal}: Ctrl-C: the old version serves', ranking(db) == old)
    check(f'{journal}: Ctrl-C: while it read, too', status(db, 3) in ('interrupted', 'killed'), status(db, 3))
    check(f'{journal}: Ctrl-C: the next training works', train(db)['version'] == 4 and is_whole(db))
    db.close()


def long_history(directory):
    """What is stopped while it reads a history says so, not that the JSON is wrong."""
    db = make_shop(directory + '/shop.db')
    train(db, 'n_epochs=1')
    history = json.dumps([1001] * 20000)
    for every in 1000, 20000:
        asked = []
        db.set_progress_handler(lambda: asked.append(1) or len(asked) > 2, every)
        message = error(db, "SELECT * FROM gru4rec_recommend('rec', ?1, 3)", history)
        check(f'history, every {every}: interrupted', message == 'gru4rec: interrupted', message)
    db.set_progress_handler(None, 1000)
    check('history: the next query works', len(ranking(db)) > 0)
    db.close()


def failed(directory):
    """A run whose commit fails by itself says so in its row, and keeps what it trained."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    old = ranking(db)
    db.execute("CREATE TRIGGER broken BEFORE INSERT ON rec_tensor BEGIN SELECT raise(ABORT, 'full'); END")
    message = error(db, "SELECT gru4rec_train('rec', 'n_epochs=2')")
    check('failed: says so', 'full' in message and 'version 1' in message, message)
    check('failed: status', status(db, 2) == 'training', status(db, 2))
    check('failed: why', 'full' in value(db, 'SELECT message FROM rec_version WHERE version = 2'))
    check('failed: the old version serves', ranking(db) == old and not db.in_transaction)
    db.execute('DROP TRIGGER broken')
    check('failed: it can be committed', train(db, 'resume=true')['version'] == 2 and is_whole(db))
    check('failed: the next training works', train(db)['version'] == 3 and is_whole(db))
    db.close()


for journal in SOME:
    run(interrupts, journal)
    run(in_transaction, journal)
    run(ctrl_c, journal)
run(elsewhere)
run(serving)
run(between)
run(time_limits)
run(long_history)
run(failed)
finish()
