#!/usr/bin/python3
"""Runs sql/live.sql and sql/live_queue.sql on logs as they are, and compares the states with those of a plain program.

    live.py [EXTENSION]

EXTENSION is ./gru4rec.so unless told otherwise. Clicks have sessions, items and times of every type, in columns of every
type; the states must be those that gru4rec_state() gives for the items that next_session() leaves, and no INSERT may fail.
With the queue, who inserts has no extension. The last line is "N passed, N failed".
"""
import datetime
import itertools
import math
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

from checks import check, finish

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
EXTENSION = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'gru4rec.so'))
DAY, PAUSE = 86400, 1800
START = 1_900_000_000  # ahead of the clock, so that what has no time is no later
PAST = 1_600_000_000


# ---- databases ----

def connect(path, is_loaded=True):
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    db.execute('PRAGMA synchronous = off')
    if is_loaded:
        db.enable_load_extension(True)
        db.load_extension(EXTENSION)
    return db


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


KNOWN = '[0]'  # an item that looks like JSON


def run_recipe(db, name):
    """They have no dot commands: any host can run them."""
    with open(os.path.join(ROOT, 'sql', name)) as file:
        db.executescript(file.read())


def train(db, options='layers=8,n_sample=8,n_epochs=1,batch_size=8,threads=1'):
    one(db, "SELECT gru4rec_train('rec', 'log', ?)", options)


