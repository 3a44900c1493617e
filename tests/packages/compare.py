"""compare.py EXPECTED FOUND: whether a package says what the system build says, but for rounding.

Of the model that both have imported: the same ranking, but for items whose scores are nearer than 1e-5, and scores within 1e-5
(relative, where they are above 1). Of the model that each trained: the first epoch's loss within 1e-3, relative, Recall@20
within 0.01. All else must be equal. Prints the largest differences, or what is wrong.
"""
import sys

SCORE, LOSS, RECALL = 1e-5, 1e-3, .01


def read(path):
    """rankings: session -> [(item, score)] in rank order; values: the other lines."""
    rankings, values = {}, {}
    for line in open(path):
        what, *rest = line.split()
        if what == 'rank':
            session, rank, item, score = rest
            ranking = rankings.setdefault(session, [])
            assert int(rank) == len(ranking) + 1, line
            ranking.append((item, float(score)))
        else:
            values[what] = ' '.join(rest)
    return rankings, values


def compare_ranking(expected, found, session, faults):
    """The largest difference of scores."""
    scores = dict(expected)
    worst, last = 0, expected[-1][1]
    for (item, score), (other, other_score) in zip(expected, found):
        # The item at the same rank has the same score; an item that took its place is as good.
        difference = abs(score - other_score) / max(1, abs(score))
        worst = max(worst, difference)
        if difference > SCORE:
            faults.append(f'session {session}: {item} has {score}, {other} has {other_score} at its rank')
        if other not in scores and other_score - last > SCORE * max(1, abs(last)):  # only the last ones may be others
            faults.append(f'session {session}: {other} is ranked, which is not expected')
        if other in scores and abs(scores[other] - other_score) / max(1, abs(other_score)) > SCORE:
            faults.append(f'session {session}: {other} has {other_score}, not {scores[other]}')
    if len(expected) != len(found):
        faults.append(f'session {session}: {len(found)} items, not {len(expected)}')
    return worst


def main(expected_path, found_path):
    (expected, values), (found, others) = read(expected_path), read(found_path)
    faults = []
    if not expected or sorted(expected) != sorted(found):
        faults.append(f'{len(found)} sessions, not {len(expected)}')
    worst = max((compare_ranking(expected[s], found.get(s, []), s, faults) for s in expected), default=0)
    differences = {'scores': worst}
    for what, value in values.items():
        other = others.get(what, 'nothing')
        if what not in ('loss', 'recall', 'given'):
            if value != other:
                faults.append(f'{what}: {other}, not {value}')
            continue
        try:
            difference = abs(float(other) - float(value)) / (float(value) if what == 'loss' else 1)
        except ValueError:
            faults.append(f'{what}: {other}')
            continue
        differences[what] = difference
        if not difference <= {'loss': LOSS, 'recall': RECALL, 'given': 1e-3}[what]:
            faults.append(f'{what}: {other}, not {value}')
    print('; '.join(faults) or 'differences: ' + ', '.join(f'{what} {value:.2g}' for what, value in differences.items()))
    return bool(faults)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
