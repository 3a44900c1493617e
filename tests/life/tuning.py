"""tuning.py - a tuning that others read meanwhile, that is killed, interrupted and resumed, to the same result."""
import re
from common import *

SPACE = '{"layers":[8,16,24],"learning_rate":{"log":[0.02,0.3]},"momentum":{"linear":[0,0.4],"step":0.1}}'
OPTIONS = f'trials=14, n_epochs=9, threads=2, space={SPACE}'
N_ROWS = 14 + 4 + 1 + 2 + 2 + 1  # at most: the second batch has 4 trials; the first trial may be added twice
SOON = 0.5
TUNE = "SELECT gru4rec_tune('rec', ?)"


def tune(db, options=OPTIONS):
    return json.loads(value(db, TUNE, options))


def trials(db, tune=1):
    return db.execute('SELECT trial, rung, epochs, objective, recall, mrr, options, status FROM rec_trial '
                      'WHERE tune = ? AND trial > 0 ORDER BY 1, 2', (tune,)).fetchall()


def state(db, tune=1):
    return value(db, 'SELECT status FROM rec_trial WHERE tune = ? AND trial = 0', tune)


def lasting(result):
    """The result without what another run may have otherwise."""
    return {key: what for key, what in result.items() if key not in ('seconds', 'threads', 'tune')}


