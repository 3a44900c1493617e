"""nightly.py - since=last: a run that stopped goes on with its own border; and clicks that come while it reads are not lost."""
from common import *

OPTIONS = 'since=last, seed=7, threads=1'


def everything(db, version):
    return (db.execute('SELECT name, chunk, checksum FROM rec_tensor WHERE version = ? ORDER BY 1, 2', (version,)).fetchall(),
            db.execute('SELECT row, item, support FROM rec_item WHERE version = ? ORDER BY 1', (version,)).fetchall(),
            db.execute('SELECT first_event, last_event, last_rowid FROM rec_version WHERE version = ?', (version,)).fetchall())


def add_night(db, night, n=300):
    db.execute('BEGIN')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)',
                   ((100000 * night + s, i, 100000 * night + t) for s, i, t in clicks(n, seed=night)))
    db.execute('COMMIT')


def resumed(directory, journal):
    """Versions 1 and 2; a run that starts from the end of 2 is killed; then 1 is made active."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db, f'n_epochs=1, {OPTIONS}')
    for night in 1, 2:
        add_night(db, night)
        if night == 1:
            train(db, f'n_epochs=1, {OPTIONS}')
    db.execute('VACUUM INTO ?', (directory + '/alone.db',))
    options = f'n_epochs=200, checkpoint_epochs=2, {OPTIONS}'
    process = Process(path)
    process.train(options)
    wait_for(db, "SELECT max(summary ->> '$.checkpoint') >= 4 FROM rec_version WHERE status <> 'ready'")
    process.kill()
    db.execute("SELECT gru4rec_deploy('rec', 1)").fetchall()
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true, since=last')")
    check(f'{journal}: since is the run\'s own', 'leave out since' in message, message)
    summary = train(db, 'resume=true')
    check(f'{journal}: its border is that of version 2', summary['since'] ==
          {'version': 2, 'last_event': 100000 + 300 * 8 - 1, 'last_rowid': 1500 * 8 + 300 * 8}, summary['since'])
    check(f'{journal}: its events are those of the night', (summary['sessions'], summary['events']) == (300, 2400), summary)
    alone = connect(directory + '/alone.db')
    version = train(alone, options)['version']
    check(f'{journal}: as if it had not stopped', everything(db, summary['version']) == everything(alone, version))


def inherited(directory):
    """A run that inherits support goes on only with the version that it has it from."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db, 'n_epochs=1')
    train(db, 'n_epochs=1, warm_start=true, support_decay=1')
    process = Process(path)
    process.train('n_epochs=40, checkpoint_epochs=2, warm_start=true, support_decay=1')
    wait_for(db, "SELECT max(summary ->> '$.checkpoint') >= 2 FROM rec_version WHERE status <> 'ready'")
    process.kill()
    db.execute("SELECT gru4rec_deploy('rec', 1)").fetchall()
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true, n_epochs=4')")
    check('of another version: refused', 'the events are not those that the run to resume began with' in message, message)
    db.execute("SELECT gru4rec_deploy('rec', 2)").fetchall()
    version = train(db, 'resume=true')['version']
    sums = [n for n, in db.execute('SELECT sum(support) FROM rec_item GROUP BY version ORDER BY version')]
    check('of the same: the third sum', sums[-1] == 3 * 1500 * 8 and version == 3, sums)


