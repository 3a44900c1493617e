#!/usr/bin/python3
"""Runs sql/prepare_*.sql on invented raw files and compares all that they leave with the published rules.

    prepare.py [SQLITE3]

SQLITE3 is the shell, sqlite3 unless told otherwise. For each data set and seed: invent_*() writes small raw files,
the recipe runs on them, and prepare_*() prepares the same files in plain Python, straight from those rules. Tables must
be equal in values, types and order. prepare_*() also counts, in `seen`, how often each rule decided something; a rule
that an invented data set does not touch is a failure. The last line is "N passed, N failed". Exit status: 0 nothing
failed.
"""
import collections
import csv
import datetime
import itertools
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback

import checks
from checks import check

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
SHELL = sys.argv[1] if len(sys.argv) > 1 else 'sqlite3'
SEEDS = range(1, 7)
TABLES = 'train_full', 'test', 'train_tr', 'train_valid'
HOUR, DAY = 3600, 86400
UTC = datetime.timezone.utc


# ---- inventing visits, for all data sets: (seconds from the end, item, kind), by visitor ----

POPULAR = range(12)      # enough events to survive any filter
RARE = range(100, 130)   # few, by chance
CHAIN = range(200, 204)  # planted: each falls in the pass after the one before it
NEW = 300, 301           # planted: one is seen in the last window only, the other in the one before too
LOST = 302               # planted: five events, all in sessions of one


def random_visit(rng, start, end):
    """Clicks with repeats, rare items, several in one second, and pauses."""
    now, visit = start, []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 5, 7))):
        if visit and rng.random() < 0.25:
            item = visit[-1][1]
        else:
            item = rng.choice(RARE if rng.random() < 0.12 else POPULAR)
        visit.append((now, item, 'view' if rng.random() < 0.85 else 'other'))
        now += rng.choice((0, 0, 20, 40, 600, HOUR, 3 * HOUR))
    return [event for event in visit if event[0] < end]


def popular(rng, *times):
    return [(time, item, 'view') for time, item in zip(times, rng.sample(POPULAR, len(times)))]


def boundary_visits(rng, window, end, tick):
    """At the beginnings of the two windows."""
    for boundary, new in zip((end - window, end - 2 * window), NEW):
        yield popular(rng, boundary - 100, boundary - 40, boundary, boundary + 60)  # cut to two events
        yield popular(rng, boundary - 50, boundary + 10, boundary + 20)             # cut to one
        yield popular(rng, boundary, boundary + 10)                                 # begins on it
        yield popular(rng, boundary - 70, boundary - tick)                          # ends just before
        yield popular(rng, boundary - 80, boundary)                                 # ends on it
        for i in range(5):
            start = boundary + 100 * i + 7
            visit = popular(rng, start, start + 5, start + 9)
            visit[1] = (start + 5, new, 'view')
            yield visit if i else visit[1:]
    yield popular(rng, end - 30, end - tick, end)


def other_visits(rng, early, tick):
    """What else chance may leave out."""
    # Items of five events: each in three long sessions, and in one of two events with the item before and after it.
    for item in CHAIN[1:]:
        for i in range(3):
            visit = popular(rng, early + 300 * i, early + 300 * i + 20, early + 300 * i + 40)
            visit[1] = (visit[1][0], item, 'view')
            yield visit
        yield [(early + item, item - 1, 'view'), (early + item + 5, item, 'view')]
    yield [(early + 90, CHAIN[-1], 'view'), (early + 95, 0, 'view'), (early + 99, 1, 'view')]
    for i in range(5):
        yield [(early + 11 * i, LOST, 'view')]
    yield [(early, 3, 'view'), (early + 4, RARE[0], 'view'), (early + 8, 3, 'view')]   # 3, 3 when the rare one is gone
    yield [(early, item, 'view') for item in (5, 5, 5, 4, 6, 4)]                       # repeats, and one second
    # Pauses: as long as they may be, longer, and filled by an event of another kind.
    yield [(early, 7, 'view'), (early + HOUR, 8, 'view'), (early + 2 * HOUR + tick, 7, 'view'),
           (early + 2 * HOUR + 5, 8, 'view')]
    yield [(early, 1, 'view'), (early + 3000, 2, 'other'), (early + 6000, 9, 'view'), (early + 6001, 2, 'view'),
           (early + 6900, 2, 'other'), (early + 7000 + HOUR, 2, 'view'), (early + 7001 + HOUR, 1, 'view')]
    for i in range(12):
        yield popular(rng, *(early + 900 * i + 15 * j for j in range(6)))


