#!/usr/bin/python3
"""Runs examples/shop/month.sh in its short form, in WAL mode and with a rollback journal, and checks its months.

    shop.py [EXTENSION]

EXTENSION is ./gru4rec.so unless told otherwise. What the log holds, what each version was trained on, which nights end how,
the exams of all evenings, what gru4rec_status() has to say at each moment, and what the server has to answer are computed
here: from the files, and from rankings of the archived candidates. The last line is "N passed, N failed".
"""
import calendar
import collections
import csv
import functools
import glob
import json
import multiprocessing
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
START, DAY, EVENING, PAUSE, LONGEST = calendar.timegm((2026, 3, 1, 0, 0, 0)), 86400, 64800, 1800, 50
BUSY = 5, 10, 15, 20, 25        # nights on which a third process inserts clicks
SATURDAYS = 7, 14, 21, 28       # on which the model chooses by itself


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


def same_months(directories):
    """Which journal the database has, and who inserts meanwhile, changes no weight and no decision."""
    nights, candidates = [], []
    for directory in directories:
        db = connect(directory + '/shop.db')
        nights.append(db.execute('SELECT day, clicks, active, candidate, until, active_mrr, active_targets, candidate_mrr, '
                                 'candidate_targets, decision, serves, note FROM night ORDER BY day').fetchall())
        db.close()
        files = {}
        for path in glob.glob(directory + '/archive/*'):
            model = archived(path)
            files[os.path.basename(path)] = model.execute(
                'SELECT name, chunk, checksum FROM m_tensor ORDER BY name, chunk').fetchall()
            model.close()
        candidates.append(files)
    check(nights[0] == nights[1], 'the same nights with either journal',
          [pair for pair in zip(*nights) if pair[0] != pair[1]])
    check(len(candidates[0]) == 30 - 1 and candidates[0] == candidates[1], 'the same weights with either journal')


# ---- what the versions learned from ----

def readable(log):
    """The clicks that a training can use, as (seconds, rowid, visitor, item): rowids are line numbers."""
    rows = enumerate((click for day in sorted(log) for click in log[day]), 1)
    return sorted((seconds, n, visitor, item) for n, (visitor, item, seconds, _) in rows if visitor and item and seconds)


def take(clicks, n_rows, border, until):
    """What a training takes of the first n_rows rows: visits, whole, that have a click behind the border."""
    visits, current = [], {}
    for click in clicks:
        seconds, n, visitor, _ = click
        if n > n_rows or (until is not None and seconds >= until):
            continue
        if visitor not in current or seconds - current[visitor][-1][0] > PAUSE:
            current[visitor] = []
            visits.append(current[visitor])
        current[visitor].append(click)
    return [visit for visit in visits if visit[-1][:2] > border]


def learned(db, log):
    """Each version took what is behind the version that it went on from, whole visits of it, and up to 18:00."""
    clicks = readable(log)
    ends = {}
    for version, day, until, active, summary, *events in db.execute(
            'SELECT version, day, until, active, summary, first_event, last_event, last_rowid FROM rec_version '
            'JOIN night ON night.candidate = version ORDER BY version').fetchall():
        summary, n_rows = json.loads(summary), sum(len(log[d]) for d in range(1, day + 1))
        since = summary.get('since')
        border = ends.get(active, (0, 0))
        check((since and since['version']) == active and until == START + (day - 1) * DAY + EVENING,
              f'version {version}: goes on from the version that serves, to 18:00', (since, until))
        check(not since or (gru4rec_seconds(since['last_event']), since['last_rowid']) == border,
              f'version {version}: begins where version {active} ended', (since, border))
        taken = take(clicks, n_rows, border, until)
        kept = [visit for visit in taken if 1 < len(visit) <= LONGEST]
        rows = [click for visit in taken for click in visit]
        ends[version] = max(rows)[:2]
        expected = [min(rows)[0], *ends[version], sum(map(len, kept)), len(kept), sum(len(v) == 1 for v in taken),
                    sum(len(v) for v in taken if len(v) > LONGEST)]
        found = [gru4rec_seconds(events[0]), gru4rec_seconds(events[1]), events[2]] + [
            summary[name] for name in ('events', 'sessions', 'skipped_sessions', 'long')]
        again = summary['repeats'] + summary['rare'] + summary['short']
        check(found == expected and again == 0, f'version {version}: learned from what is new', (found, expected, again))
        read = len(rows) + summary['outside'] + summary['skipped_events'] + summary['bad_rows']
        check(n_rows <= read <= n_rows + (300 if day in BUSY or day - 1 in BUSY else 0),
              f'version {version}: every row is accounted for', (read, n_rows))
    return clicks, ends


