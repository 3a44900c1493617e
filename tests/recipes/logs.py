#!/usr/bin/python3
"""Runs sql/figures_*.sql on invented raw files, through tests/accuracy/sets.py, and compares what they leave with plain
programs that follow the rules in the comments of the recipes. The last line is "N passed, N failed".
"""
import collections
import datetime
import os
import random
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'accuracy'))
import sets  # noqa: E402
import checks  # noqa: E402
from checks import check  # noqa: E402

SEEDS = range(1, 5)
START = datetime.datetime(2014, 4, 1, tzinfo=datetime.timezone.utc)


def visits(rng, n):
    """[(session, begin in seconds, [item])]: few items are popular, some are rare, some are new near the end."""
    out = []
    for session in rng.sample(range(1, 9 * n), n):
        begin = rng.randrange(7 * 86400)
        items = [rng.choice(range(12)) if rng.random() < .8 else rng.randrange(100, 140) for _ in range(rng.choice((1, 2, 2, 3, 4, 6)))]
        if begin > 6.5 * 86400 and rng.random() < .3:
            items[-1] = 500
        out.append((session, begin, items))
    return out


def once(visits_of):
    """Sessions of two events, items of five, sessions of two: once."""
    kept = {s: v for s, v in visits_of.items() if len(v) > 1}
    counts = collections.Counter(item for v in kept.values() for _, item in v)
    kept = {s: [(t, item) for t, item in v if counts[item] > 4] for s, v in kept.items()}
    return {s: v for s, v in kept.items() if len(v) > 1}


def known(tests, train):
    items = {item for v in train.values() for _, item in v}
    tests = {s: [(t, item) for t, item in v if item in items] for s, v in tests.items()}
    return {s: v for s, v in tests.items() if len(v) > 1}


def numbered(*groups):
    """Rows of each group: sessions by begin and number, counted through all groups."""
    n, out = 0, []
    for group in groups:
        out.append([])
        for session in sorted(group, key=lambda s: (group[s][0][0], s)):
            n += 1
            out[-1] += [(n, item, time) for time, item in group[session]]
    return out


def rsc15(rng, folder):
    """Sessions of one event fill the file up to 100,000 lines."""
    lines, events = [], collections.defaultdict(list)
    for session, begin, items in visits(rng, 300):
        now = begin
        for item in items:
            ms = rng.randrange(1000)
            time = START + datetime.timedelta(seconds=now)
            lines.append(f'{session},{time:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z,{item},0\n')
            events[session].append((float(f'{int(time.timestamp()) - 7200}.{ms:03d}'), item))
            now += rng.choice((1, 20, 400))
    alone = [f'{i},2014-04-03T00:00:00.000Z,{i % 12},0\n' for i in range(10000, 110000 - len(lines))]
    with open(f'{folder}/yoochoose-clicks.dat', 'w') as file:
        file.writelines(lines + alone + ['10000,2014-04-09T00:00:00.000Z,1,0\n'] * 10)  # behind 100,000 lines: not read
    clicks = once(events)
    end = max(v[-1][0] for v in clicks.values()) - 86400
    train = {s: v for s, v in clicks.items() if v[-1][0] < end}
    train, test = numbered(train, known({s: v for s, v in clicks.items() if s not in train}, train))
    return {'train': train, 'test': test}


def diginetica(rng, folder):
    rows, events, day = [], collections.defaultdict(list), {}
    for session, begin, items in visits(rng, 400):
        for item in items:
            date = f'{START + datetime.timedelta(days=begin // 30000 + (rng.random() < .1)):%Y-%m-%d}'
            rows.append((session, item, rng.randrange(0, 300, 50), date))
    rows = [row for _, row in sorted((rng.random() < .03, row) for row in rows)] if rng.random() < .5 else rows
    with open(f'{folder}/train-item-views.csv', 'w') as file:
        file.write('sessionId;userId;itemId;timeframe;eventdate\n')
        file.writelines(f'{session};NA;{item};{frame};{date}\n' for session, item, frame, date in rows)
    for session, item, frame, date in rows:
        events[session].append((frame, item))
        day[session] = date
    place = {session: i for i, session in enumerate(events)}
    two = {s for s, v in events.items() if len(v) > 1}
    clicks = once({s: sorted(v, key=lambda event: event[0]) for s, v in events.items()})
    last = datetime.date.fromisoformat(max(day[s] for s in two))
    split = (last - datetime.timedelta(days=7)).isoformat()
    train = {s: v for s, v in clicks.items() if day[s] < split}
    test = known({s: v for s, v in clicks.items() if day[s] > split}, train)
    number, out, n, time = {}, {'train': [], 'test': []}, 0, 0
    for table, group in ('train', train), ('test', test):
        for session in sorted(group, key=lambda s: (day[s], place[s])):
            n += 1
            for _, item in group[session]:
                time += 1
                out[table].append((n, number.setdefault(item, len(number) + 1), time))
    return out


def globo(rng, folder):
    os.mkdir(f'{folder}/clicks')
    events, files = collections.defaultdict(list), [[], [], []]
    for session, begin, items in visits(rng, 300):
        now = 1506826800000 + begin // 50 * 1000
        for item in items:
            rng.choice(files).append((session, now, item))
            now += 30000
    for i, lines in enumerate(files):
        with open(f'{folder}/clicks/clicks_hour_{i:03d}.csv', 'w') as file:
            file.write('user_id,session_id,session_start,session_size,click_article_id,click_timestamp,a,b,c,d,e,f\n')
            for session, ms, item in lines:
                file.write(f'7,{session},0,2,{item},{ms},4,1,17,1,25,2\n')
                events[session].append((ms / 1000, item))
    return {'clicks': numbered({s: sorted(v, key=lambda event: event[0]) for s, v in events.items()})[0]}


def main():
    for make in rsc15, diginetica, globo:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                expected = make(random.Random(seed), folder)
                database = sets.prepare(make.__name__, folder, f'{folder}/work')
                check(sets.prepare(make.__name__, '/', f'{folder}/work') == database, f'{make.__name__}, seed {seed}: again as it was left')
                for table, rows in expected.items():
                    got = sets.sqlite3.connect(database).execute(f'SELECT * FROM {table} ORDER BY rowid').fetchall()
                    check(got == rows and rows, f'{make.__name__}, seed {seed}: {table}',
                          (len(got), len(rows), next(((a, b) for a, b in zip(got, rows) if a != b), None)))
    hashes()
    return checks.finish()


def hashes():
    """The hash of a set: the numbers of sessions and the order of rows do not matter, all else does."""
    def of(rows):
        db = sets.sqlite3.connect(':memory:')
        db.execute('CREATE TABLE t(SessionId, ItemId, Time)')
        db.executemany('INSERT INTO t VALUES (?, ?, ?)', rows)
        return sets.checksum(db, 't')
    rows = [(1, 5, 10.5), (1, 6, 11.0), (2, 5, 10.75), (2, 7, 12.0)]
    check(of(rows)[:3] == (4, 2, 3), 'counts', of(rows))
    check(of([(9 - s, i, t) for s, i, t in rows[::-1]]) == of(rows), 'other numbers and another order of rows')
    for name, other in (('an item', [(1, 8, 10.5)] + rows[1:]), ('a time', [(1, 5, 10.501)] + rows[1:]),
                        ('an event of another session', [(2, 5, 10.5)] + rows[1:])):
        check(of(other)[3] != of(rows)[3], f'{name} changes it')


sys.exit(main())
