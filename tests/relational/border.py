#!/usr/bin/env python3
"""border.py - since=last, night after night: random logs, borders and sessions worked out by hand.

    /usr/bin/python3 tests/relational/border.py EXTENSION [--seed S] [--rounds N]

Most events have an item of their own, so the catalogue of a version names the events that it was trained on. Times are of
all types and tie often, some cannot be read, some events come late. Sources are tables, views, SELECTs, WITHOUT ROWID, in
the model's schema and in an attached one; sessions are whole, cut at pauses or to a length; some nights hold sessions
out, some stop at until=, and some candidates are rejected.
"""
import argparse
import json
import random
import re
import sqlite3
from collections import Counter
from datetime import datetime, timezone
from fractions import Fraction

from checks import check, finish

COMMON = 'n_epochs=1,layers=2,n_sample=2,batch_size=4,threads=1,single_events=count,bad_rows=0.9,verbose=false'
FORMS = 'table', 'view', 'keyed', 'select', 'attached'
NANO = 10 ** 9
DAY = 1727740800  # 2024-10-01
BAD = 'never', b'1', '2024-13-01'


def date_text(time, rng):
    """A date as somebody may write it."""
    zone, text = rng.choice(((0, ''), (0, 'Z'), (7200, '+02:00'), (-5400, '-0130'), (0, ' UTC')))
    seconds, nano = divmod(time * NANO, NANO)
    stamp = datetime.fromtimestamp(int(seconds) + zone, timezone.utc).strftime(rng.choice(('%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S')))
    return stamp + (f'.{int(nano):09d}' if nano or rng.random() < 0.3 else '') + text


def write_time(time, rng):
    """The time as SQLite gets it."""
    forms = [date_text]
    if time.denominator == 1:
        forms += [lambda t, r: int(t), lambda t, r: int(t), lambda t, r: str(int(t))]
    if Fraction(float(time)) == time:
        forms += [lambda t, r: float(t)]
    return rng.choice(forms)(time, rng)


def read_time(value):
    """What m_version has, as an exact number."""
    if value is None or not isinstance(value, str):
        return None if value is None else Fraction(value)
    stamp, nano = re.fullmatch(r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,8}[1-9]|[1-9]))?', value).groups()
    seconds = datetime.strptime(stamp + ' +0000', '%Y-%m-%d %H:%M:%S %z').timestamp()
    return Fraction(int(seconds)) + (Fraction(int(nano), 10 ** len(nano)) if nano else 0)


