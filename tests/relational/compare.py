#!/usr/bin/env python3
"""compare.py - gru4rec_compare() against a plain paired computation.

    /usr/bin/python3 tests/relational/compare.py EXTENSION [--seed S] [--rounds N]

Random pairs of trained models that know different items, cut sessions at different pauses and collapse repeats or not;
models beside baselines; versions of one model. Ranks come from gru4rec_recommend() on the sessions as each model has
them, or, of pop, from supports. From there it is counted: which targets are shared, the sums of sessions, intervals, wins.
p, which is drawn, must be near one that is drawn here.
"""
import argparse
import json
import math
import random
import sqlite3

from checks import check, finish

COMMON = 'n_epochs=3,n_sample=8,batch_size=8,threads=1,verbose=false'
CUTOFFS = 1, 3, 10
GAINS = {'recall': lambda rank: 1, 'mrr': lambda rank: 1 / rank, 'ndcg': lambda rank: 1 / math.log2(rank + 1)}


class Model:
    """What of a model a comparison sees."""

    def __init__(self, db, name, gap, is_collapsed, version='active'):
        self.db, self.name, self.gap, self.is_collapsed, self.version = db, name, gap, is_collapsed, version
        self.support = dict(db.execute(f"SELECT item, support FROM {name}_item WHERE version = (SELECT version FROM {name}_version "
                                       f"WHERE status = 'ready' ORDER BY version {'DESC' if version != 'previous' else ''} LIMIT 1)"))
        self.ranks, self.prefixes = {}, {}

    def sessions(self, log):
        """Of (number, item, time) lists: those that the model has, cut and collapsed."""
        for events in log.values():
            known, part = [event for event in events if event[1] in self.support], []
            for event in known:
                if part and self.gap and event[2] - part[-1][2] > self.gap:
                    yield part
                    part = []
                part.append(event)
            if part:
                yield part

    def collapsed(self, part):
        return [event for i, event in enumerate(part) if not (self.is_collapsed and i and part[i - 1][1] == event[1])]

    def measure(self, log):
        """Lists of numbers by session; ranks of the targets by number."""
        self.parts = [self.collapsed(part) for part in self.sessions(log)]
        for part in self.parts:
            for i in range(1, len(part)):
                self.ranks[part[i][0]] = self.rank([item for _, item, _ in part[:i]], part[i][1])

    def rank(self, history, target):
        rows = self.db.execute('SELECT item, score FROM gru4rec_recommend(?, ?) WHERE version = ?',
                               (self.name, json.dumps(history), self.version)).fetchall()
        own = dict(rows)[target]
        return sum(score >= own for _, score in rows)


class Pop(Model):
    """The baseline: sessions are those of the model that it is fitted for."""

    def rank(self, history, target):
        return sum(n >= self.support[target] for n in self.support.values())


def expected(a, b, log):
    """{(measure, k): figures}, and how many are skipped; the sums of sessions by measure and k."""
    place = {number: s for s, part in enumerate(b.parts) for number, _, _ in part}
    shared, n_unpaired, settled = [], 0, set()
    for part in a.parts:
        last, targets = None, []
        for number, item, _ in part:
            if number not in place:
                n_unpaired += number in a.ranks and item in b.support
                continue
            settled.add(number)
            if number in a.ranks and number in b.ranks and place[number] == last:
                targets.append(number)
            else:
                n_unpaired += number in a.ranks or number in b.ranks
            last = place[number]
        if targets:
            shared.append(targets)
    items = {number: item for part in b.parts for number, item, _ in part}
    n_unpaired += sum(number not in settled and items[number] in a.support for number in b.ranks)
    n_unknown = sum(item not in a.support or item not in b.support for events in log.values() for _, item, _ in events)
    figures, sums = {}, {}
    for measure, gain in GAINS.items():
        for k in CUTOFFS:
            def h(side, targets):
                return math.fsum(gain(side.ranks[number]) for number in targets if side.ranks[number] <= k)
            n_events = sum(map(len, shared))
            pairs = [(h(a, targets), h(b, targets), len(targets)) for targets in shared]
            means = [math.fsum(pair[i] for pair in pairs) / n_events if n_events else None for i in (0, 1)]
            difference = means[0] - means[1] if n_events else None
            n = len(pairs)
            squares = math.fsum((x - y - (difference or 0) * e) ** 2 for x, y, e in pairs)
            width = 1.96 * math.sqrt(n / (n - 1) * squares) / n_events if n >= 10 else None
            sums[measure, k] = [x - y for x, y, _ in pairs]
            wins, losses = sum(x > y + 1e-9 for x, y, _ in pairs), sum(x < y - 1e-9 for x, y, _ in pairs)
            figures[measure, k] = [*means, difference, difference - width if width is not None else None,
                                   difference + width if width is not None else None], [wins, losses, n - wins - losses, n_events, n]
    return figures, n_unknown + n_unpaired, sums