def make_shop(path, types=('INTEGER', 'INTEGER', 'INTEGER'), is_queue=False):
    """A model of the items 0 to 19, and an empty table of clicks."""
    db = connect(path)
    db.execute('PRAGMA journal_mode = wal')
    db.execute('CREATE TABLE log(session, item, ts)')
    db.executemany('INSERT INTO log VALUES (?, ?, ?)', ((i // 6, (i // 6 * 7 + i % 6) % 20, i) for i in range(360)))
    db.execute('INSERT INTO log VALUES (0, ?, 360)', (KNOWN,))
    train(db)
    db.execute('CREATE TABLE clicks(session_id {}, item_id {}, ts {})'.format(*types))
    run_recipe(db, 'live.sql')
    if is_queue:
        run_recipe(db, 'live_queue.sql')
    return db


def drain(db):
    """Takes on what waits; how many there were in each turn."""
    turns = []
    while one(db, 'SELECT count(*) FROM live_queue'):
        before = one(db, 'SELECT count(*) FROM live_queue')
        db.execute('DELETE FROM live_due')
        turns.append(before - one(db, 'SELECT count(*) FROM live_queue'))
    return turns


# ---- what should come out ----

def item_of(value):
    """What a model takes: None is nothing."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2 ** 53 else None
    if isinstance(value, str) and value.lstrip()[:1] in ('[', '{') and value != KNOWN:
        return None
    return value if isinstance(value, (int, str)) else None


def seconds_of(value):
    if isinstance(value, (int, float)) and value < 1e20:
        return next(value / unit for unit, end in ((1, 1e11), (1e3, 1e14), (1e6, 1e17), (1e9, 1e20)) if value < end)
    if isinstance(value, str):
        for text in value, value[:19]:
            try:
                parsed = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
                return (parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)).timestamp()
            except ValueError:
                pass
    return time.time()


def next_session(session, item, seconds):
    """session: (items, seconds) so far, or None."""
    if session is None:
        return [item], seconds
    items, last = session
    is_wrong = last > max(seconds, time.time()) + DAY
    return ([] if seconds - last > PAUSE else items) + [item], seconds if is_wrong else max(last, seconds)


def sessions_of(db):
    """Walks through the clicks as they are stored."""
    sessions = {}
    for session, item, ts in db.execute('SELECT session_id, item_id, ts FROM clicks ORDER BY rowid'):
        item = item_of(item)
        if session not in (None, '') and item not in (None, ''):
            sessions[session] = next_session(sessions.get(session), item, seconds_of(ts))
    return sessions


def state_of(db, items):
    db.execute('CREATE TEMP TABLE IF NOT EXISTS walk(n INTEGER PRIMARY KEY, item)')
    db.execute('DELETE FROM walk')
    db.executemany('INSERT INTO walk(item) VALUES (?)', ((item,) for item in items))
    return one(db, "SELECT gru4rec_state('rec', item) FROM (SELECT item FROM walk ORDER BY n)")


def check_states(db, what):
    sessions = sessions_of(db)
    live = {session: state for session, state in db.execute('SELECT session_id, state FROM live')}
    check(sessions and set(live) == set(sessions), f'{what}: who is live', f'{sorted(map(repr, set(live) ^ set(sessions)))}')
    wrong = [(session, items) for session, (items, _) in sessions.items() if live.get(session) != state_of(db, items)]
    check(not wrong, f'{what}: states', f'{len(wrong)} of {len(sessions)}, as {wrong[:1]}')


# ---- logs as they are ----

SESSIONS = [None, '', 1, 2, 3.5, 4.0, 'ann', '7', b'\x01\x02', 2 ** 60, -1]
ITEMS = [None, '', 3, 4, 19, 999, 5.0, -0.0, 2.5, 1e300, float(2 ** 60), math.inf, '3', '6.0', 'unknown', 'gr\u00fcn', b'3', b'',
         '[3]', ' {"a": 3}', '[', '\t{x}', KNOWN]
TEXTS = ['2030-03-17 17:46:50', '2030-03-17T17:46:41Z', '2030-03-17 17:46:45 UTC']
NUMBERS = [START, START + 40, START + 0.5, START * 1000, START * 10 ** 6, START * 10 ** 9]
NO_TIMES = [None, '', 'yesterday', b'\x00', math.inf, -2 ** 63, 2 ** 63 - 1, 0]
VERBS = ['INSERT', 'REPLACE', *(f'INSERT OR {word}' for word in ('IGNORE', 'REPLACE', 'FAIL', 'ABORT', 'ROLLBACK'))]


def is_logged(db, verb, click):
    """True, or the error."""
    before = one(db, 'SELECT count(*) FROM clicks')
    try:
        db.execute(f'{verb} INTO clicks VALUES (?, ?, ?)', click)
    except sqlite3.Error as error:
        return str(error)
    return one(db, 'SELECT count(*) FROM clicks') == before + 1


def test_types(directory, is_queue):
    for number, types in enumerate((('INTEGER',) * 3, ('TEXT',) * 3, ('REAL',) * 3, ('', '', ''), ('TEXT', 'INTEGER', 'BLOB'))):
        rng = random.Random(number)
        what = f'columns {types}, queue {is_queue}'
        db = make_shop(os.path.join(directory, f'types-{number}-{is_queue}.db'), types, is_queue)
        shop = connect(db.execute('PRAGMA database_list').fetchone()[2], not is_queue)
        if number % 2:
            shop.execute('PRAGMA trusted_schema = off')
            db.execute('PRAGMA trusted_schema = off')
        times = TEXTS if types[2] == 'TEXT' else TEXTS + NUMBERS
        clicks = [(1, 3, ts) for ts in NO_TIMES + times] + [(1, item, times[0]) for item in ITEMS] + \
            [(session, 3, times[0]) for session in SESSIONS] + [('nothing', '', times[0])] + \
            [(rng.choice(SESSIONS), rng.choice(ITEMS), rng.choice(times)) for _ in range(400)]
        failed = [(click, told) for click in clicks if (told := is_logged(shop, rng.choice(VERBS), click)) is not True]
        check(not failed, f'{what}: every click is logged', f'{len(failed)}, as {failed[:2]}')
        if is_queue:
            check(sum(drain(db)) == len(clicks), f'{what}: every click was taken on')
        check_states(db, what)
        shop.close()
        db.close()


def test_sessions(directory):
    """Short and long pauses, in every unit."""
    when = datetime.datetime(2030, 1, 1, 10, tzinfo=datetime.timezone.utc)
    units = {
        'seconds': lambda t: int(t.timestamp()), 'REAL seconds': lambda t: t.timestamp() + 0.25,
        'milliseconds': lambda t: int(t.timestamp() * 1e3), 'REAL milliseconds': lambda t: t.timestamp() * 1e3,
        'microseconds': lambda t: int(t.timestamp() * 1e6), 'nanoseconds': lambda t: int(t.timestamp()) * 10 ** 9,
        'seconds of 1970': lambda t: int(t.timestamp() - when.timestamp()),
        **{form: lambda t, form=form: t.strftime(form) for form in (
            '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%d %H:%M:%S.250', '%Y-%m-%dT%H:%M:%S+00:00',
            '%Y-%m-%d %H:%M:%S UTC', '%Y-%m-%d %H:%M:%S+00', '%Y-%m-%dT%H:%M:%S+0000', '%Y-%m-%d %H:%M')}}
    db = make_shop(os.path.join(directory, 'sessions.db'), ('INTEGER', 'INTEGER', ''))
    for number, (unit, show) in enumerate(units.items()):
        for i, (pause, items) in enumerate(((10, [3, 4]), (PAUSE - 60, [3, 4]), (PAUSE + 60, [4]), (2 * 3600, [4]), (-600, [3, 4]))):
            session = 10 * number + i
            db.execute('INSERT INTO clicks VALUES (?1, 3, ?2), (?1, 4, ?3)',
                       (session, show(when), show(when + datetime.timedelta(seconds=pause))))
            check(one(db, 'SELECT state FROM live WHERE session_id = ?', session) == state_of(db, items),
                  f'a pause of {pause} seconds in {unit}')
    db.close()


def test_random(directory, is_queue):
    """Visitors who come and go within a day, so that all of them are live."""
    rng = random.Random(7)
    db = make_shop(os.path.join(directory, f'random-{is_queue}.db'), is_queue=is_queue)
    now = START
    for part in range(3):
        for _ in range(300):
            now += rng.choice((1, 20, 200))
            db.execute('INSERT INTO clicks VALUES (?, ?, ?)', (rng.randrange(12), rng.choice((rng.randrange(20), 500)), now))
        if is_queue:
            drain(db)
        check_states(db, f'visitors, queue {is_queue}, part {part}')
        if part == 0:  # the model is trained anew, and the script run again
            train(db, 'layers=6,n_sample=8,n_epochs=1,seed=3,threads=1')
            run_recipe(db, 'live.sql')
            if is_queue:
                run_recipe(db, 'live_queue.sql')
            db.execute('UPDATE live SET state = NULL')  # states of the version before were brought on from 32 items
            db.execute('DELETE FROM clicks')
            db.execute('DELETE FROM live')
    seen = [item for item, in db.execute('SELECT item FROM live_next WHERE session_id = 3')]
    check(seen and not set(seen) & set(sessions_of(db)[3][0][-32:]), f'live_next leaves out what was seen, queue {is_queue}')
    db.close()


# ---- old visitors ----

def steps_of(db, click):
    """How much SQLite does for a click, in units of 10 instructions."""
    count = itertools.count()
    db.set_progress_handler(lambda: next(count) < 0, 10)
    db.execute('INSERT INTO clicks VALUES (?, ?, ?)', click)
    db.set_progress_handler(None, 0)
    return next(count)


def test_purge(directory):
    db = make_shop(os.path.join(directory, 'purge.db'))
    db.executemany('INSERT INTO clicks VALUES (?, 3, ?)', ((i, PAST + i) for i in range(100)))
    few = steps_of(db, (50, 4, PAST + 200))
    db.execute('BEGIN')
    db.executemany('INSERT INTO clicks VALUES (?, 3, ?)', ((i, PAST + i) for i in range(100, 3000)))
    db.execute('COMMIT')
    many = steps_of(db, (50, 4, PAST + 3000))
    check(many <= few + 20, 'a click costs the same among many visitors', f'{few}, then {many}')
    check(one(db, 'SELECT count(*) FROM live') == 3000, 'nobody is forgotten within a day')
    left = []
    for i in range(800):
        db.execute('INSERT INTO clicks VALUES (9000, 3, ?)', (PAST + 2 * DAY + i,))
        left.append(one(db, 'SELECT count(*) FROM live'))
    falls = [a - b for a, b in zip(left, left[1:])]
    check(max(falls) <= 4 and left[-1] == 1, 'old visitors go, a few at each click', f'{max(falls)}, {left[-1]} left')
    db.close()


def test_wrong_clock(directory, is_queue):
    """A click from the future, and one that comes late."""
    db = make_shop(os.path.join(directory, f'clock-{is_queue}.db'), is_queue=is_queue)
    what, now = f'queue {is_queue}', int(time.time())

    def click(session, item, ts):
        db.execute('INSERT INTO clicks VALUES (?, ?, ?)', (session, item, ts))
        if is_queue:
            drain(db)

    def state(session):
        return one(db, 'SELECT state FROM live WHERE session_id = ?', session)
    for base, name in (now, 0), (START, 100):  # visitors of today, and those of invented times
        for session in range(name, name + 10):
            click(session, 3, base - 60 * (session - name))
    for far in 4_102_444_800, now + 3 * DAY, 9e10, now + DAY // 2:
        for _ in range(5):
            click('robot', 3, far)
    check(one(db, 'SELECT count(*) FROM live') == 21, f'a click from the future ends no session, {what}')
    click('old', 3, now - 3 * DAY)
    click('robot', 3, 4_102_444_800)
    check(one(db, "SELECT count(*) FROM live WHERE session_id = 'old'") == 0, f'an old session ends by the clock, {what}')
    for session, base in (1, now), (101, START):
        click(session, 4, base)
        click(session, 5, base - 3 * PAUSE)
        check(one(db, 'SELECT ts FROM live WHERE session_id = ?', session) == base, f'a late click leaves the time, {what}')
        click(session, 6, base + 60)
        check(state(session) == state_of(db, [3, 4, 5, 6]), f'a late click cuts no session, {what}')
    click('reset', 3, 4_102_444_800)
    click('reset', 4, now - 2 * PAUSE)
    check(one(db, "SELECT ts FROM live WHERE session_id = 'reset'") == now - 2 * PAUSE, f'a wrong clock is forgotten, {what}')
    click('reset', 5, now)
    check(state('reset') == state_of(db, [5]), f'and the session ends after a pause, {what}')
    db.close()


# ---- a queue that comes and goes ----

def test_queue_left(directory):
    """What waits when live.sql is run again comes before later clicks."""
    db = make_shop(os.path.join(directory, 'left.db'), is_queue=True)
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', ((i % 3, i % 20, START + i) for i in range(1100)))
    run_recipe(db, 'live.sql')
    check(one(db, 'SELECT count(*) FROM live_queue') == 1100, 'live.sql leaves the queue')
    left = []
    for i in range(1100, 1103):
        db.execute('INSERT INTO clicks VALUES (?, ?, ?)', (i % 3, i % 20, START + i))
        left.append(one(db, 'SELECT count(*) FROM live_queue'))
    check(left == [101, 0, 0], 'a click takes on what waits', str(left))
    check_states(db, 'a queue that was left')
    db.close()


def test_queue_alone(directory):
    """live_queue.sql without live.sql changes nothing, in hosts that stop at an error and in the shell, which does not."""
    db = connect(os.path.join(directory, 'alone.db'))
    db.execute('CREATE TABLE clicks(session_id, item_id, ts)')
    try:
        run_recipe(db, 'live_queue.sql')
        check(False, 'the queue alone is refused')
    except sqlite3.Error as error:
        check('live.sql comes first; run it, then live_queue.sql' in str(error), 'the queue alone is refused', str(error))
    check(one(db, 'SELECT count(*) FROM sqlite_schema') == 1 and not db.in_transaction, 'and leaves nothing')
    with open(os.path.join(ROOT, 'sql', 'live_queue.sql')) as file:
        statements, text = [], ''
        for line in file:
            text += line
            if sqlite3.complete_statement(text):
                statements, text = statements + [text], ''
    told = []
    for statement in statements:
        try:
            db.execute(statement)
        except sqlite3.Error as error:
            told.append(str(error))
    check(len(told) == 2 and 'live.sql comes first' in told[0], 'each statement by itself', str(told))
    check(one(db, 'SELECT count(*) FROM sqlite_schema') == 1 and not db.in_transaction, 'leaves nothing too')
    check(is_logged(db, 'INSERT', (1, 2, 3)) is True, 'and no INSERT fails')
    run_recipe(db, 'live.sql')
    run_recipe(db, 'live_queue.sql')
    check(one(db, "SELECT count(*) FROM temp.sqlite_schema") == 0, 'nor does it leave anything behind live.sql')
    db.close()


# ---- a model that is not there ----

def test_no_model(directory):
    db = make_shop(os.path.join(directory, 'no-model.db'))
    db.execute('INSERT INTO clicks VALUES (1, 3, ?)', (START,))
    state = one(db, 'SELECT state FROM live')
    db.execute('DROP TABLE rec')
    check(is_logged(db, 'INSERT', (1, 4, START + 1)) is True, 'a click without a model is logged')
    check(one(db, 'SELECT state FROM live') == state, 'and changes no state')
    db.execute('CREATE VIRTUAL TABLE Rec USING gru4rec(log, layers=8)')
    told = is_logged(db, 'INSERT', (1, 4, START + 1))
    check('not trained' in str(told), 'a model that is not trained is told', told)
    train(db)
    check(is_logged(db, 'INSERT', (1, 5, START + 2)) is True, 'a click with the new model')
    check(one(db, 'SELECT state FROM live') == state_of(db, [3, 5]), 'the session goes on')
    one(db, "SELECT gru4rec_train('next', 'log', 'layers=4,n_sample=8,n_epochs=1,threads=1')")
    db.executescript('BEGIN; DROP TABLE rec; ALTER TABLE next RENAME TO rec; COMMIT')
    check(is_logged(db, 'INSERT', (1, 6, START + 3)) is True, 'a click after a model that was renamed')
    check(one(db, 'SELECT state FROM live') == state_of(db, [3, 5, 6]), 'the session goes on with it')
    db.close()


def test_queue_without_model(directory):
    path = os.path.join(directory, 'queue-no-model.db')
    db = make_shop(path, is_queue=True)
    shop = connect(path, False)
    clicks = [(i % 5, i % 20, START + i) for i in range(2500)]
    shop.executemany('INSERT INTO clicks VALUES (?, ?, ?)', clicks[:7])
    db.execute('DROP TABLE rec')
    shop.executemany('INSERT INTO clicks VALUES (?, ?, ?)', clicks[7:])
    try:
        db.execute('DELETE FROM live_due')
        check(False, 'a queue without a model is not emptied')
    except sqlite3.Error as error:
        check("no model 'rec'" in str(error), 'a queue without a model is not emptied', str(error))
    try:
        shop.execute('DELETE FROM live_due')
        check(False, 'nor without the extension')
    except sqlite3.Error as error:
        check('no such' in str(error) and 'gru4rec_' in str(error), 'nor without the extension', str(error))
    check(one(shop, 'SELECT count(*) FROM live_queue') == 2500, 'all clicks wait')
    train(db)
    db.execute('BEGIN')
    db.execute('DELETE FROM live_due')
    db.execute('ROLLBACK')
    check(one(db, 'SELECT (SELECT count(*) FROM live_queue), (SELECT count(*) FROM live)') == 2500, 'a turn that is taken back')
    turns = drain(db)
    check(turns == [1000, 1000, 500], 'a thousand at a time', str(turns))
    check_states(db, 'after a queue')
    run_recipe(db, 'live.sql')
    db.execute('INSERT INTO clicks VALUES (1, 3, ?)', (START + 2500,))
    check(one(db, 'SELECT count(*) FROM live_queue') == 0, 'live.sql takes the place of the queue')
    check_states(db, 'after live.sql has come back')
    db.close()


# ---- many processes ----

def insert_clicks(path, seed):
    """A process of the shop: it has no extension."""
    rng = random.Random(seed)
    db = connect(path, False)
    for i in range(400):
        click = rng.randrange(8), rng.randrange(20), START + i
        db.execute('INSERT INTO clicks VALUES (?, ?, ?)', click)
        if rng.random() < 0.05:
            db.execute('INSERT INTO clicks VALUES (NULL, ?, ?), (3, ?, ?)', (3, START, b'x', START))
    db.close()


def take_clicks(path):
    """A process that serves, until its parent says that no more come."""
    db = connect(path)
    while one(db, 'SELECT count(*) FROM live_queue') or not os.path.exists(path + '.end'):
        db.execute('DELETE FROM live_due')
    db.close()


def test_processes(directory):
    path = os.path.join(directory, 'processes.db')
    db = make_shop(path, is_queue=True)
    me = [sys.executable, os.path.abspath(__file__), EXTENSION]
    shops = [subprocess.Popen([*me, 'insert', path, str(seed)]) for seed in range(3)]
    takers = [subprocess.Popen([*me, 'take', path]) for _ in range(2)]
    check(not any([p.wait() for p in shops]), 'clicks come in')
    open(path + '.end', 'w').close()
    check(not any([p.wait() for p in takers]), 'and are taken on meanwhile')
    check(one(db, 'SELECT count(*) FROM live_queue') == 0, 'all of them')
    check_states(db, 'many processes')
    db.close()


def main():
    if sys.argv[2:3] == ['insert']:
        return insert_clicks(sys.argv[3], int(sys.argv[4]))
    if sys.argv[2:3] == ['take']:
        return take_clicks(sys.argv[3])
    tests = [lambda d: test_types(d, False), lambda d: test_types(d, True), test_sessions, lambda d: test_random(d, False),
             lambda d: test_random(d, True), test_purge, lambda d: test_wrong_clock(d, False),
             lambda d: test_wrong_clock(d, True), test_queue_left, test_queue_alone, test_no_model, test_queue_without_model, test_processes]
    with tempfile.TemporaryDirectory() as directory:
        for test in tests:
            try:
                test(directory)
            except Exception:
                check(False, 'a test ended early:', traceback.format_exc())
    return finish()


if __name__ == '__main__':
    sys.exit(main())
