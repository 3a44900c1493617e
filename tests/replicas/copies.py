"""copies.py EXTENSION: copies are published again and again while threads of several processes read by the link: no call
fails, each answer is that of one version, whole, and no answer is older than the one before it."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.dirname(__file__) + '/../..')
EXAMPLES = ROOT + '/examples/replicas'
sys.path.insert(0, ROOT + '/tests/relational')
from checks import check, finish  # noqa: E402

EXTENSION = os.path.abspath(sys.argv[1])
N_VERSIONS, N_PROCESSES, N_THREADS = 8, 2, 2
TOP = "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1002]', 20)"


def connect(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def make_shop(path):
    db = connect(path)
    db.execute('PRAGMA journal_mode = wal')
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute('WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3999) '
               'INSERT INTO clicks SELECT i / 5, 1000 + (i * 7 + i / 5 * 3) % 200, i FROM n')
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_epochs=1, threads=1)')
    return db


READER = '''
import sys, threading, json
sys.path.insert(0, sys.argv[1])
from serve import Copy
is_over = threading.Event()

def read(answers):
    copy = Copy(sys.argv[2], sys.argv[3])
    try:
        while not is_over.is_set():
            db = copy.open()
            version = db.execute("SELECT value FROM rec_config WHERE key = 'version'").fetchone()[0]
            rows = db.execute(sys.argv[4]).fetchall()
            if not answers or answers[-1] != [version, rows]:
                answers.append([version, rows])
    except Exception as e:
        answers.append(repr(e))

all_answers = [[] for _ in range(int(sys.argv[5]))]
threads = [threading.Thread(target=read, args=(answers,)) for answers in all_answers]
for thread in threads:
    thread.start()
print('ready', flush=True)
sys.stdin.read()
is_over.set()
for thread in threads:
    thread.join()
print(json.dumps(all_answers))
'''


def publish(directory, how, *arguments):
    done = subprocess.run([sys.executable, EXAMPLES + '/publish.py', *arguments], cwd=directory, text=True,
                          env={**os.environ, 'GRU4REC': EXTENSION}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(f'publish.py {how}', done.returncode == 0, done.stdout)
    return done.stdout.strip()


def main(directory):
    db = make_shop(directory + '/shop.db')
    expected, processes = {}, []
    for version in range(1, N_VERSIONS + 1):
        db.execute("SELECT gru4rec_train('rec', ?)", (f'seed={version}',)).fetchall()
        expected[version] = [list(row) for row in db.execute(TOP)]
        if version % 2:
            path = publish(directory, version, 'shop.db', 'live')
        else:       # as a tool that restores would hand it over: a file of its own, in WAL mode
            copy = sqlite3.connect(directory + '/restored')
            db.backup(copy)
            copy.close()
            path = publish(directory, version, '--whole', 'restored', 'live')
        check(f'{version}: the link names the copy', os.path.realpath(directory + '/live') == os.path.realpath(path))
        check(f'{version}: nobody may write it', os.stat(path).st_mode & 0o222 == 0)
        while len(processes) < N_PROCESSES:
            process = subprocess.Popen([sys.executable, '-c', READER, EXAMPLES, directory + '/live', EXTENSION, TOP, str(N_THREADS)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdout.readline()
            processes.append(process)
        time.sleep(0.3)
    names = sorted(os.listdir(directory))
    check('two copies stay, with nothing beside them', len([n for n in names if n.startswith('live')]) == 3, names)
    db.execute("UPDATE rec_tensor SET data = zeroblob(length(data))")
    done = subprocess.run([sys.executable, EXAMPLES + '/publish.py', 'shop.db', 'live'], cwd=directory, text=True,
                          env={**os.environ, 'GRU4REC': EXTENSION}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check('a damaged model is not published', done.returncode == 1 and 'the copy is not published: gru4rec: ' in done.stdout,
          done.stdout)
    check('and leaves no file', sorted(os.listdir(directory)) == names, os.listdir(directory))
    for process in processes:
        all_answers = json.loads(process.communicate('')[0])
        for answers in all_answers:
            errors = [a for a in answers if isinstance(a, str)]
            versions = [a[0] for a in answers if not isinstance(a, str)]
            check('no call failed', not errors, errors)
            check('each answer is that of a version', all(expected.get(a[0]) == a[1] for a in answers if a not in errors), versions)
            check('versions only grow, and the last one came', versions == sorted(versions) and versions[-1] == N_VERSIONS and
                  len(versions) > N_VERSIONS // 2, versions)


directory = tempfile.mkdtemp(prefix='gru4rec copies%3f?#')     # a name that a URI must escape
try:
    main(directory)
finally:
    shutil.rmtree(directory)
finish()