def draw_p(rng, sums):
    """By 2,000 draws."""
    total, n = abs(math.fsum(sums)) - 1e-9, 2000
    return (1 + sum(abs(math.fsum(x * rng.choice((-1, 1)) for x in sums)) >= total for _ in range(n))) / (n + 1)


def are_near(found, expected_reals):
    return all(x == y or (x is not None and y is not None and abs(x - y) < 1e-9) for x, y in zip(found, expected_reals))


def compare(db, what, a, b, b_name, log, options, rng):
    for side in (a, b):
        side.measure(log)
    figures, n_skipped, sums = expected(a, b, log)
    rows = db.execute("SELECT measure, k, a, b, difference, low, high, wins, losses, ties, events, sessions, skipped, p, warnings "
                      "FROM gru4rec_compare(?, ?, 'test', ?)", (a.name, b_name, json.dumps({'cutoffs': list(CUTOFFS), **options}))).fetchall()
    check(f'{what}: rows', [row[:2] for row in rows] == [(m, k) for m in GAINS for k in CUTOFFS], [row[:2] for row in rows])
    for row in rows:
        reals, integers = figures[row[:2]]
        check(f'{what} {row[:2]}', are_near(row[2:7], reals) and list(row[7:12]) == integers and row[12] == n_skipped,
              (row, reals, integers, n_skipped))
        if integers[3] == 0:
            check(f'{what}: nothing to compare', row[13] is None and 'no event to compare' in row[14], row)
        elif a is b or not any(abs(x) > 1e-9 for x in sums[row[:2]]):
            check(f'{what} {row[:2]}: p of the same', row[13] == 1, row)
        else:
            p = draw_p(rng, sums[row[:2]])
            check(f'{what} {row[:2]}: p', abs(row[13] - p) < 0.06, (row, p))
        check(f'{what}: pauses', ('session_gap' in (row[14] or '')) == (a.gap != b.gap), row[14])


def make_log(rng, sessions, items):
    """[(session, item, time)] in rowid order, with pauses, repeats and shuffled sessions."""
    events = []
    for session in sessions:
        time, item = rng.randrange(10000), rng.choice(items)
        for _ in range(rng.randint(1, 8)):
            events.append((session, item, time))
            time += rng.choice((0, 1, 5, 5, 60))
            item = item if rng.random() < 0.15 else rng.choice(items) if rng.random() < 0.5 else items[(items.index(item) + 1) % len(items)]
    rng.shuffle(events)
    return events


def as_log(events):
    log = {}
    for number, (session, item, time) in sorted(enumerate(events), key=lambda e: (e[1][2], e[0])):
        log.setdefault(session, []).append((number, item, time))
    return log


def train(db, name, rng, items):
    gap, is_collapsed = rng.choice((0, 0, 30)), rng.random() < 0.3
    db.execute(f'CREATE TABLE {name}_log(session, item, ts)')
    db.executemany(f'INSERT INTO {name}_log VALUES (?, ?, ?)', make_log(rng, range(60), items))
    db.execute('SELECT gru4rec_train(?, ?, ?)', (name, f'{name}_log', f'{COMMON},session_gap={gap},layers={rng.choice((3, 8))},'
                                                 f'collapse_repeats={str(is_collapsed).lower()},seed={rng.randrange(100)}')).fetchall()
    return gap, is_collapsed


def run(extension, seed):
    rng = random.Random(seed)
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    items = list(range(100, 100 + rng.choice((6, 20, 40))))
    gap, is_collapsed = train(db, 'one', rng, items[:rng.randint(3, len(items))])
    other = train(db, 'two', rng, items[rng.randrange(3):])
    events = make_log(rng, range(rng.choice((5, 30, 60))), items + [7])
    db.execute('CREATE TABLE test(session, item, ts)')
    db.executemany('INSERT INTO test VALUES (?, ?, ?)', events)
    log, what = as_log(events), f'--seed {seed}'
    one, two = Model(db, 'one', gap, is_collapsed), Model(db, 'two', *other)
    compare(db, f'{what}, two models', one, two, 'two', log, {}, rng)
    compare(db, f'{what}, turned', two, one, 'one', log, {'seed': seed}, rng)
    compare(db, f'{what}, itself', one, one, 'one', log, {}, rng)
    compare(db, f'{what}, pop', one, Pop(db, 'one', gap, is_collapsed), 'pop', log, {}, rng)
    db.execute("SELECT gru4rec_train('one', 'n_epochs=1,seed=7')").fetchall()
    compare(db, f'{what}, versions', Model(db, 'one', gap, is_collapsed, 'active'), Model(db, 'one', gap, is_collapsed, 'previous'), 'one',
            log, {'version_b': 'previous'}, rng)
    db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=4)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        run(options.extension, seed)
    finish()


main()
