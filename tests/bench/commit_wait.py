"""commit_wait.py EXTENSION ITEMS EVENTS: how long the commit of a training keeps another connection waiting, in WAL mode.

A process trains on random clicks, one epoch with the defaults on one thread. Meanwhile this one inserts a row every 5 ms,
and measures how long each takes.
"""
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time


def main(extension, n_items, n_events):
    rng, seconds = random.Random(1), []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'shop.db')
        db = sqlite3.connect(path, isolation_level=None, timeout=60)
        db.execute('PRAGMA journal_mode = WAL')
        db.execute('PRAGMA synchronous = NORMAL')
        db.execute('CREATE TABLE clicks(session_id INTEGER, item_id INTEGER, ts INTEGER)')
        db.execute('CREATE TABLE log(x)')
        db.execute('BEGIN')
        db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', (
            (i // 4, i if i < n_items else int(n_items * rng.random() ** 3), 1700000000 + i) for i in range(n_events)))
        db.execute('COMMIT')
        db.enable_load_extension(True)
        db.load_extension(extension)
        db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, n_epochs=1, threads=1)')
        training = subprocess.Popen(['sqlite3', '-bail', '-cmd', '.timeout 60000', '-cmd', f'.load {extension}', path,
                                     "SELECT gru4rec_train('rec')"], stdout=subprocess.DEVNULL)
        while training.poll() is None:
            start = time.perf_counter()
            db.execute('INSERT INTO log VALUES (1)')
            seconds.append(time.perf_counter() - start)
            time.sleep(.005)
        size, = db.execute('SELECT (SELECT sum(length(data)) FROM rec_tensor) + (SELECT sum(length(data)) FROM rec_blend)').fetchone()
        db.close()
    seconds.sort()
    print(f'{len(seconds)} inserts: 99 % within {1e3 * seconds[int(.99 * len(seconds))]:.1f} ms, '
          f'the slowest {1e3 * seconds[-1]:.0f} ms; the version has {size / 1e6:.1f} MB')
    return training.returncode


if __name__ == '__main__':
    sys.exit(main(os.path.abspath(sys.argv[1]), *map(int, sys.argv[2:])))