class Shop:
    """A log and what a training should take of it. A row: (session, place, time or None where it is bad, n, item)."""

    def __init__(self, rng, seed):
        self.rng, self.rows, self.now = rng, [], Fraction(DAY)
        self.form = rng.choice(FORMS)
        self.has_rowid = self.form in ('table', 'attached')
        self.order = rng.choice((None, None, 'n'))
        self.gap = rng.choice((0, 0, 40))
        self.most = rng.choice((0, 0, 3))
        self.drops = self.most > 0 and rng.random() < 0.3
        self.has_late = rng.random() < 0.4
        self.db = db = sqlite3.connect(':memory:', isolation_level=None)
        db.enable_load_extension(True)
        db.load_extension(EXTENSION)
        schema = 'main'
        if self.form == 'attached':
            db.execute("ATTACH ':memory:' AS logs")
            schema = 'logs'
        db.execute(f'CREATE TABLE {schema}.clicks(session, item INTEGER, ts, n, id INTEGER PRIMARY KEY)')
        db.execute('CREATE TABLE keyed(session, item INTEGER, ts, n, id INTEGER, PRIMARY KEY (session, id)) WITHOUT ROWID')
        db.execute(f'CREATE TEMP VIEW seen AS SELECT session, item, ts, n FROM {schema}.clicks' if self.form == 'attached' else
                   'CREATE VIEW seen AS SELECT session, item, ts, n FROM clicks')
        self.tables = [f'{schema}.clicks', 'keyed']
        self.source = {'table': 'clicks', 'view': 'seen', 'keyed': 'keyed', 'attached': '"logs.clicks"',
                       'select': '(SELECT session, item, ts, n FROM clicks ORDER BY item DESC)'}[self.form]
        options = [f'session_gap={self.gap}', f'max_length={self.most}', 'keep_versions=50', 'since=last']
        if self.drops:
            options.append('long_sessions=drop')
        if self.order:
            options.append('order=n')
        db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec({self.source}, session=session, item=item, time=ts, '
                   f'{COMMON}, {", ".join(options)})')
        self.what = f'seed {seed}: {self.form}, {", ".join(options)}'

    def insert(self, n):
        """Clicks of returning and of new visitors; few times, many ties."""
        rng = self.rng
        for _ in range(n):
            self.now += rng.choice((0, 0, 0, Fraction(1, NANO), Fraction(1, 2), 1, 7, 60))
            time = self.now
            is_late = self.has_late and rng.random() < 0.1
            if is_late:
                time -= rng.randrange(1, 500)
            is_bad = rng.random() < 0.03
            session = rng.choice((rng.randrange(12), rng.randrange(1000), f's{rng.randrange(8)}'))
            n_, place = rng.randrange(4), len(self.rows) + 1
            item = rng.choice((0, place))
            for table in self.tables:
                self.db.execute(f'INSERT INTO {table} VALUES (?, ?, ?, ?, ?)', (
                    session, item, rng.choice(BAD) if is_bad else write_time(time, self.rng), n_, place))
            self.rows.append((session, place, None if is_bad else time, n_, item))

    def key(self, row):
        """The row's place; where there is no rowid, only its time."""
        return row[2], row[1] if self.has_rowid else 0

    def parts(self, rows):
        """Sessions in pieces as the options cut them, in visiting order."""
        def tie(row):
            return (row[3] if self.order else row[1] if self.has_rowid else 0), row[4]

        sessions = {}
        for row in rows:
            sessions.setdefault(row[0], []).append(row)
        parts = []
        for session, events in sessions.items():
            events.sort(key=lambda row: (row[2], tie(row)))
            part, length = [], 0
            for i, row in enumerate(events):
                is_pause = i > 0 and self.gap and float(row[2]) - float(events[i - 1][2]) > self.gap  # as reals
                if i == 0 or is_pause or (self.most and not self.drops and len(part) == self.most):
                    part = []
                    parts.append(part)
                part.append(row)
        by_value = [(part[0][2], isinstance(part[0][0], str), part[0][0]) for part in parts]
        return [part for _, _, part in sorted(zip(by_value, range(len(parts)), parts))]

    def expect(self, border, share, until):
        """(counts of the items trained on, first, last, what it cannot do) of a night, or None where nothing is new."""
        rows = [row for row in self.rows if row[2] is not None and (until is None or row[2] < until)]
        new = {row[1] for row in rows if border is None or self.key(row) > border}
        if not new:
            return None
        taken = [part for part in self.parts(rows) if new & {row[1] for row in part}]
        first = min(row[2] for part in taken for row in part)
        last = max(self.key(row) for row in rows)
        kept = [part for part in taken if not (self.drops and len(part) > self.most)]
        n_held = int(share * len(kept))
        held = kept[len(kept) - n_held:]
        if held:
            start = min(part[0][2] for part in held)
            last = max([self.key(row) for row in rows if row[1] in new and row[2] < start], default=border)
        parts = kept[:len(kept) - n_held]
        trained = Counter(row[4] for part in parts for row in part)
        cannot = ''
        if not any(len(part) > 1 for part in parts):
            cannot = 'no events are left|nothing to learn from'
        elif share > 0 and not any(sum(row[4] in trained for row in part) > 1 for part in held):
            cannot = 'holds out no event that can be measured'
        return trained, first, last, cannot

    def train(self, options):
        try:
            return json.loads(self.db.execute("SELECT gru4rec_train('m', ?)", (options or '{}',)).fetchone()[0])
        except sqlite3.Error as e:
            return str(e)


