#!/usr/bin/env python3
"""baselines.py - baselines of gru4rec_evaluate() against plain programs, from the tables alone.

    /usr/bin/python3 tests/relational/baselines.py EXTENSION [--seed S] [--rounds N]

Random logs with ties and times in seconds. What a version was trained on is worked out by hand: the log goes on
after the training, has events at the time of the last one, and some versions took only what was new (since=last,
whole sessions). The plain programs score every item for every target; measures must be those of the ranks. Each baseline
has one: a new one is added to PLAIN.
"""
import argparse
import json
import math
import random
import sqlite3

from checks import check, finish

COMMON = 'n_epochs=1,layers=2,n_sample=2,batch_size=4,threads=1,blend=0,verbose=false'
DAY = 86400
START = 1727740800  # 2024-10-01
CUTOFFS = 1, 3, 10


class Trained:
    """Sessions by age: [(items, time of the last event)]; the catalogue in rows."""

    def __init__(self, sessions, catalogue, least):
        self.items = [item for item, _ in catalogue]
        self.support = dict(catalogue)
        visited = sorted(((s, events) for s, events in sessions.items() if len(events) >= least), key=lambda pair: (pair[1][0][0], pair[0]))
        self.visited = [[item for _, item in events] for _, events in visited]
        self.sessions = [([item for _, item in events], events[-1][0]) for _, events in visited]
        self.sessions = [self.sessions[i] for i in sorted(range(len(self.sessions)), key=lambda i: (self.sessions[i][1], i))]

    def row(self, item):
        return self.items.index(item)

    def best(self, scores, n):
        """Of {item: score} the best n; ties: lower row first."""
        return dict(sorted(scores.items(), key=lambda pair: (-pair[1], self.row(pair[0])))[:n])

    def neighbours(self, prefix, similarity, sample_size, k):
        """Numbers of the sessions that are nearest, nearest first."""
        shared = [s for s, (items, _) in enumerate(self.sessions) if set(items) & set(prefix)]
        candidates = [(similarity(s), s) for s in shared[-sample_size:]]
        return sorted((pair for pair in candidates if pair[0] > 0), reverse=True)[:k]


def session_pop(trained, prefix, _, o):
    popular = trained.best(trained.support, o['session_pop_top_n'])
    return {item: prefix.count(item) + (n / (n + 1) if item in popular else 0)
            for item, n in trained.support.items() if item in prefix or item in popular}


def item_knn(trained, prefix, _, o):
    last, scores = prefix[-1], {}
    for items, _ in trained.sessions:
        for item in set(items) - {last}:
            scores[item] = scores.get(item, 0) + items.count(last)
    n, alpha, more = trained.support, o['item_knn_alpha'], o['item_knn_lambda']
    return trained.best({item: c / ((n[last] + more) ** alpha * (n[item] + more) ** (1 - alpha)) for item, c in scores.items() if c},
                        o['item_knn_k'])


def followers(trained, last, steps):
    """Sums of 1 / d, in the order of training: visited sessions, places, then d."""
    scores = {}
    for items in trained.visited:
        for i, item in enumerate(items):
            for d in range(1, min(steps, len(items) - 1 - i) + 1) if item == last else ():
                scores[items[i + d]] = scores.get(items[i + d], 0) + 1 / d
    return scores


def markov(trained, prefix, _, o):
    return trained.best(followers(trained, prefix[-1], 1), o['markov_pruning'])


def sequential_rules(trained, prefix, _, o):
    return trained.best(followers(trained, prefix[-1], o['sequential_rules_steps']), o['sequential_rules_pruning'])


def last_places(items):
    return {item: place for place, item in enumerate(items, 1)}


