"""common.py - what the scripts of tests/life share: a small shop, checks, other processes.

    /usr/bin/python3 tests/life/X.py [path of gru4rec.so]

Run as a program itself it is such another process: it does SQL that comes on its standard input.
"""
import array
import faulthandler
import itertools
import json
import os
import random
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
EXTENSION = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else HERE + '/../../gru4rec.so')
QUICK = os.environ.get('GRU4REC_QUICK') == '1'
LIMIT = 900  # seconds for a script or one of its processes: then it has hung; much, as others may use the machine
JOURNALS = 'delete', 'wal'
SOME = JOURNALS[:1] if QUICK else JOURNALS  # where the mode matters less
KEPT = 'the trained model stays with this connection'  # an error that says that nothing is lost
HISTORIES = '[1001, 1008, 1057]', '[1200]', '[1003, 1022, 1155, 1086, 1003]'

faulthandler.enable()
faulthandler.dump_traceback_later(LIMIT, exit=True)


# ---- checks ----

passed = failed = 0


def check(what, is_ok, detail=''):
    global passed, failed
    if is_ok:
        passed += 1
    else:
        failed += 1
        print(f'FAIL  {what}  {detail}', flush=True)


def run(test, *arguments):
    """A test gets a directory of its own; an exception is a failure."""
    directory = tempfile.mkdtemp(prefix='gru4rec-life-')
    start = time.monotonic()
    try:
        test(directory, *arguments)
    except Exception:
        check(f'{test.__name__} {arguments} ends', False, '\n' + traceback.format_exc())
    finally:
        for process in list(processes):
            process.kill()
        shutil.rmtree(directory, ignore_errors=True)
    if os.environ.get('GRU4REC_TIMES'):
        print(f'{time.monotonic() - start:6.1f} s  {test.__name__} {arguments}', flush=True)


def finish():
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)


# ---- checksums ----

def checksum(name, chunk, data):
    """The checksum of a chunk of m_tensor (name: the tensor) or of m_blend ('blend'), as ext_sum.c makes it."""
    prime, mask = 0x100000001b3, (1 << 64) - 1
    words = array.array('I', data[:len(data) // 4 * 4])
    total = len(words) * prime & mask ^ chunk
    for byte in name.encode():
        total = (total ^ byte) * prime & mask
    for lane in range(4):
        of_lane = words[lane::4]
        a = lane + 1 + sum(of_lane)
        b = (lane + 1) * len(of_lane) + sum(itertools.accumulate(of_lane))
        total = ((total * prime ^ a & mask) * prime & mask) ^ b & mask
    return total - (1 << 64) if total >> 63 else total


# ---- databases ----

def load(db):
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)


def connect(path, timeout=10.0, is_loaded=True, **options):
    db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False,
                         cached_statements=0, **options)
    if is_loaded:
        load(db)
    return db


def value(db, sql, *arguments):
    return db.execute(sql, arguments).fetchone()[0]


def error(db, sql, *arguments):
    """The message of the error that a statement gives; '' when it gives none."""
    try:
        db.execute(sql, arguments).fetchall()
    except sqlite3.Error as e:
        return str(e)
    return ''


def clicks(n_sessions=1500, n_items=300, n_clicks=8, seed=1):
    """Sessions that mostly walk along a fixed path through the items 1000, 1001, ..."""
    rng = random.Random(seed)
    for session in range(n_sessions):
        item = rng.randrange(n_items)
        for t in range(n_clicks):
            yield session, 1000 + item, session * n_clicks + t
            item = (item * 7 + rng.choice((1, 1, 2, 5))) % n_items


def make_shop(path, journal='delete', rows=None, options='layers=32, n_sample=64'):
    """A database with events and an untrained model rec. An epoch takes about 20 ms."""
    db = connect(path)
    db.execute(f'PRAGMA journal_mode = {journal}')
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute('CREATE TABLE notes(x)')
    db.execute('BEGIN')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', rows or clicks())
    db.execute('COMMIT')
    db.execute('CREATE INDEX clicks_session ON clicks(session)')
    db.execute(f'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, {options})')
    return db


def train(db, options='n_epochs=3', model='rec'):
    return json.loads(value(db, 'SELECT gru4rec_train(?, ?)', model, options))


def ranking(db, model='rec', is_relation=True):
    """What the model says: whole rankings with scores, and the first items of every session."""
    rows = []
    for history in HISTORIES:
        rows += db.execute('SELECT rank, item, score FROM gru4rec_recommend(?, ?)',
                           (model, history)).fetchall()
    if is_relation:
        schema, _, name = model.rpartition('.')
        table = f'{schema}.{name}' if schema else name
        rows += db.execute(f'SELECT session, rank, item, score FROM {table} '
                           'WHERE session < 50 AND rank <= 5').fetchall()
    return rows


