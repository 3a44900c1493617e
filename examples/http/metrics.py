"""metrics.py: what all workers counted, in memory that they share. Each writes numbers of its own, so nobody waits."""
import mmap

WHAT = '/click', '/next', '/metrics', 'other'
STATUS = 200, 204, 400, 404, 503
BOUNDS = .001, .002, .005, .01, .02, .05, .1, float('inf')     # seconds
REQUESTS = len(WHAT) * len(STATUS)
SLOTS = REQUESTS + len(BOUNDS) + 1                              # the last one: microseconds, added up


class Metrics:
    def __init__(self, workers):
        self.numbers = memoryview(mmap.mmap(-1, 8 * SLOTS * workers)).cast('Q')
        self.worker = 0

    def count(self, what, status, seconds):
        mine = self.numbers[self.worker * SLOTS:][:SLOTS]
        mine[WHAT.index(what) * len(STATUS) + STATUS.index(status)] += 1
        mine[REQUESTS + next(i for i, bound in enumerate(BOUNDS) if seconds <= bound)] += 1
        mine[-1] += int(seconds * 1e6)

    def text(self):
        """As Prometheus reads it."""
        total = [sum(self.numbers[slot::SLOTS]) for slot in range(SLOTS)]
        lines = ['# TYPE gru4rec_requests_total counter']
        for i, n in enumerate(total[:REQUESTS]):
            if n:
                lines.append(f'gru4rec_requests_total{{path="{WHAT[i // len(STATUS)]}",status="{STATUS[i % len(STATUS)]}"}} {n}')
        lines.append('# TYPE gru4rec_request_seconds histogram')
        n = 0
        for bound, more in zip(BOUNDS, total[REQUESTS:]):
            n += more
            lines.append(f'gru4rec_request_seconds_bucket{{le="{"+Inf" if bound > 1 else bound}"}} {n}')
        lines += [f'gru4rec_request_seconds_sum {total[-1] / 1e6}', f'gru4rec_request_seconds_count {n}',
                  '# TYPE gru4rec_version gauge']
        return '\n'.join(lines) + '\n'
