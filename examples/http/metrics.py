"""metrics.py: what all workers counted, in memory that they share. Each writes numbers of its own, so nobody waits."""
import mmap

PATHS = '/click', '/next', '/metrics'
STATUS = 200, 204, 400, 503
BOUNDS = .001, .002, .005, .01, .02, .05, .1, float('inf')     # seconds
REQUESTS = [(path, status) for path in PATHS for status in STATUS]
SLOTS = len(REQUESTS) + len(BOUNDS) + 1                         # the last one: microseconds, added up


class Metrics:
    def __init__(self, workers):
        self.numbers = memoryview(mmap.mmap(-1, 8 * SLOTS * workers)).cast('Q')

    def of(self, worker):
        self.mine = self.numbers[worker * SLOTS:][:SLOTS]
        return self

    def count(self, path, status, seconds):
        self.mine[REQUESTS.index((path, status))] += 1
        self.mine[len(REQUESTS) + next(i for i, bound in enumerate(BOUNDS) if seconds <= bound)] += 1
        self.mine[-1] += int(seconds * 1e6)

    def text(self):
        """As Prometheus reads it."""
        total = [sum(self.numbers[slot::SLOTS]) for slot in range(SLOTS)]
        lines = ['# TYPE gru4rec_requests_total counter']
        for (path, status), n in zip(REQUESTS, total):
            if n:
                lines.append(f'gru4rec_requests_total{{path="{path}",status="{status}"}} {n}')
        lines.append('# TYPE gru4rec_request_seconds histogram')
        n = 0
        for bound, more in zip(BOUNDS, total[len(REQUESTS):]):
            n += more
            lines.append(f'gru4rec_request_seconds_bucket{{le="{"+Inf" if bound > 1 else bound}"}} {n}')
        lines += [f'gru4rec_request_seconds_sum {total[-1] / 1e6}', f'gru4rec_request_seconds_count {n}',
                  '# TYPE gru4rec_version gauge']
        return '\n'.join(lines) + '\n'