def status(db, version, model='rec'):
    """A version's status as gru4rec_info() tells it; None when it has none."""
    card = json.loads(value(db, 'SELECT gru4rec_info(?)', model))
    return {v['version']: v['status'] for v in card['versions']}.get(version)


def runs(db, model='rec'):
    """What gru4rec_status() says, newest first. db: a connection, or a Process with one."""
    sql = ('SELECT version, status, active, epoch, n_epochs, progress, seconds_left, message FROM '
           'gru4rec_status(?)')
    columns = 'version', 'status', 'active', 'epoch', 'n_epochs', 'progress', 'left', 'message'
    found = db.do(sql, model) if isinstance(db, Process) else db.execute(sql, (model,)).fetchall()
    return [dict(zip(columns, row)) for row in found]


def newest(db, model='rec'):
    return runs(db, model)[0]


def wait_run(db, is_it, limit=20):
    """The newest row, once it is so; after limit seconds whatever it is."""
    end = time.monotonic() + limit
    while True:
        row = (runs(db) or [{}])[0]
        if row and is_it(row) or time.monotonic() > end:
            return row
        time.sleep(0.01)


def is_training(row):
    return row['status'] == 'training'


def active(db):
    return value(db, "SELECT value FROM rec_config WHERE key = 'version'")


def is_whole(db, model='rec'):
    return (value(db, 'PRAGMA integrity_check') == 'ok' and
            value(db, 'SELECT gru4rec_check(?)', model) == 'ok')


def wait_for(db, sql, limit=10):
    """Until the query gives something true; False after limit seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        row = db.execute(sql).fetchone()
        if row and row[0]:
            return True
        time.sleep(0.002)
    return False


def wait_training(db):
    return wait_for(db, "SELECT count(*) FROM rec_version WHERE status = 'training'")


def wait_epoch(db):
    """Until the training that runs has shown its first epoch."""
    return wait_for(db, "SELECT count(*) FROM rec_epoch JOIN rec_version USING (version) "
                        "WHERE status = 'training'")


# ---- other processes and threads ----

processes = set()


class Process:
    """Another process with a connection of its own. send() starts SQL, receive() waits for it."""

    def __init__(self, path, timeout=10.0):
        self.popen = subprocess.Popen(
            [sys.executable, HERE + '/common.py', EXTENSION, path, str(timeout)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.add(self)
        self.pid = self.popen.pid
        assert self.popen.stdout.readline() == 'ready\n'

    def send(self, sql, *arguments):
        self.popen.stdin.write(json.dumps([sql, arguments]) + '\n')
        self.popen.stdin.flush()

    def is_done(self):
        """Would receive() return at once?"""
        return bool(select.select([self.popen.stdout], [], [], 0)[0])

    def receive(self):
        """Rows; self.end is when they were there, on time.monotonic()'s clock."""
        answer = json.loads(self.popen.stdout.readline())
        self.end, self.seconds = answer['end'], answer['seconds']
        if answer['error']:
            raise sqlite3.OperationalError(answer['error'])
        return answer['rows']

    def do(self, sql, *arguments):
        self.send(sql, *arguments)
        return self.receive()

    def error(self, sql, *arguments):
        try:
            self.do(sql, *arguments)
        except sqlite3.Error as e:
            return str(e)
        return ''

    def train(self, options):
        self.send("SELECT gru4rec_train('rec', ?)", options)

    def summary(self):
        return json.loads(self.receive()[0][0])

    def kill(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()
        processes.discard(self)


class Thread(threading.Thread):
    """A thread whose result or exception join() hands on."""

    def __init__(self, call, *arguments):
        super().__init__(daemon=True)
        self.call, self.arguments = call, arguments
        self.result = self.exception = None
        self.start()

    def run(self):
        try:
            self.result = self.call(*self.arguments)
        except Exception as e:
            self.exception = e
        self.end = time.monotonic()

    def join(self):
        super().join(LIMIT)
        if self.exception:
            raise self.exception
        return self.result


def shell(path, script):
    """The sqlite3 shell's output; what went wrong is in it."""
    done = subprocess.run(['sqlite3', '-batch', path], input=f'.load {EXTENSION}\n{script}',
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    return done.stdout


def serve_stdin():
    db = connect(sys.argv[2], float(sys.argv[3]), uri=sys.argv[2].startswith('file:'))
    print('ready', flush=True)
    for line in sys.stdin:
        sql, arguments = json.loads(line)
        rows, message = [], ''
        start = time.monotonic()
        try:
            rows = db.execute(sql, arguments).fetchall()
        except sqlite3.Error as e:
            message = str(e) or 'error'
        end = time.monotonic()
        answer = {'rows': rows, 'error': message, 'end': end, 'seconds': end - start}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:
            os._exit(0)  # nobody waits for it


if __name__ == '__main__':
    serve_stdin()