def night(shop, active, borders, share, until):
    """Trains; checks all that can be seen of it. Returns the version and its items, or None."""
    border = borders.get(active)
    options = ','.join([f'validation={share}'] * (share > 0) + [f"until={until}"] * (until is not None) +
                       ['warm_start=true,support_decay=1'] * (active > 0 and shop.rng.random() < 0.3))
    summary = shop.train(options)
    expected = shop.expect(border, share, until)
    what = f'{shop.what}; {options}; border {border}'
    if expected is None:
        check(f'{what}: nothing is new', isinstance(summary, str) and
              re.match(r'gru4rec: (there is no event after .*, the last_event of version|no events are left)', summary), summary)
        return None
    trained, first, last, cannot = expected
    if cannot:
        check(f'{what}: nothing to learn from', isinstance(summary, str) and re.search(cannot, summary), summary)
        return None
    if isinstance(summary, str):
        check(f'{what}: trains', False, summary)
        return None
    version = summary['version']
    row = shop.db.execute('SELECT first_event, last_event, last_rowid, summary FROM m_version WHERE version = ?', (version,)).fetchone()
    items = Counter(dict(shop.db.execute(
        'SELECT n.item, n.support - coalesce(o.support, 0) * ?3 FROM m_item AS n LEFT JOIN m_item AS o ON o.version = ?1 AND '
        'o.item = n.item WHERE n.version = ?2', (active, version, 'warm_start' in options))))
    items += Counter()
    check(f'{what}: the events', items == trained, f'missing {trained - items}, too many {items - trained}')
    check(f'{what}: first_event', read_time(row[0]) == first, (row[0], float(first)))
    got = None if row[1] is None else (read_time(row[1]), row[2] or 0)
    check(f'{what}: last_event', got == last, (row, last))
    check(f'{what}: the summary says so', (summary['first_event'], summary['last_event']) == row[:2], summary)
    since = summary.get('since')
    check(f'{what}: since', (since is None) == (active == 0) and (since is None or since['version'] == active and
          (read_time(since['last_event']), since['last_rowid'] or 0) == (border or (None, 0))), since)
    check(f'{what}: a warning', (active > 0 and border is None) == ('since=last took all events' in str(summary['warnings'])), summary)
    borders[version] = last
    return version, items


def nights(seed):
    rng = random.Random(seed)
    shop = Shop(rng, seed)
    active, borders, union = 0, {}, set()
    shop.insert(rng.randrange(5, 40))
    for i in range(10):
        shop.insert(rng.choice((0, 5, 30)))
        share = rng.choice((0, 0, 0.2, 0.5))
        until = int(shop.now) - rng.randrange(20) if rng.random() < 0.2 else None
        if i == 9:
            share, until = 0, None
            shop.insert(10)
            for session in range(2):  # there is something to learn
                shop.insert(20)
        done = night(shop, active, borders, share, until)
        if done is None:
            continue
        if i < 9 and active > 0 and rng.random() < 0.3:  # the candidate is rejected
            shop.db.execute("SELECT gru4rec_deploy('m', ?)", (active,)).fetchall()
            continue
        active = done[0]
        union |= set(done[1])
    if not shop.has_late and not shop.drops and done is not None:
        missing = {row[1] for row in shop.rows if row[2] is not None and row[4] > 0} - union
        if not shop.has_rowid:  # what came at the time of a border, after it
            times = {border[0] for border in borders.values() if border is not None}
            missing -= {row[1] for row in shop.rows if row[2] in times}
        check(f'{shop.what}: no event was lost', not missing, sorted(missing)[:9])
    shop.db.close()


parser = argparse.ArgumentParser()
parser.add_argument('extension')
parser.add_argument('--seed', type=int)
parser.add_argument('--rounds', type=int, default=60)
arguments = parser.parse_args()
EXTENSION = arguments.extension
for seed in range(arguments.rounds) if arguments.seed is None else [arguments.seed]:
    nights(seed)
finish()
