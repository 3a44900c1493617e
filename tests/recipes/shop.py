#!/usr/bin/python3
"""Runs examples/shop/month.sh in its short form, and checks its month against the log that it invented.

    shop.py [EXTENSION]

EXTENSION is ./gru4rec.so unless told otherwise. What the log holds, which nights end how, what each version was trained on,
the gate's figures of some evenings, and what the server answered are computed here from the files. The last line is
"N passed, N failed".
"""
import calendar
import collections
import csv
import glob
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

from checks import check, finish

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
EXTENSION = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'gru4rec.so'))
SHOP = os.path.join(ROOT, 'examples', 'shop')
START, DAY, EVENING, PAUSE = calendar.timegm((2026, 3, 1, 0, 0, 0)), 86400, 64800, 1800
WITHOUT_VERSION = {12: 'killed', 16: 'failed', 22: 'rolled back'}


def connect(path):
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


# ---- the log, read by hand ----

def read_time(text):
    """Seconds; None where nobody can read it."""
    for form in '%Y-%m-%d %H:%M:%S', '%d.%m.%Y %H.%M':
        try:
            return calendar.timegm(time.strptime(text, form))
        except ValueError:
            pass
    return int(text) // (1000 if len(text) == 13 else 1) if text.isdigit() else None


def read_log(directory):
    """Of each day its clicks: visitor (None: no cookie), item (None: no item), time (None: garbage), and as they stand."""
    log = {}
    for path in sorted(glob.glob(directory + '/days/[0-9]*.csv')):
        with open(path, newline='') as file:
            log[int(os.path.basename(path)[:2])] = [
                (None if visitor in ('', '-') else visitor, int(item) if item else None, read_time(text), (visitor, item, text))
                for visitor, item, text in csv.reader(file)]
    return log


