#!/usr/bin/env python3
"""evaluate.py - an evaluation is a plain count over gru4rec_recommend(), to the last rank.

    /usr/bin/python3 tests/relational/evaluate.py EXTENSION [--seed S] [--rounds N]

Random models and logs. Some models have items with the same rows, or with rows that differ in the
last bit, so that many scores are equal or nearly so. In each mode of ties, with and without
exclude_seen, candidates and last_only, the measures must be those that Python counts from all rows of
all rankings: recall, mrr and coverage exactly. So must the half-widths of their intervals.
"""
import argparse
import array
import json
import math
import random
import sqlite3

from checks import check, finish

MODELS = [
    'layers=9', 'layers=16,quantize=true,blend=0', 'layers=7/5,blend=0', 'layers=12,reset_after=false,blend=0',
    'layers=6,feedforward=9/5,feedforward_act=relu,blend=0', 'layers=8,embedding=5,blend=0',
    'layers=5/9,constrained_embedding=false,blend=0', 'layers=33,collapse_repeats=true,blend=0',
    'layers=6,constrained_embedding=false,reset_after=false,feedforward=7,blend=0', 'layers=200,blend=0',
    'layers=96/100,embedding=50,blend=0', 'layers=10,blend=1', 'layers=12,collapse_repeats=true,blend=0.25,state_items=2',
]
CUTOFFS = 1, 2, 3, 10, 5000
MODES = 'standard', 'conservative', 'median'


def make_log(rng, sessions, items, longest):
    """{session: its items}; some come again."""
    log = {}
    for s in sessions:
        log[s] = [rng.choice(items) for _ in range(rng.randint(1, longest))]
        for i in range(1, len(log[s])):
            if rng.random() < 0.2:
                log[s][i] = log[s][rng.randrange(i)]
    return log


def store(db, table, log):
    db.execute(f'CREATE TABLE {table}(session, item, ts)')
    db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)',
                   [(s, item, s * 1000 + n) for s, items in log.items() for n, item in enumerate(items)])