def gru4rec_seconds(event):
    return read_time(event) if isinstance(event, str) else event


def chain(db, log):
    """After one more training, without an end, the chain of active versions has learned from every click, once."""
    clicks, ends = learned(db, log)
    last = json.loads(one(db, "SELECT gru4rec_train('rec', 'warm_start=true')"))
    ends[last['version']] = one(db, 'SELECT last_event FROM rec_version WHERE version = ?', last['version']), one(
        db, 'SELECT last_rowid FROM rec_version WHERE version = ?', last['version'])
    since = {version: json.loads(summary).get('since') for version, summary in db.execute(
        "SELECT version, summary FROM rec_version WHERE summary <> ''")}
    version, links = last['version'], []
    while version:
        before = since[version] and since[version]['version']
        links.append((ends.get(before, (0, 0)), (gru4rec_seconds(ends[version][0]), ends[version][1])))
        version = before
    times = [sum(begin < click[:2] <= end for begin, end in links) for click in clicks]
    check(len(links) > 20 and set(times) == {1}, 'every click was learned from, once', collections.Counter(times))
    try:
        db.execute("SELECT gru4rec_train('rec', 'warm_start=true')").fetchall()
        check(False, 'nothing is left')
    except sqlite3.Error as error:
        check('there is no event after' in str(error), 'nothing is left', error)


# ---- the gate ----

def archived(path):
    db = connect(':memory:')
    db.execute('CREATE VIRTUAL TABLE m USING gru4rec()')
    db.execute("SELECT gru4rec_import('m', ?)", (path,)).fetchall()
    return db


def exam(path, visits):
    """MRR@20 of a version, and its targets, from rankings: equal scores count against the target."""
    db = archived(path)
    known = {item for (item,) in db.execute('SELECT item FROM m_item')}
    total = n = 0
    for items in visits:
        items = [item for item in items if item in known]
        for i in range(1, len(items)):
            best = dict(db.execute("SELECT item, score FROM gru4rec_recommend('m', ?, 60)", (json.dumps(items[:i]),)))
            rank = sum(score >= best[items[i]] for score in best.values()) if items[i] in best else 99
            total, n = total + (1 / rank if rank <= 20 else 0), n + 1
    db.close()
    return total / n, n


def evenings(log):
    """Of each day its visits behind 18:00, lists of items."""
    of = {}
    for day in log:
        visits, current = [], {}
        rows = sorted((seconds, n, visitor, item) for n, (visitor, item, seconds, _) in enumerate(log[day])
                      if visitor and item and seconds and (seconds - START) % DAY >= EVENING)
        for seconds, _, visitor, item in rows:
            if visitor not in current or seconds - current[visitor][0] > PAUSE:
                visits.append([])
                current[visitor] = [seconds, visits[-1]]
            current[visitor][0] = seconds
            current[visitor][1].append(item)
        of[day] = visits
    return of


