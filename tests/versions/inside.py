"""inside.py FILE KIND OTHER: a gru4rec.so that brings its own products (KIND static or builtin), in one process with
numpy, with a copy of itself, and with OTHER, a gru4rec.so that links the system's OpenBLAS.

Each case is a process of its own, which must end well. It trains, and prints what the weights are and what it found;
a training alone says what they must be. PICKS is a library that makes OpenBLAS pick bad kernels (tests/life/blas_core.c).
"""
import ctypes
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

FILE, KIND, OTHER = os.path.abspath(sys.argv[1]), sys.argv[2], os.path.abspath(sys.argv[3])
SETUP = '''CREATE TABLE clicks AS WITH n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 5999)
SELECT i / 5 AS session, 1000 + i * i % 211 AS item, i AS ts FROM n;
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=96, n_sample=512, n_epochs=2, batch_size=48, seed=3);'''


def train(path, threads=1):
    """A hash of the weights, and the connection, still open."""
    db = sqlite3.connect(':memory:', check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(path)
    db.executescript(SETUP)
    db.execute("SELECT gru4rec_train('rec', ?)", ('threads=%d' % threads,)).fetchone()
    rows = db.execute("SELECT item, gru4rec_embedding('rec', item) FROM (SELECT DISTINCT item FROM clicks) ORDER BY 1")
    return hashlib.sha256(repr(rows.fetchall()).encode()).hexdigest(), db


def info(db):
    return json.loads(db.execute('SELECT gru4rec_info()').fetchone()[0])


def environment():
    """Where the C library keeps the environment, and what is in it."""
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
    entries, i = [], 0
    while environ[i] is not None:
        entries.append(environ[i])
        i += 1
    return ctypes.cast(environ, ctypes.c_void_p).value, entries


def count_threads():
    return len(os.listdir('/proc/self/task'))


# ---- the cases: each gives what it found, beside the weights ----

def alone():
    before, n_before = environment(), count_threads()
    weights, db = train(FILE)
    facts = info(db)
    db.close()
    return {'weights': [weights], 'environment': environment() == before, 'threads': count_threads() - n_before,
            'core': facts['blas_core'], 'reason': facts['blas_core_reason'], 'blas': facts['blas']}


def several_threads():
    return {'weights': [train(FILE, 2)[0], train(FILE, 3)[0]]}


def at_once(jobs):
    """Runs the jobs in threads, again and again until each has run three times; their results."""
    results = [[] for _ in jobs]

    def repeat(i):
        for _ in range(3):
            results[i].append(jobs[i]())
    threads = [threading.Thread(target=repeat, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def beside_numpy():
    import numpy
    a = numpy.random.default_rng(1).random((600, 500), dtype=numpy.float32)
    wanted, before = a @ a.T, environment()

    def multiply():
        return all(bool((a @ a.T == wanted).all()) for _ in range(60))
    trained, products = at_once([lambda: train(FILE)[0], multiply])
    return {'weights': trained, 'products': all(products) and len(products) == 3, 'environment': environment() == before,
            'near': float(abs(wanted - a.astype('float64') @ a.T.astype('float64')).max()) < 1e-2}


def beside_copy():
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(FILE, folder + '/copy.so')
        return {'weights': sum(at_once([lambda: train(FILE)[0], lambda: train(copy)[0]]), [])}


def beside_system():
    ours, theirs = at_once([lambda: train(FILE)[0], lambda: train(OTHER)[0]])
    return {'weights': ours, 'theirs': len(set(theirs)) == 1, 'blas': info(train(FILE)[1])['blas']}


def forked():
    """Children that are forked after trainings, in one thread and in several, train too."""
    weights, statuses = [], []
    for threads in (1, 2):
        weights.append(train(FILE, threads)[0])
        child = os.fork()
        if child == 0:
            os._exit(0 if train(FILE, 2)[0] == weights[0] else 1)
        statuses.append(os.waitpid(child, 0)[1])
    return {'weights': weights, 'children': statuses == [0, 0]}


def closed():
    """The file is opened and closed without SQLite, many times, and then used."""
    libc = ctypes.CDLL(None)
    libc.dlclose.argtypes = [ctypes.c_void_p]
    for _ in range(20):
        libc.dlclose(ctypes.CDLL(FILE)._handle)
    weights, db = train(FILE)
    db.close()
    return {'weights': [weights]}


CASES = (alone, several_threads, beside_numpy, beside_copy, beside_system, forked, closed)

# ---- the checks ----
passed = failed = 0


def check(what, is_ok, detail=''):
    global passed, failed
    passed += bool(is_ok)
    failed += not is_ok
    if not is_ok:
        print('FAIL ', what, detail)


def ask(case, **variables):
    set_here = {name: value for name, value in variables.items() if value is not None}
    kept = {name: value for name, value in os.environ.items() if not name.startswith('OPENBLAS_')}
    try:
        done = subprocess.run([sys.executable, *sys.argv[:4], case], env={**kept, **set_here}, capture_output=True,
                              text=True, timeout=300)
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {'weights': [], 'failed': 'it hangs'}
    except ValueError:
        return {'weights': [], 'failed': (done.returncode, done.stdout[-300:], done.stderr[-1000:])}


def check_environment():
    """Who says what OpenBLAS uses, and that it starts no threads."""
    picks = os.path.abspath(os.environ['PICKS'])
    said = ask('alone', OPENBLAS_CORETYPE='Haswell')
    check('the core type that is set', said.get('core', '').lower() == 'haswell' and 'was set' in said['reason'], said)
    said = ask('alone', OPENBLAS_NUM_THREADS='2')
    check('the threads that are set', said.get('threads') == 1 and said['environment'], said)
    said = ask('alone', LD_PRELOAD=picks, TEST_CORETYPE='Prescott')
    check('badly picked: chosen again', 'picked Prescott' in said.get('reason', '') and said['core'] != 'Prescott', said)
    check('badly picked: the environment', said.get('environment') is True, said)
    said = ask('beside_system', LD_PRELOAD=picks, TEST_CORETYPE='Prescott')
    check('badly picked, beside another copy', said['weights'] and said.get('theirs'), said)


def main():
    wanted = ask('alone')
    check('alone', len(wanted['weights']) == 1, wanted)
    check('environment', wanted.get('environment') is True, wanted)
    check('no threads', wanted.get('threads') == 0, wanted)
    check('it says what it is', ('OpenBLAS' if KIND == 'static' else 'builtin') in wanted.get('blas', ''), wanted)
    for case in CASES[1:]:
        said = ask(case.__name__)
        check(case.__name__, said['weights'] and set(said['weights']) == set(wanted['weights']), said)
        for name, value in said.items():
            if name not in ('weights', 'blas'):
                check('%s: %s' % (case.__name__, name), value is True, said)
    if KIND == 'static' and os.uname().machine == 'x86_64':
        check_environment()
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(failed > 0)


if len(sys.argv) == 5:
    print(json.dumps(globals()[sys.argv[4]]()))
else:
    main()
