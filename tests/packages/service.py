"""service.py: examples/http as its users have it: what it answers, before the first training too, states that all workers know, a
new version without a restart, clients that send nothing or half, workers that die, and 500 requests a second without an
error. The last line is "N passed, N failed".
"""
import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(ROOT, 'tests', 'bench'))
import service as bench  # noqa: E402

n_passed = n_failed = 0


def check(is_ok, what):
    global n_passed, n_failed
    if is_ok:
        n_passed += 1
    else:
        n_failed += 1
        print('FAIL ', what)


def ask(port, method, path, body=None, headers={}):
    """The status and the answer, on a connection of its own: whichever worker takes it."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text) if text.startswith('{') else text


def click(port, visitor, item):
    return ask(port, 'POST', '/click', json.dumps({'visitor': visitor, 'item': item}))


def next_of(port, visitor, n=5):
    return ask(port, 'GET', f'/next?visitor={visitor}&n={n}')


def metric(port, name):
    for line in ask(port, 'GET', '/metrics')[1].splitlines():
        if line.startswith(name + ' '):
            return float(line.split()[1])
    return 0


def connect(path):
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    db.enable_load_extension(True)
    db.load_extension(os.environ.get('GRU4REC', ROOT + '/gru4rec'))
    return db


def test_answers(port, path):
    status, answer = next_of(port, 'nobody')
    check(status == 200 and answer['basis'] == 'popularity' and len(answer['items']) == 5, f'a new visitor: {answer}')
    items = [727196, 585078, 353823]
    for item in items:
        check(click(port, 'anna', item) == (204, ''), 'a click')
    db = connect(path)
    expected = [item for item, in db.execute(
        "SELECT item FROM gru4rec_recommend('rec', ?, 5) WHERE exclude_seen = 1", (json.dumps(items),))]
    for _ in range(8):          # whichever worker answers
        status, answer = next_of(port, 'anna')
        check(answer['basis'] == 'session' and [x['item'] for x in answer['items']] == expected, f'after three clicks: {answer}')
    check(db.execute("SELECT count(*) FROM clicks WHERE session_id = 'anna'").fetchone() == (3,), 'clicks are logged')
    check(click(port, 'anna', 'no such item')[0] == 204, 'an item that the model does not know')
    check(click(port, 'it\'s "ö"', 727196)[0] == 204 and next_of(port, 'it%27s%20%22%C3%B6%22')[1]['basis'] == 'session',
          'a visitor of any characters')
    db.close()


def test_refusals(port):
    for status, method, path, body, headers in (
            (400, 'POST', '/click', 'no JSON', {}), (400, 'POST', '/click', '[1]', {}), (400, 'POST', '/click', '{"visitor": "a"}', {}),
            (400, 'POST', '/click', '{"visitor": "", "item": 1}', {}), (400, 'POST', '/click', '{"visitor": "a", "item": 1.5}', {}),
            (400, 'POST', '/click', '{"visitor": "a", "item": true}', {}),
            (400, 'POST', '/click', json.dumps({'visitor': 'a', 'item': 1 << 70}), {}),
            (400, 'POST', '/click', '{"visitor": "\\ud800", "item": 1}', {}), (400, 'POST', '/click', b'\xff', {}),
            (400, 'POST', '/click', '[' * 60000, {}), (400, 'POST', '/click', '{"visitor": "a", "item": ' + '1' * 5000 + '}', {}),
            (400, 'GET', '/next?visitor=a&n=' + '1' * 5000, None, {}), (400, 'GET', '/next', None, {}), (400, 'GET', '/next?visitor=a&n=0', None, {}), (400, 'GET', '/next?visitor=a&n=x', None, {}),
            (404, 'GET', '/click', None, {}), (404, 'GET', '/', None, {}), (404, 'GET', '//[', None, {}), (501, 'DELETE', '/next', None, {}),
            (413, 'POST', '/click', 'x' * 100000, {}), (414, 'GET', '/' + 'x' * 100000, None, {}),
            (431, 'GET', '/next?visitor=a', None, {f'X-{i}': 'x' for i in range(200)}),
            (411, 'POST', '/click', '{}', {'Transfer-Encoding': 'chunked'}), (411, 'POST', '/click', None, {'Content-Length': '-1'})):
        try:
            found, answer = ask(port, method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError):     # the server does not read all that is too long
            found, answer = status if status in (413, 414) else None, 'error'
        check(found == status and 'error' in answer, f'{method} {path[:30]} {str(body)[:30]}: {found} {answer}')
    for status, request in (400, b'nonsense\r\n\r\n'), (400, b'GET /next?visitor=a&n=1 HTTP/x\r\n\r\n'), (505, b'GET / HTTP/2.0\r\n\r\n'):
        with socket.create_connection(('127.0.0.1', port), timeout=30) as client:
            client.sendall(request)
            answer = client.makefile('rb').read()
        check(answer.startswith(b'HTTP/1.1 %d ' % status) and b'{"error": ' in answer, f'{request}: {answer}')
    check(next_of(port, 'anna')[0] == 200, 'it goes on')


def test_keep_alive(port):
    """As a browser or a proxy: all on one connection, a refusal among them, and two requests at once."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    used = set()
    for status, method, path, body in (
            (204, 'POST', '/click', '{"visitor": "ben", "item": 727196}'), (200, 'GET', '/next?visitor=ben', None),
            (400, 'POST', '/click', '[]'), (200, 'GET', '/next?visitor=ben', 'a body that nobody reads'), (200, 'GET', '/metrics', None)):
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        used.add(connection.sock)
        check(answer.status == status, f'{method} {path} on a connection that stays: {answer.status}')
    check(len(used) == 1 and None not in used, 'one connection has served all')
    connection.close()
    with socket.create_connection(('127.0.0.1', port), timeout=30) as client:
        client.sendall(b'GET /next?visitor=ben HTTP/1.1\r\n\r\n' + b'GET /next?visitor=ben HTTP/1.1\r\nConnection: close\r\n\r\n')
        check(client.makefile('rb').read().count(b'"basis": "session"') == 2, 'two requests at once')