def gate(directory, db, log, kept):
    """Every decision, from exams that are computed here. kept: of each Saturday the versions that sit."""
    visits = evenings(log)
    nights = db.execute('SELECT day, active, candidate, active_mrr, active_targets, candidate_mrr, candidate_targets, decision, '
                        'serves FROM night WHERE candidate_mrr IS NOT NULL').fetchall()
    sat = sorted({(day, version) for day, *versions, _, _, _, _, _, _ in nights for version in versions} |
                 {(day, version) for day in kept for version in kept[day]})
    with multiprocessing.Pool(2) as pool:
        figures = pool.starmap(exam, [(f'{directory}/archive/{version}.safetensors', visits[day]) for day, version in sat], 4)
    figure = dict(zip(sat, figures))
    check([night[0] for night in nights] == [day for day in range(2, 31) if day != 12], 'an exam on every night but one')
    for day, active, candidate, *four, decision, serves in nights:
        mine = [*figure[day, active], *figure[day, candidate]]
        check(all(abs(a - b) < 1e-9 for a, b in zip(four, mine)), f'night {day}: the figures', (four, mine))
        if day in SATURDAYS:
            best = max(kept[day], key=lambda version: (figure[day, version][0], version))
        else:
            best = candidate if mine[2] * mine[3] >= mine[0] * mine[1] else active
        expected = {active: 'kept', candidate: 'deployed'}.get(best, 'went back')
        if day == 22:
            check(expected == 'kept' and mine[2] < mine[0] / 2, 'night 22: it failed the exam')
            best, expected = active, 'rolled back'
        check((decision, serves) == (expected, best), f'night {day}: the decision', (decision, serves, expected, best))
    decisions = dict(db.execute('SELECT day, decision FROM night'))
    check((decisions[1], decisions[12], decisions[14]) == ('first', 'killed', 'kept'), 'the first night, the killed one, and the '
          'one with the broken tracker', decisions)
    check(list(decisions.values()).count('deployed') > 15, 'most nights bring a better version')


# ---- gru4rec_status() ----

class Shop:
    """What gru4rec_status() has to say, from what the script does."""

    def __init__(self):
        self.status, self.active, self.previous = {}, None, None

    def new(self, status):
        self.status[max(self.status, default=0) + 1] = status
        return max(self.status)

    def serve(self, version):
        if version != self.active:
            self.previous, self.active = self.active, version

    def store(self, version, candidate):
        """keep_versions=2, keep_candidates=2: the others' weights go."""
        self.status[version] = 'ready'
        if version == 1:
            self.serve(1)
        ready = sorted(v for v, status in self.status.items() if status == 'ready')
        older, newer = [v for v in ready if v < self.active], [v for v in ready if v > self.active]
        before = [self.previous] if self.previous in older else older[-1:]
        kept = {self.active, *before, *newer[-2:]}
        check(version == candidate and version in kept, f'version {version} is the candidate', candidate)
        for v, status in self.status.items():
            if status == 'ready' and v not in kept:
                self.status[v] = 'retired'

    def moments(self, day, candidate, serves):
        """Of a night, one after the other."""
        yield 'before'
        if day in (8, 19):
            self.new('failed')
            yield 'failed'
        version = self.new('training')
        if day in (12, 16):
            yield 'training' if day == 12 else 'waits'
        if day == 12:
            self.status[version] = 'killed'
            yield 'killed'
            return
        self.store(version, candidate)
        yield 'candidate'
        self.serve(self.active if day == 22 else serves)
        yield 'decided'
        if day == 22:
            self.serve(version)
            yield 'by hand'
            self.serve(serves)
            yield 'rolled back'


def status_is_right(db):
    """At each moment: every version's state, and what is said of the newest one. The versions kept on Saturdays."""
    shop, kept, first = Shop(), {}, True
    told = collections.defaultdict(list)
    for row in db.execute('SELECT * FROM told ORDER BY at, version DESC'):
        told[row[1], row[2]].append(dict(zip(('at', 'day', 'moment', 'version', 'status', 'active', 'started', 'finished', 'epoch',
                                              'n_epochs', 'progress', 'seconds_left', 'loss', 'recall', 'mrr', 'message'), row)))
    asked = list(told)
    for day, candidate, active, serves in db.execute('SELECT day, candidate, active, serves FROM night ORDER BY day').fetchall():
        check(active == shop.active, f'night {day}: the version that serves', (active, shop.active))
        for moment in shop.moments(day, candidate, serves):
            rows = told[day, moment]        # none before the first training
            check((asked[0] == (day, moment)) if shop.status else not rows, f'night {day}, {moment}: was asked')
            asked = asked[bool(rows):]
            found = {row['version']: (row['status'], row['active']) for row in rows}
            expected = {v: (status, int(v == shop.active)) for v, status in shop.status.items()}
            check(found == expected and [row['version'] for row in rows] == sorted(expected, reverse=True),
                  f'night {day}, {moment}: every version',
                  [(v, found.get(v), expected.get(v)) for v in expected | found if found.get(v) != expected.get(v)])
            if rows:
                newest(day, moment, rows[0])
            if moment == 'candidate' and day in SATURDAYS:
                kept[day] = [v for v, status in shop.status.items() if status == 'ready']
    check(not asked, 'no other moment', asked)
    return kept, told


