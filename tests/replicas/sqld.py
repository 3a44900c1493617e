"""sqld.py EXTENSION SQLD PORT: a primary of sqld trains while clients ask its replica without a pause. No call fails, each
answer is that of one version, whole, and no answer is older than the one before it. What a replica refuses leaves it
equal to the primary, also after it was killed and started again."""
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
sys.path[:0] = [ROOT + '/examples/replicas', ROOT + '/tests/relational']
from checks import check, finish  # noqa: E402
from query import query, until  # noqa: E402

EXTENSION, SQLD, PORT = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3])
PRIMARY, REPLICA = (f'http://127.0.0.1:{PORT + i}' for i in range(2))
N_VERSIONS = 4
TOP = "SELECT item, score FROM gru4rec_recommend('rec', '[1001, 1002]', 20)"
# One statement, so that the version and the rows are of one state of the replica. The last column says whose process it is.
ANSWER = """SELECT (SELECT value FROM rec_config WHERE key = 'version'),
(SELECT json_group_array(json_array(item, hex(score), typeof(score))) FROM gru4rec_recommend('rec', '[1001, 1002]', 20)),
gru4rec_info() ->> 'readonly'"""
REFUSED = ("SELECT gru4rec_train('rec')", "SELECT gru4rec_train('made', 'clicks', 'n_epochs=1')", "SELECT gru4rec_tune('rec')",
           "SELECT gru4rec_deploy('rec', 'previous')", "SELECT gru4rec_configure('rec', 'n_epochs=3')",
           "SELECT gru4rec_import('rec', gru4rec_export('rec'))", "SELECT 1 WHERE gru4rec_deploy('rec', 1) > 0",
           "VALUES (gru4rec_train('rec'))")


def error(url, sql):
    try:
        query(url, sql)
    except RuntimeError as e:
        return str(e)
    return ''


class Server:
    def __init__(self, directory, name, *options, **environment):
        self.popen = subprocess.Popen(
            [SQLD, '--no-welcome', '--extensions-path', 'extensions', '--db-path', name, *options], cwd=directory,
            env={**os.environ, **environment}, stdout=open(f'{directory}/{name}.log', 'a'), stderr=subprocess.STDOUT)

    def kill(self):
        self.popen.kill()
        self.popen.wait()


class Client(threading.Thread):
    """Asks the replica without a pause, and keeps each answer that differs from the one before it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.answers, self.errors, self.n, self.is_over = [], [], 0, False
        self.start()

    def run(self):
        while not self.is_over:
            try:
                answer = query(REPLICA, ANSWER)[0]
            except Exception as e:
                self.errors.append(repr(e))
                time.sleep(0.05)
                continue
            self.n += 1
            if not self.answers or self.answers[-1] != answer:
                self.answers.append(answer)


def prepare(directory):
    os.makedirs(directory + '/extensions')
    shutil.copy(EXTENSION, directory + '/extensions/gru4rec.so')
    lines = subprocess.run(['sha256sum', 'gru4rec.so'], cwd=directory + '/extensions', stdout=subprocess.PIPE, check=True).stdout
    with open(directory + '/extensions/trusted.lst', 'wb') as file:
        file.write(lines)
    os.makedirs(directory + '/primary/dbs/default')
    db = sqlite3.connect(directory + '/primary/dbs/default/data', isolation_level=None)
    db.execute('PRAGMA journal_mode = wal')
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    db.execute('WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999) '
               'INSERT INTO clicks SELECT i / 5, 1000 + (i * 7 + i / 5 * 3) % 500, i FROM n')
    db.close()


def replica(directory):
    return Server(directory, 'replica', '--http-listen-addr', f'127.0.0.1:{PORT + 1}', '--primary-grpc-url',
                  f'http://127.0.0.1:{PORT + 2}', GRU4REC_READONLY='1')


def are_equal():
    """Do both have the same model? All rows of its tables that are not weights, and the checksums of those."""
    sqls = ['SELECT * FROM rec_config ORDER BY key', 'SELECT * FROM rec_version ORDER BY version',
            'SELECT version, name, chunk, checksum, length(data) FROM rec_tensor ORDER BY id',
            "SELECT gru4rec_check('rec')", 'SELECT count(*), max(rowid) FROM clicks', TOP,
            'SELECT type, name, sql FROM sqlite_schema ORDER BY name']
    return [sql for sql in sqls if query(PRIMARY, sql) != query(REPLICA, sql)]


def main(directory, servers):
    prepare(directory)
    servers.append(Server(directory, 'primary', '--http-listen-addr', f'127.0.0.1:{PORT}', '--grpc-listen-addr',
                          f'127.0.0.1:{PORT + 2}'))
    until('1', PRIMARY, 'SELECT 1')
    servers.append(replica(directory))
    query(PRIMARY, 'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32, n_epochs=1)')
    query(PRIMARY, "SELECT gru4rec_train('rec', 'seed=1')")
    expected = {1: query(PRIMARY, ANSWER)[0][:2]}
    until('1', REPLICA, "SELECT value FROM rec_config WHERE key = 'version' AND gru4rec_info() ->> 'readonly'")

    clients = [Client() for _ in range(2)]
    for version in range(2, N_VERSIONS + 1):
        query(PRIMARY, f"SELECT gru4rec_train('rec', 'seed={version}')")
        expected[version] = query(PRIMARY, ANSWER)[0][:2]
        for sql in REFUSED:
            message = error(REPLICA, sql)
            check(f'{sql} is refused', ' writes, which GRU4REC_READONLY=1 in the environment of this process refuses' in message,
                  message)
        until(str(version), REPLICA, "SELECT value FROM rec_config WHERE key = 'version'")
        check(f'{version}: the replica is equal', not are_equal(), are_equal())
    for client in clients:
        client.is_over = True
        client.join()
        versions = [answer[0] for answer in client.answers]
        check('no call failed', not client.errors and client.n > 20, (client.n, client.errors[:3]))
        check('each answer is that of a version', all(expected[a[0]] == a[:2] for a in client.answers), versions)
        check('the replica gives it', all(a[2] == 1 for a in client.answers))
        check('versions only grow', versions == sorted(set(versions)) and versions[-1] == N_VERSIONS, versions)

    servers.pop().kill()
    query(PRIMARY, "SELECT gru4rec_deploy('rec', 'previous')")
    servers.append(replica(directory))
    until(str(N_VERSIONS - 1), REPLICA, "SELECT value FROM rec_config WHERE key = 'version' AND gru4rec_info() ->> 'readonly'")
    check('a replica that was killed catches up', not are_equal(), are_equal())
    # what SQLite knows as a write goes to the primary, which may write
    query(REPLICA, 'ALTER TABLE rec RENAME TO other')
    query(REPLICA, 'ALTER TABLE other RENAME TO rec')
    query(REPLICA, 'CREATE VIRTUAL TABLE made USING gru4rec(clicks)')
    until('1', REPLICA, "SELECT count(*) FROM sqlite_schema WHERE name = 'made_config'")
    query(REPLICA, 'DROP TABLE made')
    until('0', REPLICA, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'made%'")
    check('statements that write run on the primary', not are_equal(), are_equal())


directory = tempfile.mkdtemp(prefix='gru4rec-sqld-')
servers = []
try:
    main(directory, servers)
except Exception as e:
    check('the test ends', False, repr(e))
    for name in 'primary', 'replica':
        print(open(f'{directory}/{name}.log').read()[-2000:])
finally:
    for server in servers:
        server.kill()
    shutil.rmtree(directory)
finish()