def busy(directory, journal):
    """Somebody clicks all the time. Every click is taken once it is behind a border, also what comes between two readings."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=list(clicks(20)))
    db.execute("UPDATE clicks SET item = rowid + 1000000")
    db.execute("INSERT INTO clicks SELECT session, 1, ts FROM clicks")
    stop, clicked = threading.Event(), []

    def click():
        other = connect(path, is_loaded=False)
        rng = random.Random(3)
        n = 0
        while not stop.is_set():
            n += 1
            session, item = rng.randrange(40) + n // 200 * 10, 2000000 + n
            try:  # times tie often
                other.execute('BEGIN IMMEDIATE')
                other.executemany('INSERT INTO clicks VALUES (?, ?, ?)', [(session, item, 10000 + n // 9), (session, 1, 10000 + n // 9)])
                other.execute('COMMIT')
                clicked.append(item)
            except sqlite3.OperationalError:
                pass
            time.sleep(0.0005)
        other.close()

    thread = threading.Thread(target=click)
    thread.start()
    union, refused = set(), 0
    try:
        for night in range(12):
            time.sleep(0.1)
            try:
                summary = train(db, f'n_epochs=1, single_events=count, keep_versions=50, {OPTIONS}, validation={0.3 * (night % 2)}')
            except sqlite3.Error as e:
                check(f'{journal}: night {night}', 'measured' in str(e), e)
                continue
            union |= {item for item, in db.execute('SELECT item FROM rec_item WHERE version = ?', (summary['version'],))}
    finally:
        stop.set()
        thread.join()
    add_night(db, 1, 20)
    summary = train(db, f'n_epochs=1, single_events=count, {OPTIONS}')
    union |= {item for item, in db.execute('SELECT item FROM rec_item WHERE version = ?', (summary['version'],))}
    missing = set(clicked) - union
    check(f'{journal}: many clicks came', len(clicked) > 50, len(clicked))
    check(f'{journal}: none was lost', not missing, sorted(missing)[:9])


def one_moment(directory):
    """The source is in another database than the model; a click comes at each row that is read."""
    logs = connect(directory + '/logs.db', is_loaded=False)
    logs.execute('PRAGMA journal_mode = wal')
    logs.execute('CREATE TABLE clicks(session, item, ts)')
    logs.executemany('INSERT INTO clicks VALUES (?, ?, ?)', [(s, 10 * s + i, 100 * s + i) for s in range(9) for i in range(3)])
    db = connect(directory + '/model.db')
    db.execute('ATTACH ? AS logs', (directory + '/logs.db',))
    came, session, start, is_open = [], [0], [5000], [False]

    def tick():
        if is_open[0]:
            came.append(len(came) + 1)
            logs.execute('INSERT INTO clicks VALUES (?, ?, ?)', (session[0], 1000 + came[-1], start[0] + came[-1] // 3))
        return 1

    db.create_function('tick', 0, tick)
    source = '(SELECT session, item, ts FROM logs.clicks WHERE tick())'
    options = 'layers=4, n_sample=4, n_epochs=1, single_events=count, since=last, keep_versions=9'
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec')
    db.execute('SELECT gru4rec_train(?, ?, ?)', ('rec', source, options)).fetchall()
    logs.execute('INSERT INTO clicks VALUES (8, 500, 4000), (7, 501, 4001)')
    for night in range(2):
        session[0], is_open[0], n = night, True, len(came)
        summary = json.loads(value(db, "SELECT gru4rec_train('rec', ?, ?)", source, options))
        is_open[0] = False
        items = {item for item, in db.execute('SELECT item FROM rec_item WHERE version = ?', (summary['version'],))}
        check(f'night {night}: clicks came while it read', len(came) > n + 20, len(came))
        if night == 0:
            check('nothing that came is in it', items == {80, 81, 82, 500, 70, 71, 72, 501}, sorted(items))
            check('nor in its border', summary['last_event'] == 4001, summary)
        else:
            check('on the next night all of it is', items == {0, 1, 2} | set(range(1001, 1001 + n)), sorted(items))
    # a new model, whose last event is looked for once some are held out
    logs.execute('DELETE FROM clicks')
    logs.executemany('INSERT INTO clicks VALUES (?, ?, ?)', [(s, i, 7000 + 100 * s + i) for s in range(9) for i in range(3)])
    came[:], start[0], is_open[0] = [], 7620, True
    summary = json.loads(value(db, "SELECT gru4rec_train('logs.fresh', ?, ?)", source.replace('logs.', ''), f'{options}, validation=0.3'))
    check('held out: what came is not in the border', (summary['held_out'], summary['last_event']) == (2, 7602) and len(came) > 20,
          summary)


for journal in SOME:
    run(resumed, journal)
run(inherited)
run(one_moment)
for journal in JOURNALS:
    run(busy, journal)
finish()
