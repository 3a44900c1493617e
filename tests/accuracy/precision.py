#!/usr/bin/env python3
"""precision.py - what bfloat16 costs in accuracy, on real data, paired by seed.

    /usr/bin/python3 tests/accuracy/precision.py EXTENSION DATA_DIR [--results FILE] [--only TEXT] [--part I/N]

Trains each case with precision=float32 and precision=bfloat16, and prints the mean differences of Recall@20 and MRR@20
with their 95 % intervals (Student's t). A loss is a mean difference of -.002 Recall@20 or -.0015 MRR@20, or below. With
--results each training is a line of that file, and what is there already is not trained again; --part 0/2 and 1/2 are
two halves, for two processors; --only rsc15/100 takes the cases whose name contains that. Hours, all together.
"""
import argparse
import fcntl
import math
import os
import statistics
import sys

import sets

LOSSES = {
    'cross-entropy': 'loss=cross-entropy,blend=0',
    'bpr-max': 'loss=bpr-max,blend=0,batch_size=80,learning_rate=0.05,momentum=0.4,sample_alpha=0.4,bpreg=1.95,elu_param=0.5,'
               'dropout_p_embed=0.5,dropout_p_hidden=0.05',
}
# widths, seeds, epochs
SETS = {'rsc15': ((100, 224, 512), 5, 10), 'diginetica': ((100, 224), 3, 3), 'globo': ((100,), 3, 5)}
# of 1 - 0.05 / 2, by degrees of freedom
STUDENT = {2: 4.303, 4: 2.776}
# The window of globo: sessions that begin in four days; the day that follows is the test.
SET = {'rsc15': 'rsc15', 'diginetica': 'diginetica', 'globo': 'globo-8'}


def measure(extension, data, work, name, options):
    """Recall@20 and MRR@20 of a training, and the kernels that it used."""
    db = sets.load(SET[name], data, work)
    db.enable_load_extension(True)
    db.load_extension(os.path.abspath(extension))
    db.execute("SELECT gru4rec_train('m', 'train', ?)", (options,)).fetchall()
    return db.execute("SELECT recall, mrr FROM gru4rec_evaluate('m', 'test', 'cutoffs=20') WHERE method = 'gru4rec'").fetchone()


def runs():
    for name, (widths, seeds, epochs) in SETS.items():
        for width in widths:
            for loss, options in LOSSES.items():
                for seed in range(1, seeds + 1):
                    for precision in 'float32', 'bfloat16':
                        yield (f'{name}/{width}/{loss}', seed, precision, name,
                               f'{options},layers={width},n_epochs={epochs},seed={seed},threads=1,verbose=false,precision={precision}')


def interval(differences):
    mean, n = statistics.mean(differences), len(differences)
    half = STUDENT[n - 1] * statistics.stdev(differences) / math.sqrt(n)
    return f'{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]', mean


def report(results):
    print('case                          float32          bfloat16         d Recall@20               d MRR@20')
    cases = dict.fromkeys(case for case, _, _ in results)
    for case in cases:
        seeds = [s for c, s, p in results if c == case and p == 'bfloat16' and (case, s, 'float32') in results]
        if len(seeds) - 1 not in STUDENT:
            print(f'{case:28s}  {len(seeds)} pairs: not enough')
            continue
        values = {p: [results[case, s, p] for s in seeds] for p in ('float32', 'bfloat16')}
        means = ['{:.4f} / {:.4f}'.format(*map(statistics.mean, zip(*values[p]))) for p in values]
        both = [interval([b[i] - f[i] for f, b in zip(values['float32'], values['bfloat16'])]) for i in (0, 1)]
        loses = both[0][1] <= -.002 or both[1][1] <= -.0015
        print(f'{case:28s}  {means[0]}  {means[1]}  {both[0][0]}  {both[1][0]}{"  loses" if loses else ""}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('data')
    parser.add_argument('--work', default='build/figures')
    parser.add_argument('--results', default=os.devnull)
    parser.add_argument('--only', default='')
    parser.add_argument('--part', default='0/1')
    args = parser.parse_args()
    part, parts = map(int, args.part.split('/'))
    results = {}

    def read():
        if os.path.isfile(args.results):
            with open(args.results) as file:
                for case, seed, precision, recall, mrr in map(str.split, file):
                    results[case, int(seed), precision] = float(recall), float(mrr)

    read()
    for i, (case, seed, precision, name, options) in enumerate(runs()):
        if i // 2 % parts != part or args.only not in case or (case, seed, precision) in results:
            continue
        recall, mrr = results[case, seed, precision] = measure(args.extension, args.data, args.work, name, options)
        with open(args.results, 'a') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(f'{case} {seed} {precision} {recall!r} {mrr!r}\n')
    read()
    report(results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