def vs_knn(trained, prefix, _, o):
    places, length = last_places(prefix), len(prefix)
    latest_first = sorted(places, key=lambda item: -places[item])

    def similarity(s):
        return sum(places[item] ** 2 for item in latest_first if item in trained.sessions[s][0]) / (length ** 2 * len(places))
    scores = {}
    for near, s in trained.neighbours(prefix, similarity, o['vs_knn_sample_size'], o['vs_knn_k']):
        items = set(trained.sessions[s][0])
        q = length - max(places[item] for item in places if item in items) + 1
        for item in items:
            idf = 1 + o['vs_knn_idf_weighting'] * math.log(len(trained.sessions) / trained.support[item])
            scores[item] = scores.get(item, 0) + near * (1 / q) * idf
    return scores


def stan(trained, prefix, now, o):
    places, length = last_places(prefix), len(prefix)
    earliest_first = sorted(places, key=lambda item: places[item])
    weight = {item: math.exp((place - length) / o['stan_lambda_spw']) for item, place in places.items()}
    squares = 0.0
    for item in earliest_first:
        squares += weight[item] * weight[item]

    def similarity(s):
        items, time = trained.sessions[s]
        total = 0.0
        for item in reversed(earliest_first):
            total += weight[item] if item in items else 0
        cosine = total / (math.sqrt(squares) * math.sqrt(len(set(items))))
        return cosine * (math.exp(-(now - time) / (o['stan_lambda_snh'] * DAY)) if o['has_days'] else 1)
    scores = {}
    for near, s in trained.neighbours(prefix, similarity, o['stan_sample_size'], o['stan_k']):
        own = last_places(trained.sessions[s][0])
        shared = max(own[item] for item in own if item in places)
        for item, place in own.items():
            scores[item] = scores.get(item, 0) + near * math.exp(-abs(place - shared) / o['stan_lambda_inh'])
    return scores


PLAIN = {'session-pop': session_pop, 'item-knn': item_knn, 'markov': markov, 'sequential-rules': sequential_rules, 'vs-knn': vs_knn,
         'stan': stan}


def draw_options(rng):
    options = {
        'session_pop_top_n': 100, 'item_knn_k': 100, 'item_knn_lambda': 20, 'item_knn_alpha': 0.5, 'markov_pruning': 20,
        'sequential_rules_steps': 10, 'sequential_rules_pruning': 20, 'vs_knn_k': 500, 'vs_knn_sample_size': 5000, 'vs_knn_idf_weighting': 5,
        'stan_k': 500, 'stan_sample_size': 5000, 'stan_lambda_spw': 1.02, 'stan_lambda_snh': 5, 'stan_lambda_inh': 2.05}
    given = {}
    for name in rng.sample(sorted(options), rng.randint(0, 8)):
        default = options[name]
        given[name] = rng.choice((0.25, 0.75)) if name == 'item_knn_alpha' else rng.randint(1, 12) if isinstance(default, int) else default * 2
    return {**options, **given}, given


def rank(scores, items, target):
    """Conservative: ties count against it. What has no score above 0 ties at 0."""
    of_target = max(scores.get(target, 0), 0)
    return sum(max(scores.get(item, 0), 0) >= of_target for item in items)


def measure(trained, tests, method, options):
    """{k: (recall, mrr)}, and how many targets there are."""
    ranks = []
    for events in tests.values():
        events = [(time, item) for time, item in sorted(events, key=lambda e: e[0]) if item in trained.support]
        for n in range(1, len(events)):
            prefix = [item for _, item in events[:n]]
            ranks.append(rank(PLAIN[method](trained, prefix, events[n - 1][0], options), trained.items, events[n][1]))
    return {k: (sum(r <= k for r in ranks) / len(ranks), sum(1 / r for r in ranks if r <= k) / len(ranks)) for k in CUTOFFS}, len(ranks)


def draw_events(rng, sessions, items, start, step):
    """(session, item, time) in order of time; many at the same."""
    events, time = [], start
    for session in sessions:
        for n in range(rng.randint(1, 7)):
            events.append((session, rng.choice(items) if n == 0 or rng.random() < 0.5 else min(items[-1], events[-1][1] + 1), time))
            time += rng.choice((0, 1, step))
    rng.shuffle(events)
    return sorted(events, key=lambda e: e[2])