def the_log(log):
    """It is what the README says of it."""
    clicks = [click for day in log.values() for click in day]
    raw = [click[3] for click in clicks]
    days = collections.defaultdict(set)
    for visitor, _, seconds, _ in clicks:
        if visitor and seconds:
            days[visitor].add((seconds - START) // DAY)
    check(len(log) == 30 and all(len(day) > 5000 for day in log.values()), 'thirty days of clicks')
    check(all(0 < sum(visitor == blank for visitor, _, _ in raw) < len(raw) / 10 for blank in ('', '-')), 'both blanks')
    check(0 < sum(item == '' for _, item, _ in raw) < len(raw) / 100, 'pages without an item')
    check(0 < sum(seconds is None for _, _, seconds, _ in clicks) < len(raw) / 500, 'a few times are garbage')
    check(sum(len(text) == 13 for _, _, text in raw) > len(raw) / 10, 'milliseconds')
    check(sum(text.startswith('2026-') for _, _, text in raw) > len(raw) / 20, 'dates')
    check(sum('.' in text for _, _, _, (_, _, text) in log[8]) > len(log[8]) / 10,
          'day 8 has dates that SQLite cannot read')
    check(sum(len(seen) > 1 for seen in days.values()) > len(days) / 10, 'visitors come back')
    over = 0
    for day in range(1, 30):
        late = {visitor for visitor, _, seconds, _ in log[day] if seconds and seconds >= START + day * DAY - 600}
        early = {visitor for visitor, _, seconds, _ in log[day + 1] if seconds and seconds < START + day * DAY + 600}
        over += len((late & early) - {None})
    check(over > 30, 'sessions go on past midnight', over)
    robots = collections.Counter(visitor for visitor, *_ in clicks if visitor and visitor.startswith('bot-'))
    check(len(robots) == 2 and min(robots.values()) > 5000, 'two robots', robots)
    items = [{item for _, item, _, _ in log[day]} - {None} for day in (1, 30)]
    check(min(len(items[0] - items[1]), len(items[1] - items[0])) > 30, 'items come and go')


def same_again(directory):
    """The same seed invents the same month, another one another."""
    months = []
    for seed in 1, 1, 2:
        os.makedirs(directory + '/again', exist_ok=True)
        months.append(subprocess.run(['awk', '-f', SHOP + '/invent.awk', '-v', f'seed={seed}', '-v', 'visits=20', '-v',
                                      f'days={directory}/again'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     check=True).stdout)
    check(months[0] == months[1] != months[2], 'the same month for the same seed')


# ---- the shop's database ----

def no_click_is_lost(db, log):
    """All that was logged is there once, as it was logged: but for milliseconds, and the dates of day 8."""
    def kept(visitor, item, text, seconds):
        if text.isdigit() or (seconds is not None and '.' in text):
            text = seconds
        return None if visitor == '-' else visitor, int(item) if item else '', text
    for day, clicks in log.items():
        expected = collections.Counter(kept(*raw, seconds) for _, _, seconds, raw in clicks)
        rows = [tuple(row) for row in db.execute('SELECT visitor, product_id, ts FROM clicks WHERE day = ?', (day,))]
        if day == 8:
            rows = [(visitor, item, read_time(ts + ':00') if isinstance(ts, str) and len(ts) == 16 else ts)
                    for visitor, item, ts in rows]
        check(collections.Counter(rows) == expected, f'day {day}: every click is there, once')


def nights(db):
    """Each night went on from the version that served, and took all that this one had not seen."""
    active, until = None, {}
    for day, before, candidate, end, is_better, decision in db.execute(
            'SELECT day, active, candidate, until, candidate_mrr * candidate_targets >= active_mrr * active_targets, decision '
            'FROM night ORDER BY day').fetchall():
        expected = WITHOUT_VERSION.get(day) or ('first' if day == 1 else
                                                'deployed' if is_better else 'kept')
        check(decision == expected, f'night {day}: decision', (decision, expected))
        check(before == active, f'night {day}: the version that served', (before, active))
        if candidate is not None:
            options = json.loads(one(db, 'SELECT options FROM rec_version WHERE version = ?', candidate))
            check(options['since'] == str(until.get(active, '')), f'night {day}: begins where {active} ended',
                  options['since'])
            check(options['until'] == str(end) == str(START + (day - 1) * DAY + EVENING), f'night {day}: ends at 18:00')
            check(options['warm_start'] is (day > 1), f'night {day}: goes on from {active}')
            until[candidate] = end
        if decision in ('first', 'deployed'):
            active = candidate
    check(one(db, "SELECT value FROM rec_config WHERE key = 'version'") == active, 'the version that serves at the end')
    check(one(db, 'SELECT decision FROM night WHERE day = 14') == 'kept', 'what learned from a broken tracker is rejected')
    check(one(db, 'SELECT sum(decision = ?) FROM night', 'deployed') > 15, 'most nights bring a better version')
    notes = dict(db.execute('SELECT day, note FROM night'))
    for day, words in ((8, 'times that cannot be read'), (16, 'full'), (19, "no column 'item_id'"), (26, 'restored')):
        check(words in (notes[day] or ''), f'night {day}: the diary says why', notes[day])
    statuses = [version['status'] for version in json.loads(one(db, "SELECT gru4rec_info('rec')"))['versions']]
    check(collections.Counter(statuses) == {'ready': len(statuses) - 2, 'killed': 1, 'failed': 1}, 'what the history says',
          statuses)
    check(one(db, "SELECT gru4rec_check('rec')") == one(db, 'PRAGMA integrity_check') == 'ok', 'the database is whole')


def evening_mrr(db, log, day, version):
    """MRR@20 of a version on the clicks of an evening, from rankings: equal scores count against the target."""
    db.execute('SELECT gru4rec_deploy(?, ?)', ('rec', version)).fetchall()
    known = {item for (item,) in db.execute("SELECT item FROM gru4rec_recommend('rec', NULL)")}
    visits = collections.defaultdict(list)
    for visitor, item, seconds, _ in log[day]:
        if visitor and item and seconds and (seconds - START) % DAY >= EVENING:
            visits[visitor].append((seconds, item))
    total = n = 0
    for clicks in visits.values():
        clicks.sort()
        history, last = [], None
        for seconds, item in clicks:
            if last is not None and seconds - last > PAUSE:
                history = []
            last = seconds
            if item not in known:
                continue
            if history:
                rank = one(db, "SELECT count(*) FROM gru4rec_recommend('rec', ?1) WHERE score >= "
                               "(SELECT gru4rec_score('rec', ?1, ?2))", json.dumps(history), item)
                total, n = total + (1 / rank if rank <= 20 else 0), n + 1
            history.append(item)
    return total / n, n


def gate(db, log):
    for day in 14, 27:
        for role in 'active', 'candidate':
            version, figure, targets = db.execute(f'SELECT {role}, {role}_mrr, {role}_targets FROM night WHERE day = ?',
                                                  (day,)).fetchone()
            mrr, n = evening_mrr(db, log, day, version)
            check(n == targets and abs(mrr - figure) < 1e-9, f'the gate of night {day}: {role}', (n, targets, mrr, figure))


# ---- the server ----

def server(directory, db):
    """Every click got its five items; a state is what its visitor's clicks make of the version that serves."""
    live = sqlite3.connect(directory + '/live.db')
    n = one(live, 'SELECT max(n) FROM asked')
    check(n > 200 and one(live, 'SELECT count(*) FROM asked') == n, 'visitors were served', n)
    check(live.execute('SELECT count(*), min(items), max(items) FROM answered').fetchone() == (n, 5, 5), 'none was refused')
    check(one(live, 'SELECT count(DISTINCT version) FROM answered') > 15, 'by many versions')
    check(one(live, "SELECT count(*) FROM answered JOIN stream USING (n) WHERE basis = 'popularity'") > 0 and
          one(live, "SELECT count(*) FROM answered JOIN stream USING (n) WHERE coalesce(visitor, '') = '' "
                    "AND basis <> 'popularity'") == 0, 'who has no cookie gets what is popular')
    best = "SELECT rank, item, score FROM gru4rec_recommend('rec', ?, 10)"
    states = dict(live.execute('SELECT visitor, state FROM live'))
    visits = collections.defaultdict(list)
    for visitor, item in live.execute("SELECT visitor, item FROM stream WHERE n <= ? AND visitor <> '' AND item <> ''", (n,)):
        visits[visitor].append(item)
    check(states.keys() == visits.keys(), 'each visitor has a state')
    short = [visitor for visitor in visits if 2 <= len(visits[visitor]) <= 32][:50]
    check(len(short) == 50 and all(db.execute(best, (states[visitor],)).fetchall() ==
                                   db.execute(best, (json.dumps(visits[visitor]),)).fetchall() for visitor in short),
          'states survive a month of versions')
    live.close()
    check(os.path.getsize(directory + '/serve.err') == 0, 'the server saw no error')


def main():
    with tempfile.TemporaryDirectory(prefix='gru4rec-shop-') as work:
        directory = work + '/month'
        done = subprocess.run(['sh', SHOP + '/month.sh', '--short', directory], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600, env=os.environ | {'GRU4REC': EXTENSION})
        if not check(done.returncode == 0 and ' 0 visitors refused' in done.stdout, 'the month ends well', done.stdout):
            sys.exit(finish())
        for chapter in range(1, 8):
            check(f'\n{chapter}. ' in done.stdout, f'chapter {chapter} of the story')
        log = read_log(directory)
        db = connect(directory + '/shop.db')
        the_log(log)
        same_again(work)
        no_click_is_lost(db, log)
        nights(db)
        server(directory, db)
        gate(db, log)
        db.close()
    sys.exit(finish())


main()
