"""service.py [--seconds S] [--json]: the highest rate that examples/http/serve.py holds on this machine, clients included.

A rate is held if 99 % of the requests are answered within 20 ms and none with an error. Half of the requests are clicks, half ask
what is next. Requests are sent when they are due, whatever became of those before (on as many connections as that
takes), and a request's time counts from the moment at which it was due. Run it on an idle machine, after make.
"""
import argparse
import contextlib
import json
import os
import random
import re
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
LIMIT = .020        # seconds, of 99 %
WANTED = 500        # requests per second that must be held
CONNECTIONS = 64

# ---- a server on an invented shop ----


def make_shop(path, is_trained=True):
    with open(os.path.join(ROOT, 'examples/http/shop.sql')) as file:
        script = file.read()
    if not is_trained:
        script, n = re.subn(r'(?m)^SELECT gru4rec_train\(.*\n', '', script)
        assert n == 1
    subprocess.run(['sqlite3', path], input=script, text=True, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def server(path, workers=os.cpu_count(), script=ROOT + '/examples/http/serve.py'):
    """Gives its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, script, path, str(port), str(workers)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=5).read()
                break
            time.sleep(.1)
        yield port
    finally:
        process.terminate()
        if process.wait(10) != 0:
            raise RuntimeError(f'serve.py ended with {process.returncode}')


# ---- load ----


def requests(path, seed):
    """Without end: the bytes of a request."""
    db = sqlite3.connect(path)
    items = [item for item, in db.execute('SELECT id FROM products')]
    db.close()
    chance = random.Random(seed)
    while True:
        visitor = f'visitor-{chance.randrange(5000)}'
        body = json.dumps({'visitor': visitor, 'item': chance.choice(items)})
        yield f'POST /click HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(body)}\r\n\r\n{body}'.encode()
        yield f'GET /next?visitor={visitor}&n=10 HTTP/1.1\r\nHost: shop\r\n\r\n'.encode()


def status_of(answer):
    """The status of an answer that is whole, else None."""
    head, gap, body = answer.partition(b'\r\n\r\n')
    if not gap:
        return None
    status, length = int(head.split(b' ', 2)[1]), re.search(rb'(?i)\ncontent-length: *(\d+)', head)
    if length is None and status != 204:
        raise ValueError(f'an answer without its length: {head}')
    return status if length is None or len(body) >= int(length[1]) else None


class Client:
    def __init__(self, port):
        self.sockets = [socket.create_connection(('127.0.0.1', port)) for _ in range(CONNECTIONS)]
        for s in self.sockets:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.idle = list(self.sockets)
        self.busy = {}              # socket -> (due, answer so far)

    def send(self, due, request):
        s = self.idle.pop()
        s.sendall(request)
        self.busy[s] = due, b''

    def receive(self, timeout):
        """Waits for answers; gives (due, status) of those that are whole."""
        for s in select.select(list(self.busy), [], [], max(timeout, 0))[0]:
            due, answer = self.busy[s]
            data = s.recv(1 << 16)
            status = status_of(answer + data) if data else 0
            if status is None:
                self.busy[s] = due, answer + data
                continue
            del self.busy[s]
            if data:
                self.idle.append(s)
            yield due, status

    def close(self):
        for s in self.sockets:
            s.close()


def load(port, path, rate, seconds, seed=1):
    """Sends at a fixed rate. Gives the sorted durations and the statuses that are no success."""
    client, source = Client(port), requests(path, seed)
    durations, errors, waiting = [], [], deque()
    n, sent, start = int(rate * seconds), 0, time.perf_counter()
    while len(durations) < n:
        now = time.perf_counter() - start
        while sent < n and sent / rate <= now:
            waiting.append(sent / rate)
            sent += 1
        while waiting and client.idle:
            client.send(waiting.popleft(), next(source))
        until = sent / rate - (time.perf_counter() - start) if sent < n else 1
        if now > seconds + 10:
            errors += ['no answer'] * (n - len(durations))
            break
        for due, status in client.receive(until):
            durations.append(time.perf_counter() - start - due)
            if not 200 <= status < 300:
                errors.append(status)
    client.close()
    return sorted(durations), errors


def measure(port, path, rate, seconds):
    durations, errors = load(port, path, rate, seconds)
    figures = {'rate': rate, 'errors': len(errors)}
    for name, share in ('p50', .5), ('p99', .99), ('max', 1):
        figures[name + '_ms'] = round(durations[min(int(share * len(durations)), len(durations) - 1)] * 1e3, 2)
    figures['holds'] = not errors and figures['p99_ms'] <= LIMIT * 1e3
    return figures


def highest(port, path, seconds, say):
    """Doubles the rate until one does not hold, then halves the distance until it is a tenth. Each has a second try."""
    def holds(rate):
        for _ in range(2):
            figures = measure(port, path, rate, seconds)
            say(figures)
            if figures['holds']:
                return True
        return False
    low, high = 0, WANTED
    while holds(high):
        low, high = high, high * 2
    while high - low > max(low // 10, 50):
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()

    def say(figures):
        if not options.json:
            print('{rate:6d}/s  {p50_ms:8.2f} ms median  {p99_ms:8.2f} ms of 99 %  {max_ms:8.2f} ms at most  {errors} errors'
                  .format(**figures), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'shop.db')
        make_shop(path)
        with server(path) as port:
            measure(port, path, 100, 1)
            rate = highest(port, path, options.seconds, say)
    if options.json:
        print(json.dumps({'highest': rate, 'wanted': WANTED}))
    else:
        print(f'highest rate that holds: {rate}/s; {WANTED}/s {"hold" if rate >= WANTED else "DO NOT HOLD"}')
    return rate < WANTED


if __name__ == '__main__':
    sys.exit(main())
