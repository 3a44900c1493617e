"""serve.py DATABASE [PORT [WORKERS]]: takes clicks and recommends, over HTTP.

    POST /click  {"visitor": "anna", "item": 727196}    logs the click, and takes the visitor's state one step on
    GET /next?visitor=anna&n=5                          what comes next for the visitor; for one without clicks, what is popular
    GET /metrics                                        counts and durations of all workers, as Prometheus reads them
"""
import http.server
import json
import os
import signal
import socketserver
import sqlite3
import sys
import threading
import time
from multiprocessing import get_context, parent_process
from urllib.parse import parse_qs

from metrics import Metrics

NEXT = """SELECT item, score, basis FROM gru4rec_recommend('rec',
    (SELECT state FROM live WHERE session_id = ? AND ts > unixepoch() - 1800), ?) WHERE exclude_seen = 1"""
BESTSELLERS = """SELECT item_id, count(*), 'bestsellers' FROM
    (SELECT item_id FROM clicks WHERE session_id <> ? ORDER BY rowid DESC LIMIT 1000) GROUP BY item_id ORDER BY 2 DESC LIMIT ?"""
WANTED = 'wanted: POST /click {"visitor": text, "item": text or integer}, or GET /next?visitor=text&n=1 to 100'


class Handler(http.server.BaseHTTPRequestHandler):      # a thread for each client; a worker's threads use its db in turn
    protocol_version = default_request_version = 'HTTP/1.1'
    error_content_type, error_message_format = 'application/json', '{"error": "%(explain)s"}'
    timeout, disable_nagle_algorithm, log_message = 75, True, lambda *_: None       # the proxy has a log

    def version(self):      # 0 before the first training
        return self.server.db.execute("SELECT ifnull(max(value), 0) FROM rec_config WHERE key = 'version'").fetchone()[0]

    def click(self, query, body):
        click = json.loads(body)
        visitor, item = click['visitor'], click['item']
        if type(visitor) is not str or not visitor or type(item) not in (int, str):
            raise ValueError
        with self.server.db as db:      # a transaction; its second statement is that of sql/live_queue.sql
            db.execute('INSERT INTO clicks(session_id, item_id, ts) VALUES (?, ?, ?)', (visitor, item, int(time.time())))
            db.execute('DELETE FROM ' + ('live_due' if self.version() else 'live_queue'))
        return 204, ''

    def next(self, query, body):
        visitor, n = query['visitor'][0], int(query.get('n', ['10'])[0])
        if not 1 <= n <= 100:
            raise ValueError
        rows = self.server.db.execute(NEXT if self.version() else BESTSELLERS, (visitor, n)).fetchall()
        return 200, json.dumps({'visitor': visitor, 'basis': rows[0][2] if rows else None,
                                'items': [{'item': item, 'score': score} for item, score, _ in rows]})

    def show(self, query, body):
        return 200, self.server.metrics.text() + f'gru4rec_version {self.version()}\n'

    def do_GET(self):
        path, _, query = self.path.partition('?')
        route = {'POST /click': self.click, 'GET /next': self.next, 'GET /metrics': self.show}.get(f'{self.command} {path}')
        length = self.headers.get('Content-Length', '0')
        if not route:
            return self.send_error(404)
        if 'Transfer-Encoding' in self.headers or not length.isdecimal():
            return self.send_error(411)
        if len(length) > 5:     # 100,000 bytes
            return self.send_error(413)
        body, start = self.rfile.read(int(length)), time.perf_counter()
        with self.server.lock:
            try:
                status, text = route(parse_qs(query), body)
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                status, text = 400, json.dumps({'error': WANTED})
            except sqlite3.Error as error:
                status, text = 503, json.dumps({'error': str(error)})
            self.server.metrics.count(path, status, time.perf_counter() - start)
        self.send_response(status)
        if text:
            self.send_header('Content-Type', 'application/json' if text[0] == '{' else 'text/plain; version=0.0.4')
            self.send_header('Content-Length', str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
    do_POST = do_GET


class Server(socketserver.ThreadingTCPServer):      # its socket is that of all workers, which are processes
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 1024

    def work(self, path, metrics):
        signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is for the parent, which then sends SIGTERM
        self.metrics, self.lock, self.db = metrics, threading.Lock(), sqlite3.connect(path, check_same_thread=False)
        self.db.enable_load_extension(True)
        self.db.load_extension(os.environ.get('GRU4REC', sys.path[0] + '/../../gru4rec'))
        self.db.execute('PRAGMA synchronous = NORMAL')
        threading.Thread(target=self.serve_forever, daemon=True).start()
        try:
            parent_process().join()     # until the parent is killed, or SIGTERM comes
        finally:
            with self.lock:
                self.db.close()

    def handle_error(self, *request):
        if not isinstance(sys.exc_info()[1], ConnectionError):      # the client has gone
            super().handle_error(*request)


def main(path, port='8000', workers=os.cpu_count()):
    server, metrics, processes = Server(('', int(port)), Handler), Metrics(int(workers)), {}
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: sys.exit())        # which ends the workers
    while True:
        for worker in range(int(workers)):
            if worker not in processes or not processes[worker].is_alive():
                print(f'serve.py: worker {worker} starts', file=sys.stderr)
                processes[worker] = get_context('fork').Process(target=server.work, args=(path, metrics.of(worker)), daemon=True)
                processes[worker].start()
        time.sleep(1)


if __name__ == '__main__':
    main(*sys.argv[1:])