def invent_visits(rng, window, days, tick):
    visits = [*boundary_visits(rng, window, 0, tick), *other_visits(rng, -3 * window, tick)]
    for _ in range(100):
        visits.append(random_visit(rng, -(rng.randrange(HOUR, days * DAY) // 10 * 10), -HOUR / 2))
    visits.append([(500, 2, 'view')])  # a session of one: the window ends with the last event that is left
    rng.shuffle(visits)
    return visits


def in_disorder(rng, visits, ids):
    """Rows (visitor, time, item, kind); first one who views nothing, so that items do not appear first in views."""
    rows = [(visitor, *event) for visit, visitor in zip(visits, ids[1:]) for event in visit]
    rng.shuffle(rows)
    return [(ids[0], -35 * DAY, item, 'other') for item in rng.sample(POPULAR, len(POPULAR))] + rows


def numbers(rng, count, low, high):
    return rng.sample(range(low, high), count)


# ---- raw files ----

def iso(seconds, ms):
    return datetime.datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%S.') + f'{ms:03d}Z'


def write(path, rows, delimiter=',', rng=None):
    """Some fields are quoted that need not be, and some files have the line ends of Windows."""
    end = rng.choice(('\n', '\r\n')) if rng else '\n'
    with open(path, 'w', newline='') as file:
        for row in rows:
            fields = []
            for value in map(str, row):
                if any(c in value for c in '",;') or rng and rng.random() < 0.03:
                    value = '"' + value.replace('"', '""') + '"'
                fields.append(value)
            file.write(delimiter.join(fields) + end)


def read(path, delimiter=',', has_header=True):
    with open(path, newline='') as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    return rows[1:] if has_header else rows


# ---- the shared steps: lists of (session, item, time) ----

def drop_repeats(events, seen):
    """(d): compared with the row before as it was, so that runs collapse to one."""
    kept = events[:1]
    for prior, event in zip(events, events[1:]):
        if event[:2] == prior[:2]:
            seen['repeat'] += 1
            seen['repeat of a repeat'] += len(kept) > 0 and prior is not kept[-1]
        else:
            seen['same item in the next session'] += event[1] == prior[1]
            kept.append(event)
    return kept


def iterate_filter(events, seen):
    """(e): sessions of exactly one event, then items of less than five, until a whole pass changes nothing."""
    while True:
        before = len(events)
        length = collections.Counter(session for session, _, _ in events)
        events = [event for event in events if length[event[0]] != 1]
        seen['session of one'] += before - len(events)
        support = collections.Counter(item for _, item, _ in events)
        seen['item of five'] += 5 in support.values()
        events = [event for event in events if support[event[1]] >= 5]
        if len(events) == before:
            break
        seen['passes'] += 1
    seen['several passes'] += seen['passes'] >= 4
    seen['neighbours that became equal'] += sum(a[:2] == b[:2] for a, b in zip(events, events[1:]))
    return events


def at_least_two(events):
    length = collections.Counter(session for session, _, _ in events)
    return [event for event in events if length[event[0]] >= 2]


def divide(events, boundary, seen, level):
    """(f): what is before the boundary, and the sessions that begin at or after it."""
    first = {}
    for session, _, time in events:
        first[session] = min(time, first.get(session, time))
    early = at_least_two([event for event in events if event[2] < boundary])
    late = [event for event in events if first[event[0]] >= boundary]
    has_early = {event[0] for event in early}
    has_late = {event[0] for event in events if event[2] >= boundary}
    seen[level + ': straddles'] += len(has_early & has_late)
    seen[level + ': cut to one'] += len(has_late - has_early - {event[0] for event in late})
    seen[level + ': begins on the boundary'] += boundary in first.values()
    seen[level + ': an event on the boundary'] += any(e[2] == boundary and first[e[0]] < boundary for e in events)
    seen[level + ': items that are new'] += len({e[1] for e in late} - {e[1] for e in early})
    return early, late


def split(events, tsplit, window, seen):
    if tsplit is None:
        tsplit = max(time for _, _, time in events)
    train_full, test = divide(events, tsplit - window, seen, 'test')
    train_tr, train_valid = divide(train_full, tsplit - 2 * window, seen, 'valid')
    return {'train_full': train_full, 'test': test, 'train_tr': train_tr, 'train_valid': train_valid}


def finish(events, tsplit, window, seen):
    latest = max(time for _, _, time in events)
    events = iterate_filter(drop_repeats(events, seen), seen)
    seen['the last event goes'] += max(time for _, _, time in events) < latest
    return split(events, tsplit, window, seen)


def sort(rows, key, time, item, seen):
    """By three keys; whether the third matters is seen by leaving it out."""
    in_order = sorted(rows, key=lambda row: (key(row), time(row), item(row)))
    seen['tie that the item decides'] += in_order != sorted(rows, key=lambda row: (key(row), time(row)))
    return in_order


def cut(rows, gap, seen):
    """Rows (visitor, time, ...) in order -> their session numbers, from 0."""
    sessions, session = [], -1
    for i, row in enumerate(rows):
        if i == 0 or row[0] != rows[i - 1][0]:
            session += 1
        else:
            pause = row[1] - rows[i - 1][1]
            seen['pause as long as may be'] += pause == gap
            seen['pause a little longer'] += gap < pause < gap * 1.01
            session += pause > gap
        sessions.append(session)
    return sessions


def filled(rows, gap):
    """Pauses between views that are too long, but for what happened in them."""
    views = [(row, session) for row, session in zip(rows, cut(rows, gap, collections.Counter()))
             if row[3] in ('view', 'detail')]
    return sum(a_session == b_session and b[1] - a[1] > gap
               for (a, a_session), (b, b_session) in zip(views, views[1:]))


def ranks(values):
    """Value -> place of its first appearance."""
    return {value: rank for rank, value in enumerate(dict.fromkeys(values))}


def other_ranks_in_views(values, rows):
    """Whether values would have other ranks if only the views had any."""
    viewed = ranks(value for value, row in zip(values, rows) if row[3] in ('view', 'detail'))
    return [value for value in ranks(values) if value in viewed] != list(viewed)


def epoch(text):
    return int(datetime.datetime.strptime(text, '%Y-%m-%d %H:%M:%S').replace(tzinfo=UTC).timestamp())


# ---- RSC15 ----

RSC15_END = 1412031600  # 2014-09-29 23:00 UTC


def invent_rsc15(rng, directory):
    visits = invent_visits(rng, DAY, 5, 0.001)
    # The window of train_valid ends with train_full's last event, a tick before the test's window.
    visits += boundary_visits(rng, DAY, -0.001, 0.001)
    rng.shuffle(visits)
    ids = numbers(rng, len(visits), 1, 10000000)
    lines = []
    for visit, number in zip(visits, ids):
        for time, item, _ in visit:
            ms = round(time * 1000) + RSC15_END * 1000
            lines.append((number, iso(ms // 1000, ms % 1000), 214500000 + item * 37 % 1009, rng.choice((0, 'S', 7))))
        if rng.random() < 0.1:
            lines.insert(rng.randrange(len(lines)), lines.pop())  # sessions need not be in one piece
    write(directory + '/yoochoose-clicks.dat', lines)


def split_rsc15(events, seen, level):
    tmax = max(time for _, _, time in events)
    last, first = {}, {}
    for session, _, time in events:
        last[session] = max(time, last.get(session, time))
        first[session] = min(time, first.get(session, time))
    train = [event for event in events if last[event[0]] < tmax - DAY]
    known = {item for _, item, _ in train}
    late = [event for event in events if last[event[0]] >= tmax - DAY]
    left = [event for event in late if event[1] in known]
    test = at_least_two(left)
    seen[level + ': straddles'] += sum(first[session] < tmax - DAY <= last[session] for session in last)
    seen[level + ': ends on the boundary'] += tmax - DAY in last.values()
    seen[level + ': items that are new'] += len(late) - len(left)
    seen[level + ': left with one'] += len(left) - len(test)
    return train, test


def prepare_rsc15(directory, seen):
    events = []
    for session, time, item, _ in read(directory + '/yoochoose-clicks.dat', has_header=False):
        moment = datetime.datetime.strptime(time, '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=UTC)
        events.append((int(session), int(item), moment.timestamp()))
    seen['milliseconds'] += sum(time % 1 != 0 for _, _, time in events)
    seen['not in order'] += events != sorted(events, key=lambda event: (event[0], event[2]))
    n = len(events)
    events = at_least_two(events)
    seen['session of one'] += n - len(events)
    support = collections.Counter(item for _, item, _ in events)
    seen['item of five'] += 5 in support.values()
    n = len(events)
    events = [event for event in events if support[event[1]] >= 5]
    seen['rare item'] += n - len(events)
    events = at_least_two(events)
    seen['item that ends below five'] += min(collections.Counter(item for _, item, _ in events).values()) < 5
    train_full, test = split_rsc15(events, seen, 'test')
    train_tr, train_valid = split_rsc15(train_full, seen, 'valid')
    return {'train_full': train_full, 'test': test, 'train_tr': train_tr, 'train_valid': train_valid}


# ---- Yoochoose ----

def invent_yoochoose(rng, directory):
    visits = invent_visits(rng, DAY, 5, 1)
    ids = numbers(rng, len(visits), 1, 10000000)
    files = [], []
    for visit, number in zip(visits, ids):
        lines = rng.choice(files)
        for time, item, _ in visit:
            lines.append((number, iso(RSC15_END + time, rng.randrange(1000)), 214500000 + item * 37 % 1009, 0))
    for name, lines in zip(('clicks', 'test'), files):
        rng.shuffle(lines)
        write(f'{directory}/yoochoose-{name}.dat', lines)


def prepare_yoochoose(directory, seen):
    rows, with_ms = [], []
    for name in ('clicks', 'test'):
        for session, time, item, _ in read(f'{directory}/yoochoose-{name}.dat', has_header=False):
            rows.append((int(session), epoch(time[:19].replace('T', ' ')), int(item)))
            with_ms.append((int(session), time, int(item)))
    rows_in_order = sort(rows, lambda r: r[0], lambda r: r[1], lambda r: r[2], seen)
    seen['milliseconds that would sort otherwise'] += [row[2] for row in rows_in_order] != [row[2] for row in
                                                                                         sorted(with_ms)]
    return finish([(session, item, time) for session, time, item in rows_in_order], None, DAY, seen)


# ---- Rees46 ----

REES46_END = 1575158400


def invent_rees46(rng, directory):
    visits = invent_visits(rng, DAY, 40, 1)
    ids = numbers(rng, len(visits) + 1, 500000000, 600000000)
    products = numbers(rng, 400, 1000000, 60000000)
    files = [], []
    for user, time, item, kind in in_disorder(rng, visits, ids):
        time = min(time, -1) + REES46_END
        moment = datetime.datetime.fromtimestamp(time, UTC)
        kind = 'view' if kind == 'view' else rng.choice(('cart', 'purchase', 'remove_from_cart'))
        files[moment.month == 11].append(
            (moment.strftime('%Y-%m-%d %H:%M:%S UTC'), kind, products[item], 2053013555631882655,
             rng.choice(('', 'electronics.smartphone')), rng.choice(('', 'apple', 'black,white', '3" drive')),
             f'{rng.random() * 100:.2f}', user, f'{rng.getrandbits(128):032x}'))
    header = ('event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session').split(',')
    for name, lines in zip(('Oct', 'Nov'), files):
        write(f'{directory}/2019-{name}.csv', [header] + lines, rng=rng)


def prepare_rees46(directory, seen):
    raw = []
    for name in ('Oct', 'Nov'):
        rows = read(f'{directory}/2019-{name}.csv')
        seen['rows of ' + name] += len(rows)
        seen['quoted comma'] += any(',' in row[5] for row in rows)
        raw += [(int(row[7]), epoch(row[0][:19]), int(row[2]), row[1]) for row in rows]
    user_rank = ranks(row[0] for row in raw)
    item_rank = ranks(row[2] for row in raw)
    rows = sort(raw, lambda r: user_rank[r[0]], lambda r: r[1], lambda r: item_rank[r[2]], seen)
    views = [row for row in rows if row[3] == 'view']
    by_value = sorted(views, key=lambda row: (user_rank[row[0]], row[1], row[2]))
    seen['tie that the rank decides'] += by_value != views
    seen['visitor that is not ranked by its views'] += other_ranks_in_views([row[0] for row in raw], raw)
    seen['item that is not ranked by its views'] += other_ranks_in_views([row[2] for row in raw], raw)
    sessions = cut(views, HOUR, seen)
    seen['pause that another event would fill'] += filled(rows, HOUR)
    events = [(session, row[2], row[1]) for session, row in zip(sessions, views)]
    return finish(events, REES46_END, DAY, seen)


# ---- Coveo ----

COVEO_END = 1555286400123


def invent_coveo(rng, directory):
    visits = invent_visits(rng, DAY, 5, 0.001)
    hashes = [f'{rng.getrandbits(256):064x}' for _ in range(len(visits) + 401)]
    ids, products = hashes[400:], hashes[:400]
    lines = []
    for visit, time, item, kind in in_disorder(rng, visits, ids):
        ms, url = COVEO_END + round(time * 1000), f'{rng.getrandbits(256):064x}'
        if kind == 'view':
            lines.append((visit, 'event_product', 'detail', products[item], ms, url))
        elif rng.random() < 0.5:
            lines.append((visit, 'event_product', rng.choice(('add', 'remove', 'purchase')), products[item], ms, url))
        else:
            lines.append((visit, 'pageview', '', '', ms, url))
        if rng.random() < 0.3:
            lines.append((visit, 'pageview', '', '', ms, url))  # the page of the product, at the same time
    header = 'session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms,hashed_url'
    write(directory + '/browsing_train.csv', [header.split(',')] + lines, rng=rng)


def prepare_coveo(directory, seen):
    raw = [(row[0], int(row[4]), row[3], row[2]) for row in read(directory + '/browsing_train.csv')]
    session_rank = ranks(row[0] for row in raw)
    item_rank = ranks(row[2] for row in raw if row[2])
    seen['missing item'] += sum(row[2] == '' for row in raw)
    seen['visitor that is not ranked by its views'] += other_ranks_in_views([row[0] for row in raw], raw)
    seen['item that is not ranked by its views'] += other_ranks_in_views([row[2] for row in raw], raw)
    rows = sort(raw, lambda r: session_rank[r[0]], lambda r: r[1], lambda r: item_rank.get(r[2], len(raw)), seen)
    sessions = cut(rows, HOUR * 1000, seen)
    numbered = [(session, row[2], row[1]) for session, row in zip(sessions, rows) if row[3] == 'detail']
    seen['pause that another event fills'] += filled(rows, HOUR * 1000)
    events = sorted(numbered, key=lambda event: (event[0], event[2], item_rank[event[1]]))
    seen['tie that the rank decides'] += events != sorted(events, key=lambda event: (event[0], event[2], event[1]))
    seen['sessions that vanish'] += len(set(sessions)) - len({event[0] for event in events})
    return finish(events, None, DAY * 1000, seen)


# ---- RetailRocket ----

RETAILROCKET_END = 1442545200000


def invent_retailrocket(rng, directory):
    visits = invent_visits(rng, 7 * DAY, 35, 0.001)
    ids = numbers(rng, len(visits) + 1, 0, 1400000)
    items = numbers(rng, 400, 0, 460000)
    lines = []
    for visitor, time, item, kind in in_disorder(rng, visits, ids):
        kind = 'view' if kind == 'view' else rng.choice(('addtocart', 'transaction'))
        ms = RETAILROCKET_END + round(min(time, -0.001) * 1000)
        lines.append((ms, visitor, kind, items[item], 4000 if kind == 'transaction' else ''))
    write(directory + '/events.csv', ['timestamp,visitorid,event,itemid,transactionid'.split(',')] + lines, rng=rng)


def prepare_retailrocket(directory, seen):
    raw = [(int(row[1]), int(row[0]), int(row[3]), row[2]) for row in read(directory + '/events.csv')]
    rows = sort(raw, lambda r: r[0], lambda r: r[1], lambda r: r[2], seen)
    sessions = cut(rows, HOUR * 1000, seen)
    events = [(session, row[2], row[1]) for session, row in zip(sessions, rows) if row[3] == 'view']
    seen['pause that another event fills'] += filled(rows, HOUR * 1000)
    seen['sessions that vanish'] += len(set(sessions)) - len({event[0] for event in events})
    return finish(events, RETAILROCKET_END, 7 * DAY * 1000, seen)


# ---- Diginetica ----

DIGINETICA_END = 1464739323.456  # 2016-06-01, not at midnight


def invent_diginetica(rng, directory):
    visits = invent_visits(rng, 7 * DAY, 35, 0.001)
    ids = numbers(rng, len(visits), 1, 600000)
    items = numbers(rng, 400, 1, 190000)
    lines = []
    for visit, number in zip(visits, ids):
        midnight = int(DIGINETICA_END + visit[0][0]) // DAY * DAY
        is_long = rng.random() < 0.2  # the later events are of the day after
        for i, (time, item, _) in enumerate(visit):
            day = datetime.datetime.fromtimestamp(midnight + (is_long and i > 0) * DAY, UTC).strftime('%Y-%m-%d')
            frame = round((DIGINETICA_END + time - midnight) * 1000)
            lines.append((number, rng.choice(('NA', 77)), items[item], frame, day))
    rng.shuffle(lines)
    header = 'sessionId;userId;itemId;timeframe;eventdate'.split(';')
    write(directory + '/train-item-views.csv', [header] + lines, ';', rng)


def prepare_diginetica(directory, seen):
    raw = read(directory + '/train-item-views.csv', ';')
    day = {}
    for session, _, _, _, date in raw:
        day[session] = min(date, day.get(session, date))
    seen['session of two days'] += sum(day[row[0]] != row[4] for row in raw)
    rows = [(int(session), 1000 * epoch(day[session] + ' 00:00:00') + int(frame), int(item))
            for session, _, item, frame, _ in raw]
    rows = sort(rows, lambda r: r[0], lambda r: r[1], lambda r: r[2], seen)
    return finish([(session, item, time) for session, time, item in rows], None, 7 * DAY * 1000, seen)


# ---- comparing ----

SHARED_RULES = [
    'repeat', 'repeat of a repeat', 'same item in the next session', 'session of one', 'item of five', 'several passes',
    'neighbours that became equal', 'tie that the item decides'] + [
    level + rule for level in ('test', 'valid')
    for rule in (': straddles', ': cut to one', ': begins on the boundary', ': an event on the boundary',
                 ': items that are new')]
GAP_RULES = ['pause as long as may be', 'pause a little longer']
RANK_RULES = ['tie that the rank decides', 'visitor that is not ranked by its views',
              'item that is not ranked by its views']
FILLED = ['pause that another event fills', 'sessions that vanish']
LAST = ['the last event goes']
# name -> raw files; types of ItemId and Time; the rules that its invented data must touch
SETS = {
    'rsc15': (['yoochoose-clicks.dat'], 'INTEGER', 'REAL', [
        'milliseconds', 'not in order', 'session of one', 'item of five', 'rare item', 'item that ends below five'] + [
        level + rule for level in ('test', 'valid')
        for rule in (': straddles', ': ends on the boundary', ': items that are new', ': left with one')]),
    'yoochoose': (['yoochoose-clicks.dat', 'yoochoose-test.dat'], 'INTEGER', 'INTEGER',
                  SHARED_RULES + LAST + ['milliseconds that would sort otherwise']),
    'rees46': (['2019-Oct.csv', '2019-Nov.csv'], 'INTEGER', 'INTEGER', SHARED_RULES + GAP_RULES + RANK_RULES + [
        'rows of Oct', 'rows of Nov', 'quoted comma', 'pause that another event would fill']),
    'coveo': (['browsing_train.csv'], 'TEXT', 'INTEGER',
              SHARED_RULES + LAST + GAP_RULES + FILLED + RANK_RULES + ['missing item']),
    'retailrocket': (['events.csv'], 'INTEGER', 'INTEGER', SHARED_RULES + GAP_RULES + FILLED),
    'diginetica': (['train-item-views.csv'], 'INTEGER', 'INTEGER', SHARED_RULES + LAST + ['session of two days']),
}


def run_recipe(name, directory):
    """As a user does, in a folder with sql/ and the raw files; in a time zone that is not UTC."""
    with open(f'{ROOT}/sql/prepare_{name}.sql', 'rb') as recipe:
        return subprocess.run([SHELL, '-init', '/dev/null', 'out.db'], stdin=recipe, cwd=directory, text=True, timeout=600,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, 'TZ': 'Asia/Kolkata'})


def compare_table(db, what, table, expected):
    rows = db.execute(f'SELECT SessionId, ItemId, Time FROM {table} ORDER BY rowid').fetchall()
    for i, (row, right) in enumerate(itertools.zip_longest(rows, expected)):
        if row != right or [type(value) for value in row] != [type(value) for value in right]:
            return check(False, f'{what}, {table}, row {i + 1}:', f'{row} should be {right} '
                         f'({len(rows)} rows, should be {len(expected)})')
    return check(len(rows) > 10, f'{what}, {table}: only {len(rows)} rows')


def compare_schema(db, what, item_type, time_type):
    names = {row[0] for row in db.execute('SELECT name FROM sqlite_master')}
    check(names == {*TABLES, *(table + '_session' for table in TABLES)}, f'{what}: nothing else is left', names)
    for table in TABLES:
        columns = [row[1:3] for row in db.execute(f'PRAGMA table_info({table})')]
        indexed = [row[2] for row in db.execute(f'PRAGMA index_info({table}_session)')]
        check(columns == [('SessionId', 'INTEGER'), ('ItemId', item_type), ('Time', time_type)] and
              indexed == ['SessionId', 'Time'], f'{what}, {table}: columns and index', f'{columns} {indexed}')


def compare_summary(what, output, expected):
    printed = re.findall(r'^│ (\w+) +│ (\d+) +│ (\d+) +│ (\d+) +│$', output, re.M)
    right = [(table, *(str(n) for n in (len(expected[table]), len({event[0] for event in expected[table]}),
                                        len({event[1] for event in expected[table]})))) for table in TABLES]
    check(printed == right, f'{what}: the summary', f'\n{output}should be {right}')


def one_seed(name, seed, directory):
    what = f'{name}, seed {seed}'
    _, item_type, time_type, rules = SETS[name]
    globals()['invent_' + name](random.Random(f'{name} {seed}'), directory)
    seen = collections.Counter()
    expected = globals()['prepare_' + name](directory, seen)
    untouched = [rule for rule in rules if not seen[rule]]
    check(not untouched, f'{what}: the invented data does not touch', untouched)
    result = run_recipe(name, directory)
    if not check(result.returncode == 0 and not result.stderr, f'{what}: runs', f'({result.returncode}) {result.stderr}'):
        return
    db = sqlite3.connect(directory + '/out.db')
    for table in TABLES:
        compare_table(db, what, table, expected[table])
    compare_schema(db, what, item_type, time_type)
    db.close()
    compare_summary(what, result.stdout, expected)


def missing_file(name, directory):
    """Without one of its raw files a recipe fails, and leaves nothing."""
    globals()['invent_' + name](random.Random(name), directory)
    os.remove(f'{directory}/{SETS[name][0][-1]}')
    result = run_recipe(name, directory)
    db = sqlite3.connect(directory + '/out.db')
    left = db.execute('SELECT name FROM sqlite_master').fetchall()
    db.close()
    check(result.returncode != 0 and SETS[name][0][-1] in result.stderr and not left, f'{name}: a raw file is missing',
          f'({result.returncode}) {result.stderr} {left}')


def name_taken(name, directory):
    """A table that is there already stays as it is."""
    globals()['invent_' + name](random.Random(name), directory)
    db = sqlite3.connect(directory + '/out.db')
    db.execute('CREATE TABLE train_valid(a)')
    result = run_recipe(name, directory)
    left = db.execute('SELECT sql FROM sqlite_master').fetchall()
    db.close()
    check(result.returncode != 0 and 'already exists' in result.stderr and left == [('CREATE TABLE train_valid(a)',)],
          f'{name}: a name that is taken', f'({result.returncode}) {result.stderr} {left}')


def in_directory(test, name, *arguments):
    """A test gets a directory of its own, with the recipes; an exception is a failure."""
    directory = tempfile.mkdtemp(prefix='gru4rec-recipes-')
    os.symlink(ROOT + '/sql', directory + '/sql')
    try:
        test(name, *arguments, directory)
    except Exception:
        check(False, f'{test.__name__} {name} {arguments} ends', '\n' + traceback.format_exc())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    for name in SETS:
        for seed in SEEDS:
            in_directory(one_seed, name, seed)
        in_directory(missing_file, name)
        in_directory(name_taken, name)
    return checks.finish()


if __name__ == '__main__':
    sys.exit(main())