@contextlib.contextmanager
def bad_clients(port):
    """Some that say nothing, some that stop in a header or in a body, and some that have gone."""
    clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(60)]
    for client in clients[20:]:
        client.sendall(b'POST /click HTTP/1.1\r\nContent-Length: 40\r\n')
    for client in clients[30:]:
        client.sendall(b'\r\n{"visitor": "half", ')
    for client in clients[50:]:
        client.close()
    yield
    for client in clients:
        client.close()


def test_first_training():
    """A model without a version: bestsellers of the last clicks. The training of another process ends that."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'fresh.db')
        bench.make_shop(path, is_trained=False)
        db, port = connect(path), bench.free_port()
        process = subprocess.Popen([sys.executable, ROOT + '/examples/http/serve.py', path, str(port), '2'])
        check(wait_until(lambda: answers(port)), 'it serves without a version')
        for item in [727196] * 300 + [585078] * 200:
            db.execute("INSERT INTO clicks VALUES ('others', ?, unixepoch())", (item,))
        check(click(port, 'anna', 353823) == (204, ''), 'a click before the first training')
        status, answer = next_of(port, 'anna', 2)
        check(status == 200 and answer['basis'] == 'bestsellers' and [x['item'] for x in answer['items']] == [727196, 585078],
              f'before the first training: {answer}')
        check(metric(port, 'gru4rec_version') == 0, 'no version')
        db.execute("SELECT gru4rec_train('rec', 'n_epochs=1')").fetchone()
        check(next_of(port, 'anna')[1]['basis'] == 'popularity', 'after it the model serves')
        check(click(port, 'anna', 585078)[0] == 204 and next_of(port, 'anna')[1]['basis'] == 'session', 'with states')
        counts = db.execute("SELECT count(*), (SELECT count(*) FROM live_queue) FROM clicks WHERE session_id = 'anna'").fetchone()
        check(counts == (2, 0), f'both clicks are logged, none waits: {counts}')
        db.close()
        process.send_signal(signal.SIGINT)
        check(process.wait(20) == 0 and os.listdir(folder) == ['fresh.db'], f'Ctrl-C ends it cleanly: {os.listdir(folder)}')


def test_load(port, path):
    """Beside a training that becomes a new version."""
    before = metric(port, 'gru4rec_version'), metric(port, 'gru4rec_request_seconds_count')
    answers = []

    def train():
        db = connect(path)
        answers.append(db.execute("SELECT gru4rec_train('rec', 'n_epochs=1') ->> 'version'").fetchone()[0])
        db.close()
    trainer = threading.Thread(target=train)
    trainer.start()
    seconds = 4
    durations, errors = bench.load(port, path, bench.WANTED, seconds)
    trainer.join()
    n = bench.WANTED * seconds
    check(len(durations) == n and not errors, f'{bench.WANTED} requests a second: {len(errors)} errors {errors[:3]}')
    print(f'note: {bench.WANTED} requests a second beside a training: 99 % within {durations[int(.99 * len(durations))] * 1e3:.1f} ms')
    check(metric(port, 'gru4rec_version') == answers[0] == before[0] + 1, 'the new version serves')
    check(next_of(port, 'anna')[1]['basis'] == 'session', 'states go on over the change')
    check(metric(port, 'gru4rec_request_seconds_count') >= before[1] + n, 'all requests are counted, whichever worker had them')


def children_of(pid):
    return [int(x) for x in subprocess.run(['ps', '-o', 'pid=', '--ppid', str(pid)], capture_output=True, text=True).stdout.split()]


def answers(port):
    try:
        return next_of(port, 'anna')[0] == 200
    except OSError:
        return False


def runs(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(.1)
    return condition()


def test_death(port, process):
    victim = children_of(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    check(wait_until(lambda: victim not in children_of(process.pid) and len(children_of(process.pid)) == 2),
          'a worker that died is started again')
    check(all(next_of(port, 'anna')[1]['basis'] == 'session' for _ in range(8)), 'it knows the visitors')
    children = children_of(process.pid)
    process.kill()
    process.wait()
    check(wait_until(lambda: not any(map(runs, children))), 'workers end with their parent')


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'shop.db')
        bench.make_shop(path)
        with bench.server(path, 2) as port:
            test_refusals(port)
            test_keep_alive(port)
            with bad_clients(port):
                test_answers(port, path)
                test_load(port, path)
        port = bench.free_port()
        process = subprocess.Popen([sys.executable, ROOT + '/examples/http/serve.py', path, str(port), '2'],
                                   stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(port))
        test_death(port, process)
    test_first_training()
    print(f'{n_passed} passed, {n_failed} failed')
    return n_failed > 0


if __name__ == '__main__':
    sys.exit(main())
