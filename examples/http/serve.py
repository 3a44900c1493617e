"""serve.py DATABASE [PORT [WORKERS]]: takes clicks and recommends, over HTTP.

    POST /click  {"visitor": "anna", "item": 727196}    logs the click, and takes the visitor's state one step on
    GET /next?visitor=anna&n=5                          what comes next for the visitor; for one without clicks, what is popular
    GET /metrics                                        counts and durations of all workers, as Prometheus reads them

Each worker is a process with a connection of its own. Any of them serves any visitor, as the states are in the database
(sql/live.sql). Each query uses the version of the model that is active then. Put a proxy with TLS and timeouts before it.
"""
import asyncio
import json
import os
import select
import signal
import socket
import sqlite3
import sys
import time
from urllib.parse import parse_qs

from metrics import Metrics

EXTENSION = os.environ.get('GRU4REC', os.path.dirname(os.path.abspath(__file__)) + '/../../gru4rec')
LIMIT = 1 << 16     # bytes of a request
REASONS = {200: 'OK', 204: 'No Content', 400: 'Bad Request', 404: 'Not Found', 411: 'Length Required',
           413: 'Content Too Large', 503: 'Service Unavailable'}
NEXT = """SELECT item, score, basis FROM gru4rec_recommend('rec',
    (SELECT state FROM live WHERE session_id = ? AND ts > unixepoch() - 1800), ?) WHERE exclude_seen = 1"""


class Refused(Exception):
    """The request's fault: status, what to do."""


class Service:
    def __init__(self, path, metrics):
        self.metrics = metrics
        self.routes = {('POST', '/click'): self.click, ('GET', '/next'): self.next, ('GET', '/metrics'): self.show}
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.enable_load_extension(True)
        self.db.load_extension(EXTENSION)
        self.db.executescript('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')     # see keep()
        self.version()

    def version(self):
        """The number of the active version, which is loaded now."""
        return self.db.execute("""SELECT c.value FROM rec_config AS c, gru4rec_recommend('rec', NULL, 1)
            WHERE c.key = 'version'""").fetchone()[0]

    def click(self, query, body):
        try:
            click = json.loads(body)
            visitor, item = click['visitor'], click['item']
        except (ValueError, TypeError, KeyError):
            raise Refused(400, 'the body must be {"visitor": ..., "item": ...}')
        if type(visitor) is not str or not visitor or type(item) not in (int, str):
            raise Refused(400, 'visitor must be a text, item a text or an integer')
        self.db.execute('INSERT INTO clicks(session_id, item_id, ts) VALUES (?, ?, ?)', (visitor, item, int(time.time())))
        return 204, ''

    def next(self, query, body):
        visitor, n = query.get('visitor', [''])[0], query.get('n', ['10'])[0]
        if not visitor or not n.isdecimal() or not 1 <= int(n) <= 100:
            raise Refused(400, 'wanted: /next?visitor=...&n=..., with n from 1 to 100')
        rows = self.db.execute(NEXT, (visitor, int(n))).fetchall()
        return 200, json.dumps({'visitor': visitor, 'basis': rows[0][2] if rows else None,
                                'items': [{'item': item, 'score': score} for item, score, _ in rows]})

    def show(self, query, body):
        return 200, self.metrics.text() + f'gru4rec_version {self.version()}\n'

    def answer(self, method, target, body):
        start, (path, _, query) = time.perf_counter(), target.partition('?')
        route = self.routes.get((method, path))
        try:
            if route is None:
                raise Refused(404, f'there is no {method} {path[:100]}')
            status, content = route(parse_qs(query), body)
        except (Refused, sqlite3.Error, OverflowError, UnicodeError) as error:
            status, message = error.args if isinstance(error, Refused) else (
                503 if isinstance(error, sqlite3.Error) else 400, str(error))
            content = json.dumps({'error': message})
        self.metrics.count(path if route else 'other', status, time.perf_counter() - start)
        return response(status, content)


def response(status, content):
    kind = 'application/json' if content.startswith('{') else 'text/plain; version=0.0.4'
    data = content.encode()
    return f'HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n'.encode() + data


class Connection(asyncio.Protocol):
    def __init__(self, service):
        self.service, self.data = service, b''

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b'\r\n\r\n') + 4) > 3:
            first, *lines = self.data[:end].decode('latin-1').split('\r\n')
            headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(':') for line in lines)}
            length = headers.get('content-length', '0')
            if len(first.split(' ')) != 3 or not length.isdecimal() or 'transfer-encoding' in headers:
                return self.refuse(411)
            behind = end + int(length)
            if behind > LIMIT:
                return self.refuse(413)
            if len(self.data) < behind:
                return
            self.transport.write(self.service.answer(*first.split(' ')[:2], self.data[end:behind]))
            self.data = self.data[behind:]
            if headers.get('connection', '').lower() == 'close':
                return self.transport.close()
        if len(self.data) > LIMIT:
            self.refuse(413)

    def refuse(self, status):
        self.transport.write(response(status, json.dumps({'error': REASONS[status]})))
        self.transport.close()


def work(path, port, metrics, parent):
    """One worker: serves until the other end of the pipe is closed, which the kernel does with the parent."""
    service, loop = Service(path, metrics), asyncio.new_event_loop()
    listening = socket.create_server(('', port), reuse_port=True, backlog=1024)     # the kernel deals out connections
    loop.run_until_complete(loop.create_server(lambda: Connection(service), sock=listening))
    loop.add_reader(parent, loop.stop)
    loop.run_forever()
    service.db.close()


def keep(path, parent):
    """Moves the clicks from the WAL into the database, so that no visitor waits for the disk; ends as work() does."""
    db, second = sqlite3.connect(path, isolation_level=None), 0
    while not select.select([parent], [], [], 1)[0]:
        second += 1
        db.execute('PRAGMA wal_checkpoint(PASSIVE)')
        if second % 60 == 0:
            db.execute('PRAGMA wal_checkpoint(TRUNCATE)')       # the rest, for which clicks wait a moment
    db.close()


def main(path, port='8000', workers=os.cpu_count()):
    socket.create_server(('', int(port))).close()       # fails where somebody else listens
    metrics, (reader, writer) = Metrics(int(workers)), os.pipe()

    def start(worker):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is for the parent
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(writer)
            metrics.worker = worker
            keep(path, reader) if worker == int(workers) else work(path, int(port), metrics, reader)
            os._exit(0)
        return pid

    children = {start(worker): worker for worker in range(int(workers) + 1)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            pid, status = os.wait()
            print(f'serve.py: process {pid} ended with status {status}; another one starts', file=sys.stderr)
            time.sleep(1)
            worker = children.pop(pid)
            children[start(worker)] = worker
    except KeyboardInterrupt:
        os.close(writer)
        for pid in children:
            os.waitpid(pid, 0)


if __name__ == '__main__':
    main(*sys.argv[1:])