def newest(day, moment, row):
    """What is said of the newest training."""
    message, what = row['message'] or '', f'night {day}, {moment}: '
    if row['status'] in ('training', 'killed') and day == 12:
        check(row['n_epochs'] == 1000 and row['epoch'] >= 1 and 0 < row['progress'] < 1 and row['finished'] is None and row['loss'],
              what + 'how far it is', row)
        check(row['seconds_left'] > 0 if moment == 'training' else row['seconds_left'] is None, what + 'the time left', row)
        check(message == ('' if moment == 'training' else 'failed, cause not recorded'), what + 'the message', message)
    elif moment == 'waits':
        check((row['epoch'], row['progress'], row['finished']) == (2, 1, None), what + 'it is trained', row)
        check('disk is full; the trained model is not committed' in message, what + 'it says why', message)
    elif row['status'] == 'failed':
        words = {8: 'times that cannot be read', 19: "gru4rec_configure('rec', '{\"item\":\"product_id\"}')"}[day]
        check(words in message and row['finished'] and row['epoch'] is None, what + 'it says why', row)
    elif row['status'] == 'ready':
        check(row['epoch'] == row['n_epochs'] == {1: 8, 22: 4}.get(day if moment != 'before' else day - 1, 2) and
              row['progress'] == 1 and row['finished'] and row['loss'] > 0 and message == '', what + 'it is done', row)


def diary(db):
    notes = dict(db.execute('SELECT day, note FROM night'))
    for day, words in ((8, 'times that cannot be read'), (16, 'disk is full'), (16, 'committed'), (19, "no column 'item_id'"),
                       (22, 'Rolled back'), (26, 'restored')):
        check(words in (notes[day] or ''), f'night {day}: the diary says why', notes[day])
    early = dict(db.execute('SELECT day, early FROM night WHERE early > 0'))
    check(tuple(sorted(early)) == BUSY, 'clicks came in by night', early)
    check(one(db, "SELECT gru4rec_check('rec')") == one(db, 'PRAGMA integrity_check') == 'ok', 'the database is whole')
    check(one(db, 'SELECT count(DISTINCT version) FROM rec_epoch') == one(db, 'SELECT max(version) FROM rec_version') - 2,
          'the history has the epochs of all trainings but the two that failed at once')


# ---- the server ----

def server(directory, db, told):
    """Every click got its five items, from the version that was active."""
    live = sqlite3.connect(directory + '/live.db')
    n = one(live, 'SELECT max(n) FROM asked')
    check(n > 300 and one(live, 'SELECT count(*) FROM asked') == n, 'visitors were served', n)
    check(live.execute('SELECT count(*), min(items), max(items) FROM answered').fetchone() == (n, 5, 5), 'none was refused')
    check(one(live, "SELECT count(*) FROM answered JOIN stream USING (n) WHERE basis = 'popularity'") > 0 and
          one(live, "SELECT count(*) FROM answered JOIN stream USING (n) WHERE coalesce(visitor, '') = '' "
                    "AND basis <> 'popularity'") == 0, 'who has no cookie gets what is popular')
    answers = live.execute('SELECT n, at, basis, version, answered.item, score, visitor, stream.item FROM answered JOIN stream USING (n) '
                           'ORDER BY n').fetchall()
    versions = {answer[3] for answer in answers}
    good = {v for v, in db.execute("SELECT serves FROM night UNION SELECT candidate FROM night WHERE decision = 'rolled back'")}
    check(len(versions) > 15 and versions <= good, 'no version that was rejected, failed or killed', versions - good)
    while_it_trained(answers, db, told)
    right_answers(directory, answers)
    states = dict(live.execute('SELECT visitor, state FROM live'))
    check(states.keys() == {a[6] for a in answers if a[6] and a[7] != ''}, 'each visitor has a state')
    live.close()
    check(os.path.getsize(directory + '/serve.err') == 0, 'the server saw no error')


