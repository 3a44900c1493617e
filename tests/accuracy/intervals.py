#!/usr/bin/env python3
"""intervals.py - the intervals of gru4rec_evaluate() hold what they claim, on real sessions.

    /usr/bin/python3 tests/accuracy/intervals.py EXTENSION DATA_DIR [--draws N] [--seed S]

The test sessions of rsc15 stand for all sessions there are. From them so many are drawn with replacement, each draw
a session of its own, and a model, a baseline and their difference are measured on the draw. An interval of 95 %
should hold the value of all sessions in 95 of 100 draws; here it must in 90 to 98. Without the data nothing is done.
"""
import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'relational'))
import sets  # noqa: E402
from checks import check, finish  # noqa: E402

OPTIONS = 'preset=official,n_epochs=1,layers=16,batch_size=32,n_sample=512,seed=1,verbose=false'
LEAST, MOST = 0.90, 0.98


def measured(db, source):
    """{what: (value, low, high)} of both methods and of their difference."""
    values = {}
    for method, *row in db.execute("SELECT method, recall, mrr, ndcg, recall_ci, mrr_ci, ndcg_ci "
                                   "FROM gru4rec_evaluate('m', ?, 'cutoffs=20,baselines=pop')", (source,)):
        for name, value, width in zip(('recall', 'mrr', 'ndcg'), row, row[3:]):
            values[f'{name} of {method}'] = value, value - width, value + width
    for name, value, low, high in db.execute("SELECT measure, difference, low, high FROM gru4rec_compare('m', 'pop', ?, 'cutoffs=20')",
                                             (source,)):
        values[f'difference of {name}'] = value, low, high
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('data')
    parser.add_argument('--draws', type=int, default=200)
    parser.add_argument('--work', default='build/figures')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    try:
        db = sets.load('rsc15', args.data, args.work)
    except sets.Missing as reason:
        print(f'note: {reason}\n0 passed, 0 failed')
        return 0
    db.enable_load_extension(True)
    db.load_extension(os.path.abspath(args.extension))
    db.execute(f"SELECT gru4rec_train('m', 'train', '{OPTIONS}')").fetchall()
    sessions = [id for id, in db.execute('SELECT DISTINCT SessionId FROM test ORDER BY 1')]
    db.execute('CREATE INDEX by_session ON test(SessionId)')
    db.execute('CREATE TABLE draw(place INTEGER PRIMARY KEY, session INTEGER)')
    db.execute('CREATE VIEW drawn AS SELECT place AS SessionId, ItemId, Time FROM draw JOIN test ON SessionId = session')
    whole = measured(db, 'test')
    held = dict.fromkeys(whole, 0)
    rng = random.Random(args.seed)
    for _ in range(args.draws):
        db.execute('BEGIN')
        db.execute('DELETE FROM draw')
        db.executemany('INSERT INTO draw VALUES (?, ?)', enumerate(rng.choices(sessions, k=len(sessions))))
        db.execute('COMMIT')
        for what, (_, low, high) in measured(db, 'drawn').items():
            held[what] += low <= whole[what][0] <= high
    for what, n in held.items():
        print(f'{what:24} {100 * n / args.draws:5.1f} % of {args.draws} draws')
        check(f'--seed {args.seed}: {what}', LEAST <= n / args.draws <= MOST, (n, args.draws))
    return finish()


if __name__ == '__main__':
    sys.exit(main())
