#!/usr/bin/env python3
"""blend.py - blended scores against a plain program, from the log and a model that does not blend.

    /usr/bin/python3 tests/relational/blend.py EXTENSION [--seed S] [--rounds N]

Random logs with ties, repeats and long sessions. Each log trains two models of the same network, of which one blends.
The plain program finds the nearest sessions of a history, scores their items as VS-KNN does with its defaults, and adds
to the score of the other model. So must be all scores, their ranks, the evaluation, and the scores after a state.
Some models keep only the latest sessions, or count only the last few items, or collapse repeats.
"""
import argparse
import json
import math
import random
import sqlite3

from checks import check, finish

COMMON = 'n_epochs=1,layers=6,n_sample=4,batch_size=4,threads=1,verbose=false'
SETTINGS = [
    'blend=1', 'blend=0.25', 'blend=2,state_items=1', 'blend=1,state_items=3', 'blend=1,collapse_repeats=true,state_items=2',
    'blend=4,max_length=4', 'blend=1,blend_sessions=30', 'blend=1,single_events=count', 'blend=1,quantize=true',
    'blend=1,max_length=3,collapse_repeats=true', 'blend=1,loss=bpr-max',
]
K, SAMPLE, IDF = 500, 5000, 5  # the defaults of VS-KNN


class Options:
    def __init__(self, text):
        given = dict(pair.split('=') for pair in text.split(','))
        self.blend = float(given['blend'])
        self.most = int(given.get('state_items', 32))
        self.max_length = int(given.get('max_length', 0))
        self.collapses = 'collapse_repeats' in given
        self.least = 1 if given.get('single_events') == 'count' else 2
        self.n_events = int(given.get('blend_sessions', 10 ** 6))

    def shortened(self, items):
        """What the network sees."""
        if self.collapses:
            items = [item for i, item in enumerate(items) if i == 0 or items[i - 1] != item]
        return items

    def cut(self, items):
        """Sessions of training: in pieces of at most max_length."""
        items = self.shortened(items)
        n = self.max_length or max(1, len(items))
        return [items[i:i + n] for i in range(0, len(items), n)]


def make_log(rng, sessions, items, start):
    """[(session, item, time)] in order of time; many at the same."""
    log, time = [], start
    for session in sessions:
        for n in range(rng.randint(1, 9)):
            again = n > 0 and rng.random() < 0.3
            log.append((session, log[-1][1] if again else rng.choice(items[:rng.choice((3, len(items)))]), time))
            time += rng.choice((0, 1, 5))
    return log


def sessions_of(log):
    found = {}
    for session, item, _ in log:
        found.setdefault(session, []).append(item)
    return found


def kept(log, options):
    """The items of the sessions that a version keeps, by age. All are whole but the oldest."""
    sessions = [piece for items in sessions_of(log).values() for piece in options.cut(items)]
    sessions = [items for items in sessions if len(items) >= options.least]
    left, latest = options.n_events, []
    for items in reversed(sessions):
        if left > 0:
            latest.append(items[max(0, len(items) - left):])
            left -= len(items)
    return latest[::-1]


def vs_knn(sessions, history):
    """{item: score above 0}"""
    places = {item: place for place, item in enumerate(history, 1)}
    length, near, scores, support = len(history), [], {}, {}
    for s, items in enumerate(sessions):
        for item in items:
            support[item] = support.get(item, 0) + 1
        shared = [places[item] for item in places if item in items]
        if shared:
            near.append((sum(p * p for p in shared) / (length ** 2 * len(places)), s, max(shared)))
    for similarity, s, latest in sorted(near[-SAMPLE:], reverse=True)[:K]:
        for item in set(sessions[s]):
            worth = 1 + IDF * math.log(len(sessions) / support[item])
            scores[item] = scores.get(item, 0) + similarity / (length - latest + 1) * worth
    return {item: score for item, score in scores.items() if score > 0}


def blended(network, sessions, history, options):
    """network: {item: score}"""
    history = options.shortened(history)
    most = min(options.most, options.max_length or options.most)
    scores = vs_knn(sessions, history[-most:])
    total = sum(scores.values())
    return {item: score + (options.blend * math.log1p(10000 * scores[item] / total) if item in scores else 0)
            for item, score in network.items()}, scores


def is_near(found, expected):
    """The sum is rounded to float32 once; the shares may differ in their last bits."""
    return abs(found - expected) <= 1.5e-7 * max(1, abs(expected))


def check_history(db, what, sessions, history, options):
    network = dict(db.execute("SELECT item, score FROM gru4rec_recommend('net', ?)", (json.dumps(history),)))
    rows = db.execute("SELECT rank, item, score FROM gru4rec_recommend('rec', ?)", (json.dumps(history),)).fetchall()
    expected, scores = blended(network, sessions, history, options)
    check(f'{what} {history}: scores', all(is_near(score, expected[item]) for _, item, score in rows) and len(rows) == len(network),
          [(item, score, expected[item], network[item]) for _, item, score in rows if not is_near(score, expected[item])][:3])
    check(f'{what} {history}: others keep the network\'s', all(score == network[item] for _, item, score in rows if item not in scores))
    check(f'{what} {history}: order', [row[0] for row in rows] == list(range(1, len(rows) + 1)) and
          all(a[2] >= b[2] for a, b in zip(rows, rows[1:])))
    return {item: score for _, item, score in rows}, len(scores)


