#!/usr/bin/env python3
"""ranks_cost.py - how fast a training over ranks can be: the model of docs/scaling.md, with numbers of your own.

    tools/ranks_cost.py [--events-per-second E] [--layers D] [--batch-size B] [--n-sample K] [--items I]
                        [--network MBIT] [--latency MS] [--precision BYTES]

E is what one rank does alone. Prints events/s, the ratio to one rank, and the megabytes that a rank sends in a step,
for 2 to 64 ranks and for sync_steps 1, 50, 200, 1000; then what a rank keeps in memory.
"""
import argparse
import math


def distinct(n_items, draws, alpha=0.5):
    """Expected number of different items in so many draws with probability ~ support^alpha, support ~ 1 / (place + 20)."""
    edges = [0.0] + [math.exp(k / 40) for k in range(int(40 * math.log(n_items)) + 2)]
    bins = [(min(b, n_items) - min(a, n_items), ((a + b) / 2 + 20) ** -alpha) for a, b in zip(edges, edges[1:])]
    total = sum(n * p for n, p in bins)
    return sum(n * -math.expm1(draws * math.log1p(-min(p / total, 0.5))) for n, p in bins)


class Cost:
    def __init__(self, a):
        self.a = a
        self.dense = 6 * a.layers * a.layers + 6 * a.layers  # of one GRU layer
        self.step = a.batch_size / a.events_per_second
        self.rate = a.network * 1e6 / 8

    def every(self, ranks):
        """Seconds and bytes of a step with sync_steps=1."""
        a = self.a
        columns = a.n_sample + ranks * a.batch_size
        sums = a.precision * (columns * (a.layers + 1) + self.dense)
        sent = 2 * (ranks - 1) / ranks * sums + 4 * (ranks - 1) * a.batch_size * a.layers
        compute = self.step * columns / (a.n_sample + a.batch_size)
        return compute + sent / self.rate + 6 * self.turn(ranks), sent

    def merged(self, ranks, n):
        """The same with sync_steps=n, its part of a merge included."""
        a = self.a
        draws = n * (a.n_sample + 2 * a.batch_size)
        rows, own = distinct(a.items, ranks * draws), distinct(a.items, draws)
        sums = 2 * a.precision * (rows * (a.layers + 1) + self.dense)
        sent = (2 * (ranks - 1) / ranks * sums + 4 * (ranks - 1) * own) / n
        exchanges = 3 + 3 * math.ceil(sums / (4 << 20))
        return self.step + sent / self.rate + exchanges * self.turn(ranks) / n, sent

    def turn(self, ranks):
        return self.a.latency * 1e-3 * math.ceil(math.log2(ranks))

    def memory(self, n):
        """Bytes of a rank: weights and accumulators; with sync_steps also what rows were before they moved."""
        a = self.a
        row = 8 * (a.layers + 1)
        kept = min(a.items, n * (a.n_sample + 2 * a.batch_size)) * row + 4 * a.items if n > 1 else 0
        return a.items * row + kept


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--events-per-second', type=float, default=8000)
    parser.add_argument('--layers', type=int, default=100)
    parser.add_argument('--batch-size', type=int, default=128)
    parser.add_argument('--n-sample', type=int, default=2048)
    parser.add_argument('--items', type=int, default=37000)
    parser.add_argument('--network', type=float, default=1000, help='megabits per second of each rank')
    parser.add_argument('--latency', type=float, default=0.1, help='milliseconds')
    parser.add_argument('--precision', type=int, default=4, help='4: float32; 2: bfloat16')
    a = parser.parse_args()
    cost = Cost(a)
    print('ranks  ' + '  '.join(f'{"sync_steps=" + str(n):>26}' for n in (1, 50, 200, 1000)))
    for ranks in (2, 4, 8, 16, 64):
        cells = []
        for n in (1, 50, 200, 1000):
            seconds, sent = cost.every(ranks) if n == 1 else cost.merged(ranks, n)
            rate = ranks * a.batch_size / seconds
            cells.append(f'{rate:9.0f} {rate / a.events_per_second:5.2f}x {sent / 1e6:7.2f} MB')
        print(f'{ranks:5}  ' + '  '.join(cells))
    print('memory of a rank, GB: ' + ', '.join(f'sync_steps={n}: {cost.memory(n) / 1e9:.2f}' for n in (1, 50, 200, 1000)))


if __name__ == '__main__':
    main()