def wait_rows(db, n, limit=30):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if value(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'rec_trial'") and len(trials(db)) >= n:
            return True
        time.sleep(0.002)
    return False


def unbroken(directory, journal):
    """The result and the rows of a tuning that nobody stops."""
    db = make_shop(f'{directory}/alone-{journal}.db', journal)
    result = tune(db)
    rows = trials(db)
    check('a tuning: finished', state(db) == 'finished')
    check('a tuning: its rows', 16 < len(rows) <= N_ROWS and {row[7] for row in rows} == {'done'}, len(rows))
    check('a tuning: the best one', max(row[3] for row in rows if row[1] == 2) == value(
        db, 'SELECT objective FROM rec_trial WHERE trial = 0'))
    check('a tuning: nothing to resume', 'no tuning' in error(db, TUNE, 'resume=true'))
    db.close()
    return lasting(result), rows


def threads(directory):
    """Any number of threads finds the same."""
    db = make_shop(directory + '/threads.db')
    found = [(lasting(tune(db, OPTIONS.replace('threads=2', f'threads={n}'))), trials(db, i + 1))
             for i, n in enumerate((1, 2, 4, 7))]
    check('threads: the same result', all(one == found[0] for one in found), found)
    seeds = [tune(db, f'{OPTIONS}, seed={seed}') for seed in (1, 2)]
    check('threads: another seed tries others', trials(db, 5) != trials(db, 6), seeds)
    db.close()


def killed(directory, journal, n, threads):
    """kill -9 after n rows, twice; resume ends as if nothing had happened, with any number of threads."""
    what = f'{journal}, killed after {n} rows'
    result, rows = unbroken(directory, journal)
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    for more in (0, 3):
        process = Process(path)
        process.send(TUNE, 'resume=true' if more else OPTIONS)
        check(f'{what}: rows come', wait_rows(db, n + more))
        if more == 0:
            second = connect(path)
            check(f'{what}: under way', 'is under way' in error(second, TUNE, 'resume=true'))
            second.close()
        process.kill()
        seen = trials(db)
        check(f'{what}: what is there is right', set(seen) <= set(rows) and len(seen) < len(rows), len(seen))
        check(f'{what}: says tuning', state(db) == 'tuning', state(db))
        check(f'{what}: whole', value(db, 'PRAGMA integrity_check') == 'ok')
    before = len(trials(db))
    after = tune(db, f'resume=true, threads={threads}')
    check(f'{what}: the same result', lasting(after) == result, (after, result))
    check(f'{what}: the same rows', trials(db) == rows and before < len(rows))
    check(f'{what}: finished', state(db) == 'finished' and value(db, 'SELECT max(tune) FROM rec_trial') == 1)
    summary = train(db, 'tuned=true')
    check(f'{what}: trains with it', summary['tuned'] is True and summary['epochs'] == 9, summary)
    db.close()


def interrupted(directory, journal):
    what = f'{journal}, interrupted'
    result, rows = unbroken(directory, journal)
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    watcher = connect(path)
    for options, n in (OPTIONS, 2), ('resume=true', 8):
        call = Thread(error, db, TUNE, options)
        check(f'{what}: rows come', wait_rows(watcher, n))
        asked = time.monotonic()
        db.interrupt()
        message = call.join()
        check(f'{what}: says so', 'interrupted' in message, message)
        check(f'{what}: soon', call.end - asked < SOON, call.end - asked)
        check(f'{what}: nothing is locked', error(watcher, 'BEGIN EXCLUSIVE') == error(watcher, 'COMMIT') == '')
    check(f'{what}: not tuned', 'needs a finished tuning' in error(db, "SELECT gru4rec_train('rec', 'tuned=true')"))
    ticks = []
    db.set_progress_handler(lambda: len(ticks) > 3 or ticks.append(1), 1000)
    check(f'{what}: by a progress handler', 'interrupted' in error(db, TUNE, 'resume=true'))
    db.set_progress_handler(None, 0)
    check(f'{what}: the same result', lasting(tune(db, 'resume=true')) == result)
    check(f'{what}: the same rows', trials(db) == rows)
    watcher.close()
    db.close()


def beside_others(directory, journal):
    """Others read m_trial, write, serve and train meanwhile; who holds the lock delays only the rows."""
    what = f'{journal}, beside others'
    result, rows = unbroken(directory, journal)
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    watcher, writer = connect(path), connect(path)
    call = Thread(tune, db)
    n_seen, n_written = [], 0
    check(f'{what}: rows come', wait_rows(watcher, 1))
    writer.execute('BEGIN IMMEDIATE')
    stuck = len(trials(watcher)) if journal == 'wal' else 0
    time.sleep(0.3)
    check(f'{what}: the tuning waits for nobody', call.is_alive() or journal == 'delete')
    if journal == 'wal':
        check(f'{what}: but its rows do', len(trials(watcher)) == stuck)
    writer.execute('COMMIT')
    while call.is_alive():
        n_seen.append(len(trials(watcher)))
        writer.execute('INSERT INTO notes VALUES (1)')
        n_written += 1
        check(f'{what}: serves', ranking(watcher, is_relation=False)[:3] == old[:3])
        time.sleep(0.01)
    check(f'{what}: the same result', lasting(call.join()) == result)
    check(f'{what}: the same rows', trials(watcher) == rows)
    check(f'{what}: rows grow', n_seen == sorted(n_seen) and n_written > 3, n_seen)
    check(f'{what}: nothing was trained', active(watcher) == 1)
    for one in (db, watcher, writer):
        one.close()


def changed(directory):
    """The model is renamed, dropped, configured and gets events, while it is tuned or between."""
    path = directory + '/shop.db'
    db = make_shop(path)
    other = connect(path)
    call = Thread(tune, db)
    check('changed: rows come', wait_rows(other, 2))
    other.execute('ALTER TABLE rec RENAME TO shop')
    result = call.join()
    check('changed: renamed', result['model'] == 'shop' and value(
        other, "SELECT status FROM shop_trial WHERE trial = 0") == 'finished', result)
    names = [name for name, in other.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'rec%'")]
    check('changed: nothing under the old name', names == [], names)
    other.execute('ALTER TABLE shop RENAME TO rec')

    call = Thread(error, db, TUNE, OPTIONS)
    check('changed: the next one', wait_for(other, 'SELECT max(tune) = 2 FROM rec_trial'))
    other.execute('DROP TABLE rec')
    message = call.join()
    check('changed: dropped', "model 'rec' was dropped while it was tuned" in message, message)
    check('changed: nothing left', value(other, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'rec%'") == 0)

    other.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32, n_sample=64)')
    call = Thread(error, db, TUNE, OPTIONS)
    check('changed: once more', wait_rows(other, 2))
    db.interrupt()
    call.join()
    other.execute("SELECT gru4rec_configure('rec', 'n_sample=32')").fetchall()
    check('changed: configured', 'options of the model are not those' in error(db, TUNE, 'resume=true'))
    other.execute("SELECT gru4rec_configure('rec', 'n_sample=64')").fetchall()
    other.execute('INSERT INTO clicks VALUES (99999, 1001, 99999), (99999, 1002, 99999)')
    check('changed: events', 'events are not those' in error(db, TUNE, 'resume=true'))
    other.execute('DELETE FROM clicks WHERE session = 99999')
    check('changed: and back', tune(db, 'resume=true')['trials'] == 14)
    other.close()
    db.close()


def shadow(directory):
    """To SQLite m_trial is a shadow table: where the host is defensive, SQL cannot write to it, but DROP can."""
    path = directory + '/shop.db'
    db = make_shop(path)
    tune(db, 'trials=2, n_epochs=1')
    db.close()
    said = shell(path, ".dbconfig defensive on\nUPDATE rec_trial SET status = 'x';\n"
                       "SELECT count(*) FROM rec_trial;\nSELECT gru4rec_tune('rec', 'trials=2, n_epochs=1') ->> 'tune';\n"
                       "DROP TABLE rec;\nSELECT count(*) FROM sqlite_schema WHERE name LIKE 'rec%';")
    check('shadow: protected', 'may not be modified' in said and said.split()[-3:] == ['3', '2', '0'], said)


def progress(directory):
    """verbose=true: one line at the end; without it none."""
    path = directory + '/shop.db'
    make_shop(path).close()
    small = 'trials=3, n_epochs=1, space={"layers":[8,16]}'
    said = shell(path, f"SELECT gru4rec_tune('rec', '{small}, verbose=true') IS NULL;")
    check('progress: at the end', re.search(r'^gru4rec: 3 trials, best 0\.\d+, \d+ events/s, \d+\.\d s\n0$', said), said)
    check('progress: none', shell(path, f"SELECT gru4rec_tune('rec', '{small}') IS NULL;") == '0\n')


def memory(directory):
    """Trials wait where memory_limit says so; those that never fit are left out."""
    db = make_shop(directory + '/shop.db', rows=list(clicks(300, 60)))
    sizes = 'trials=4, n_epochs=1, threads=4, space={"layers":[16,48,2400]}'
    free = tune(db, sizes)
    tight = tune(db, f'{sizes}, memory_limit=90000000')
    rows = {row[6]: row[7] for row in trials(db, 2)}
    check('memory: too large', [what for what, how in rows.items() if how == 'memory'] ==
          ['{"layers":[2400],"n_epochs":1}'], rows)
    check('memory: says so', any('1 needed more memory' in warning for warning in tight['warnings']), tight)
    small = [row for row in trials(db, 1) if '2400' not in row[6]]
    check('memory: the others are the same', set(small) <= set(trials(db, 2)), free)
    message = error(db, TUNE, 'memory_limit=3000000')
    check('memory: the first one', 'memory_limit' in message and 'may use' in message, message)
    db.close()


if __name__ == '__main__':
    run(threads)
    for mode in SOME:
        run(killed, mode, 1, 2)
        run(killed, mode, 12, 1)
        run(interrupted, mode)
    for mode in JOURNALS:
        run(beside_others, mode)
    run(changed)
    run(shadow)
    run(progress)
    run(memory)
    finish()
