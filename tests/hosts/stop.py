"""stop.py EXTENSION DATABASE MODULE: Ctrl-C in Python, with sqlite3 or apsw, while a training runs.

A child trains; with the progress handler of docs/operations.md it stops within a second of SIGINT, and the version before
goes on serving. Without one it would not: that it is needed is measured too.
"""
import importlib
import signal
import subprocess
import sys
import time

EXTENSION, PATH, NAME = sys.argv[1:4]
driver = importlib.import_module(NAME)


def connect():
    if NAME == 'apsw':
        db = driver.Connection(PATH)
        db.setbusytimeout(5000)
        db.enableloadextension(True)
        db.loadextension(EXTENSION)
        return db
    db = driver.connect(PATH, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def rows(db, sql):
    return list(db.cursor().execute(sql))


def child(has_handler):
    db = connect()
    if has_handler:
        if NAME == 'apsw':
            db.setprogresshandler(lambda: 0, 1000)
        else:
            db.set_progress_handler(lambda: 0, 1000)
    try:
        rows(db, "SELECT gru4rec_train('rec', 'n_epochs=100000')")
    except BaseException as error:
        print(type(error).__name__, error)


def interrupted(has_handler, limit):
    """How long after SIGINT the child ended, None: not within the limit; and what it said."""
    last = rows(db, 'SELECT max(version) FROM rec_version')[0][0]
    epochs = f'SELECT 1 FROM rec_epoch WHERE version > {last}'
    popen = subprocess.Popen([sys.executable, *sys.argv, 'handler' if has_handler else 'plain'],
                             stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and not rows(db, epochs):
            time.sleep(0.02)
        assert rows(db, epochs), 'the child does not train'
        start = time.monotonic()
        popen.send_signal(signal.SIGINT)
        output = popen.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        return None, ''
    finally:
        popen.kill()  # whatever happens, it does not train on
        popen.communicate()
    return time.monotonic() - start, output


if len(sys.argv) > 4:
    child(sys.argv[4] == 'handler')
    sys.exit()

db = connect()
rows(db, 'CREATE TABLE clicks(session_id, item_id, ts)')
rows(db, 'WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 8000) '
         'INSERT INTO clicks SELECT i / 8, (i / 8 * 7 + i % 8) % 200, i FROM c')
rows(db, "SELECT gru4rec_train('rec', 'clicks', 'layers=32,n_sample=64,n_epochs=1')")
best = "SELECT item, score FROM gru4rec_recommend('rec', 5, 10)"
before = rows(db, best)
seconds, output = interrupted(True, 10)
print(f'with the handler: {seconds} s after SIGINT: {output.strip()}')
assert seconds is not None and seconds < 1, 'it did not stop'
assert 'interrupted' in output or 'KeyboardInterrupt' in output, output
assert rows(db, best) == before, 'another version serves'
status = rows(db, "SELECT value ->> 'status' FROM json_each(gru4rec_info('rec'), '$.versions')")[-1][0]
assert status in ('interrupted', 'killed'), status
seconds, output = interrupted(False, 2)
print(f'without: {seconds} s after SIGINT: {output.strip()}')
assert seconds is None, 'it stopped without a handler: docs/operations.md says that it does not'
assert rows(db, best) == before, 'another version serves'
db.close()