def sessions_of(events):
    """{session: [(time, item)]}; ties of time in the order of their rowids, in which they are given."""
    sessions = {}
    for session, item, time in events:
        sessions.setdefault(session, []).append((time, item))
    return sessions


def check_version(db, what, log, least, tests, options, given, n_warnings):
    catalogue = db.execute('SELECT item, support FROM m_item WHERE version = (SELECT max(version) FROM m_item) ORDER BY row').fetchall()
    trained = Trained(sessions_of(log), catalogue, least)
    rows = db.execute("SELECT method, k, recall, mrr, events, warnings FROM gru4rec_evaluate('m', 'test', ?)",
                      (json.dumps({**given, 'cutoffs': list(CUTOFFS), 'baselines': 'all', 'version': 'newest'}),)).fetchall()
    check(f'{what}: methods', list(dict.fromkeys(row[0] for row in rows)) == ['gru4rec', 'pop', *PLAIN])
    check(f'{what}: warnings', all((row[5] or '').count(';') + (row[5] is not None) == n_warnings for row in rows), rows[0][5])
    for method in PLAIN:
        expected, n = measure(trained, tests, method, options)
        for row in rows:
            if row[0] == method:
                recall, mrr = expected[row[1]]
                check(f'{what} {method} k={row[1]} {given}', abs(row[2] - recall) < 1e-12 and abs(row[3] - mrr) < 1e-12 and row[4] == n,
                      (row, recall, mrr, n))


def insert(db, table, events):
    db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)', events)


def run(extension, seed):
    rng = random.Random(seed)
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    db.execute('CREATE TABLE clicks(session, item, ts)')
    db.execute('CREATE TABLE test(session, item, ts)')
    items = list(range(10, 10 + rng.choice((5, 15, 40))))
    step = rng.choice((10, DAY // 4, 3 * DAY))
    is_counter = rng.random() < 0.25
    start = 1 if is_counter else START
    what = f'--seed {seed}'
    first = draw_events(rng, range(50), items, start, step)
    last = first[-1][2]
    later = draw_events(rng, [*rng.sample(range(50), 5), *range(50, 70)], items, last, step)
    test = draw_events(rng, range(1000, 1025), items + [-1], later[-1][2], step)
    insert(db, 'clicks', first)
    insert(db, 'test', test)
    least = rng.choice((1, 2))
    common = COMMON + (',single_events=count' if least == 1 else ',single_events=leave_out')
    db.execute("SELECT gru4rec_train('m', 'clicks', ?)", (common,)).fetchall()
    insert(db, 'clicks', later)  # some at the time of the last event of the training
    options, given = draw_options(rng)
    options['has_days'] = not is_counter
    check_version(db, f'{what}, all', first, least, sessions_of(test), options, given, is_counter)
    # What is new, in whole sessions; what comes later does not count.
    # A version that began with the weights of earlier trainings says that the baselines know less than it does.
    is_warm = rng.choice((True, False))
    db.execute("SELECT gru4rec_train('m', ?)", (f'{common},since=last,warm_start={str(is_warm).lower()}',)).fetchall()
    insert(db, 'clicks', draw_events(rng, range(40, 80), items, later[-1][2] + 1, step))
    fresh = {session for session, _, _ in later}
    check_version(db, f'{what}, since=last', [event for event in first + later if event[0] in fresh], least, sessions_of(test), options,
                  given, is_counter + is_warm)
    # Events that are gone are missed, and that is said.
    sessions = sessions_of(first + later)
    db.execute('DELETE FROM clicks WHERE session = ?', (next(session for session in fresh if len(sessions[session]) > 1),))
    warnings, = db.execute("SELECT warnings FROM gru4rec_evaluate('m', 'test', 'baselines=markov')").fetchone()
    check(f'{what}: events are gone', 'the baselines were fitted on' in (warnings or '') and 'the source has changed' in warnings, warnings)
    db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=20)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        run(options.extension, seed)
    finish()


main()