def while_it_trained(answers, db, told):
    """Between two moments of a night the version that serves is known."""
    served, wrong = 0, []
    at = {moment: rows[0]['at'] for moment, rows in told.items() if rows}
    for day, active, serves in db.execute('SELECT day, active, serves FROM night WHERE day > 1').fetchall():
        end = {12: 'killed', 22: 'rolled back'}.get(day, 'decided')
        middle = {12: 'training'}.get(day, 'candidate')
        before = [a for a in answers if at[day, 'before'] < a[1] < at[day, middle]]
        after = [a for a in answers if at[day, end] < a[1] < at.get((day + 1, 'before'), 0)]
        served += bool(before)
        wrong += [a[:4] for a in before if a[3] != active] + [a[:4] for a in after if a[3] != serves]
    check(served > 20 and not wrong, 'while the nights ran, the version that serves', (served, wrong[:5]))


def right_answers(directory, answers):
    """The first item and its score are what the archived version makes of the visitor's clicks, whichever versions came between."""
    model = functools.lru_cache(None)(lambda version: archived(f'{directory}/archive/{version}.safetensors'))
    histories, wrong, changed, n = collections.defaultdict(list), [], 0, 0
    of = {}
    for at_n, _, basis, version, item, score, visitor, clicked in answers:
        if visitor and clicked != '':
            histories[visitor].append(clicked)
        history = histories[visitor] if visitor and clicked != '' or visitor in histories else []
        if len(history) > 32:
            continue
        expected = model(version).execute("SELECT item, score, basis FROM gru4rec_recommend('m', ?, 1)",
                                          (json.dumps(history) if history else None,)).fetchone()
        n, changed = n + 1, changed + (of.setdefault(visitor, version) != version)
        if expected != (item, score, basis):
            wrong.append((at_n, version, history, (item, score, basis), expected))
    check(n > 300 and changed > 10 and not wrong, 'every answer is what its version says', (n, changed, len(wrong), wrong[:3]))


# ---- the months ----

def run_months(work):
    """Both at the same time; their directories."""
    directories = [f'{work}/{name}' for name in ('wal', 'rollback')]
    months = [subprocess.Popen(['sh', SHOP + '/month.sh', '--short', *(['--rollback'] if 'rollback' in directory else []), directory],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {'GRU4REC': EXTENSION})
              for directory in directories]
    for month, directory in zip(months, directories):
        output, _ = month.communicate(timeout=900)
        if not check(month.returncode == 0 and ' 0 visitors refused' in output, f'{directory}: the month ends well', output):
            sys.exit(finish())
        check(all(f'\n{chapter}. ' in output for chapter in range(1, 9)), 'eight chapters of the story')
        check(max(map(len, output.split('\n'))) <= 80, 'it fits a terminal', [s for s in output.split('\n') if len(s) > 80])
        db = connect(directory + '/shop.db')
        check(one(db, 'PRAGMA journal_mode') == ('wal' if directory.endswith('wal') else 'delete'), 'the journal is as told')
        db.close()
    return directories


def main():
    with tempfile.TemporaryDirectory(prefix='gru4rec-shop-') as work:
        directories = run_months(work)
        log = read_log(directories[0])
        the_log(log)
        same_again(work)
        same_months(directories)
        for directory in directories:
            db = connect(directory + '/shop.db')
            no_click_is_lost(db, log)
            diary(db)
            kept, told = status_is_right(db)
            server(directory, db, told)
            if directory == directories[0]:     # of the other, same_months() says that it is the same
                gate(directory, db, log, kept)
            chain(db, log)
            db.close()
    sys.exit(finish())


if __name__ == '__main__':
    main()