def check_relation(db, what, log):
    """The first rows of all sessions, which are ranked together, are those of their histories."""
    rows = db.execute('SELECT session, rank, item, score FROM rec WHERE rank <= 10 ORDER BY session, rank').fetchall()
    expected = []
    for session, items in sorted(sessions_of(log).items()):
        expected += [(session, *row) for row in db.execute("SELECT rank, item, score FROM gru4rec_recommend('rec', ?, 10)", (json.dumps(items),))]
    check(f'{what}: all sessions', rows == expected, [pair for pair in zip(rows, expected) if pair[0] != pair[1]][:2])


def check_states(db, what, options, rng, items):
    """A state of one click after the other is as good as the history."""
    state, history, n = None, [], 0
    for _ in range(45):
        item = history[-1] if history and rng.random() < 0.3 else rng.choice(items + ['new', -1])
        history.append(item)
        state, = db.execute("SELECT gru4rec_step('rec', ?, ?)", (state, item)).fetchone()
        if options.max_length or not set(history) & set(items):
            continue  # a state counts all clicks, a history the last max_length
        sql = "SELECT rank, item, score FROM gru4rec_recommend('rec', ?)"
        n += db.execute(sql, (state,)).fetchall() != db.execute(sql, (json.dumps(history),)).fetchall()
    check(f'{what}: states', n == 0, f'{n} of 45 differ')


def check_evaluation(db, what, tests, options):
    """Of the model by its rankings, and of its network by the model that does not blend."""
    columns = 'k, recall, mrr, ndcg, coverage, popularity, ties, events, recall_ci, mrr_ci'
    a = db.execute(f"SELECT {columns} FROM gru4rec_evaluate('rec', 'test', 'cutoffs=1/5/20') WHERE method = 'gru4rec-network'").fetchall()
    b = db.execute(f"SELECT {columns} FROM gru4rec_evaluate('net', 'test', 'cutoffs=1/5/20') WHERE method = 'gru4rec'").fetchall()
    check(f'{what}: network', a == b and len(a) == 3, (a, b))
    ranks = []
    known = {item for item, in db.execute('SELECT item FROM rec_item')}
    for items in tests.values():
        items = options.shortened([item for item in items if item in known])[-options.max_length:]
        for n in range(1, len(items)):
            scores = dict(db.execute("SELECT item, score FROM gru4rec_recommend('rec', ?)", (json.dumps(items[:n]),)))
            ranks.append(sum(score >= scores[items[n]] for score in scores.values()))
    for k, recall, mrr, events in db.execute("SELECT k, recall, mrr, events FROM gru4rec_evaluate('rec', 'test', 'cutoffs=1/5/20') "
                                             "WHERE method = 'gru4rec'").fetchall():
        check(f'{what}: evaluation k={k}', events == len(ranks) and abs(recall - sum(r <= k for r in ranks) / events) < 1e-12 and
              abs(mrr - sum(1 / r for r in ranks if r <= k) / events) < 1e-12, (recall, mrr, events, len(ranks)))


def run(extension, seed, settings):
    rng = random.Random(f'{seed}/{settings}')
    what = f'--seed {seed}: {settings}'
    options = Options(settings)
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    items = list(range(10, 10 + rng.choice((6, 30, 1500 if 'quantize' in settings else 60))))
    log = make_log(rng, range(80), items, 1000)
    test = make_log(rng, range(1000, 1030), items + [-1], 10 ** 6)
    for table, events in (('clicks', log), ('test', test)):
        db.execute(f'CREATE TABLE {table}(session, item, ts)')
        db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)', events)
    if 'quantize' in settings:  # a catalogue of which most is in no session of many
        db.executemany('INSERT INTO clicks VALUES (?, ?, 1)', [(5000 + i // 30, item) for i, item in enumerate(items)])
        log = [(5000 + i // 30, item, 1) for i, item in enumerate(items)] + log
    common = f'{COMMON},{settings}'
    db.execute("SELECT gru4rec_train('rec', 'clicks', ?)", (common,)).fetchall()
    db.execute("SELECT gru4rec_train('net', 'clicks', ?)", (common + ',blend=0',)).fetchall()
    known = [item for item, in db.execute('SELECT item FROM rec_item ORDER BY row')]
    sessions, n_found = kept(log, options), 0
    for _ in range(25):
        history = [rng.choice(known[:rng.choice((5, len(known)))])]
        for _ in range(rng.choice((0, 1, 2, 5, 40))):
            history.append(history[-1] if rng.random() < 0.3 else rng.choice(known))
        n_found += check_history(db, what, sessions, history, options)[1]
    check(f'{what}: sessions were found', n_found > 25)
    check_relation(db, what, log)
    check_states(db, what, options, rng, known)
    if len(known) < 100:
        check_evaluation(db, what, sessions_of(test), options)
    db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=2)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        for settings in SETTINGS:
            run(options.extension, seed, settings)
    finish()


main()