def spoil(blob, rng, n_items, kind):
    """The model with groups of rows that are the same, or differ in the last bit of one value."""
    size = int.from_bytes(blob[:8], 'little')
    header = json.loads(blob[8:8 + size])
    data = array.array('f')
    data.frombytes(blob[8 + size:])
    integers = array.array('i')
    source = [rng.randrange(1 + i // 4 if kind == 'same' else 1 + i // 12) for i in range(n_items)]
    for name, entry in header.items():
        if name == '__metadata__' or entry['dtype'] != 'F32' or entry['shape'][0] != n_items:
            continue
        first = entry['data_offsets'][0] // 4
        width = entry['shape'][1] if len(entry['shape']) > 1 else 1
        for row in range(n_items):
            at, of = first + row * width, first + source[row] * width
            values = data[of:of + width]
            if kind == 'near' and width > 1:
                integers = array.array('i', values.tobytes())
                integers[rng.randrange(width)] += rng.choice((-1, 0, 1))
                values = array.array('f', integers.tobytes())
            data[at:at + width] = values
    return blob[:8 + size] + data.tobytes()


class Measured:
    """What rankings give, counted as the README says."""

    def __init__(self, support):
        self.support = support
        self.events = self.ties = 0
        self.ranks = {mode: {} for mode in MODES}
        self.listed = {k: [0, 0, set()] for k in CUTOFFS}
        self.sessions = {mode: {} for mode in MODES}  # the ranks of each one's targets; None: missed

    def add(self, session, ranking, target):
        """ranking: (item, score) in order."""
        self.events += 1
        for ranks in self.sessions.values():
            ranks.setdefault(session, []).append(None)
        of_target = [score for item, score in ranking if item == target]
        if of_target:
            greater = sum(score > of_target[0] for _, score in ranking)
            equal = sum(score == of_target[0] for _, score in ranking)
            self.ties += equal > 1
            for mode, rank in zip(MODES, (greater + 1, greater + equal, greater + (equal + 1) / 2)):
                self.ranks[mode][rank] = self.ranks[mode].get(rank, 0) + 1
                self.sessions[mode][session][-1] = rank
        for k, listed in self.listed.items():
            items = [item for item, _ in ranking[:k]]
            listed[0] += len(items)
            listed[1] += sum(self.support[item] for item in items)
            listed[2].update(items)

    def measures(self, mode, k):
        if self.events == 0:
            return [None] * 5 + [0, 0]
        ranks = sorted((rank, n) for rank, n in self.ranks[mode].items() if rank <= k)
        recall = mrr = ndcg = 0.0
        for rank, n in ranks:
            recall += n
            mrr += n / rank
            ndcg += n / math.log2(rank + 1)
        n_listed, sum_support, covered = self.listed[k]
        popularity = sum_support / max(self.support.values()) / n_listed if n_listed else None
        return [recall / self.events, mrr / self.events, ndcg / self.events, len(covered) / len(self.support), popularity,
                self.events, self.ties]

    def widths(self, mode, k):
        """Of recall, mrr and ndcg."""
        sessions = self.sessions[mode].values()
        n, widths = len(sessions), []
        for gain in (lambda rank: 1, lambda rank: 1 / rank, lambda rank: 1 / math.log2(rank + 1)):
            sums = [(math.fsum(gain(rank) for rank in ranks if rank is not None and rank <= k), len(ranks)) for ranks in sessions]
            mean = math.fsum(h for h, _ in sums) / max(self.events, 1)
            squares = math.fsum((h - mean * e) ** 2 for h, e in sums)
            widths.append(1.96 * math.sqrt(n / (n - 1) * squares) / self.events if n >= 10 else None)
        return widths


def are_near(found, expected):
    return all(a == b or (a is not None and b is not None and abs(a - b) < 1e-12) for a, b in zip(found, expected))


def is_same(found, expected):
    """Recall, mrr, coverage and counts to the bit; ndcg and popularity but for rounding."""
    return all(a == b or (i in (2, 4) and a is not None and b is not None and abs(a - b) < 1e-12)
               for i, (a, b) in enumerate(zip(found, expected)))


def count(db, log, support, is_collapsed, seen, candidates, last):
    """The measures of the model and of 'pop', and the sessions with a ranking."""
    model, pop, sessions = Measured(support), Measured(support), 0
    by_support = sorted(support.items(), key=lambda pair: -pair[1])  # as the catalogue, where equal
    where = (' WHERE exclude_seen = 1' if seen else ' WHERE exclude_seen = 0') + (' AND candidates = ?' if candidates is not None else '')
    for session, items in log.items():
        items = [item for item in items if item in support]
        if is_collapsed:
            items = [item for i, item in enumerate(items) if i == 0 or items[i - 1] != item]
        sessions += len(items) > 1
        for at in range(len(items) - 1 if last and len(items) > 1 else 1, len(items)):
            history = items[:at]
            ranking = db.execute("SELECT item, score FROM gru4rec_recommend('m', ?)" + where + ' ORDER BY rank',
                                 (json.dumps(history),) + (() if candidates is None else (json.dumps(candidates),))).fetchall()
            model.add(session, ranking, items[at])
            pop.add(session, [(item, n) for item, n in by_support if not (seen and item in history) and
                     (candidates is None or item in candidates)], items[at])
    return model, pop, sessions


def compare(db, what, log, support, is_collapsed, seen, candidates, last):
    model, pop, sessions = count(db, log, support, is_collapsed, seen, candidates, last)
    skipped = sum(item not in support for items in log.values() for item in items)
    is_full = candidates is None or set(candidates) >= set(support)
    has_prints, = db.execute("SELECT fingerprints IS NOT NULL FROM m_version WHERE status = 'ready' ORDER BY version DESC").fetchone()
    for mode in MODES:
        options = {'cutoffs': list(CUTOFFS), 'mode': mode, 'baselines': 'pop', 'exclude_seen': seen, 'last_only': last}
        if candidates is not None:
            options['candidates'] = candidates
        rows = db.execute("SELECT method, k, recall, mrr, ndcg, coverage, popularity, events, ties, sessions, skipped, warnings, "
                          "recall_ci, mrr_ci, ndcg_ci FROM gru4rec_evaluate('m', 'test', ?)", (json.dumps(options),)).fetchall()
        methods = ('gru4rec', 'gru4rec-network', 'pop') if 'blend=0,' not in what + ',' else ('gru4rec', 'pop')
        check(f'{what}: rows', [row[:2] for row in rows] == [(m, k) for m in methods for k in CUTOFFS])
        for row in rows:
            if row[0] == 'gru4rec-network':
                continue  # blend.py compares it with a model of its own
            method = model if row[0] == 'gru4rec' else pop
            expected, widths = method.measures(mode, row[1]), method.widths(mode, row[1])
            check(f'{what} {mode} {row[0]} k={row[1]}: intervals', are_near(row[12:], widths), (row, widths))
            check(f'{what} {mode} {row[0]} k={row[1]}', is_same(row[2:9], expected) and row[9:11] == (sessions, skipped), (row, expected))
            said = [text for text in (row[11] or '').split('; ') if text]
            unknown = [text for text in said if text.startswith('it is not known whether ')]
            check(f'{what}: leaks', len(unknown) == (0 if has_prints else 2), said)
            check(f'{what}: warnings', (said == unknown) == (is_full and model.events > 0) and
                  (is_full or 'not comparable' in row[11]), row[11])


SAMPLED = "SELECT method, k, recall, mrr, ndcg, coverage, popularity, events, ties, sessions FROM gru4rec_evaluate('m', 'test', ?)"


def check_samples(db, what, n_items, seen):
    """All other items sampled: the full ranking. Fewer: no worse in standard mode; the same by seed."""
    def rows(**options):
        options.update(cutoffs=list(CUTOFFS), baselines='pop', exclude_seen=seen)
        return db.execute(SAMPLED, (json.dumps(options),)).fetchall()
    for mode in MODES:
        check(f'{what} {mode}: all sampled', rows(mode=mode) == rows(mode=mode, candidates=f'sample={n_items + 5}'))
    full, some = rows(mode='standard'), rows(mode='standard', candidates='sample=3')
    if full[0][7] == 0:
        return
    check(f'{what}: fewer are easier', all(a[2] <= b[2] and a[3] <= b[3] and a[7] == b[7] for a, b in zip(full, some)), (full, some))
    check(f'{what}: the same by seed', some == rows(mode='standard', candidates='sample=3', seed=42))
    if n_items > 50 and full[0][7] > 20:
        check(f'{what}: others by seed', some != rows(mode='standard', candidates='sample=3', seed=7))


def run(extension, seed, options):
    rng = random.Random(f'{seed}/{options}')
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    n_items = rng.choice((2, 7, 40, 150, 2500))
    items = [i * 7 + 1 for i in range(n_items)]
    log = make_log(rng, range(max(30, n_items // 4)), items, 12 if n_items < 1000 else 40)
    store(db, 'clicks', log)
    test = make_log(rng, range(10000, 10000 + rng.choice((1, 3, 140) if n_items < 200 else (1, 3, 12))), items + ['unknown', -5], 9)
    store(db, 'test', test)
    db.execute(f"SELECT gru4rec_train('m', 'clicks', 'n_epochs=2,n_sample=8,batch_size=8,threads=1,{options}')").fetchall()
    support = dict(db.execute('SELECT item, support FROM m_item ORDER BY row'))
    sessions = ", NULL, 'sessions=true'" if 'blend=0,' not in options + ',' else ''
    for kind in ('as trained', 'same', 'near'):
        what = f'--seed {seed}: {options}, {len(support)} items, {kind}'
        if kind != 'as trained':
            blob, = db.execute(f"SELECT gru4rec_export('m'{sessions})").fetchone()
            db.execute("SELECT gru4rec_import('m', ?)", (spoil(blob, rng, len(support), kind),)).fetchall()
        some = rng.sample(sorted(support), rng.randint(1, len(support))) + ['unknown']
        for seen in (0, 1):
            for candidates in (None, some):
                for last in (0, 1):
                    compare(db, f'{what}, seen={seen} candidates={candidates and len(candidates)} last={last}', test, support,
                            'collapse' in options, seen, candidates, last)
            check_samples(db, what, len(support), seen)
    db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=1)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        for model in MODELS:
            run(options.extension, seed, model)
    finish()


main()
