"""blas_core.py - the extension looks at what OpenBLAS picked, and at who else uses it.

Each case is a process, in which OpenBLAS picks bad kernels by itself (blas_core.c), so that this can be seen on every
machine. It prints what gru4rec_info() and trainings say. Without numpy, which shares OpenBLAS, this fails.
"""
import ctypes
import hashlib
import resource
from common import *

NAMES = 'Prescott', 'Nehalem', 'Sandybridge', 'Haswell', 'Zen', 'SkylakeX', 'Cooperlake'
VARIABLE = 'OPENBLAS_CORETYPE'
CC = os.environ.get('CC', 'cc')
UNKNOWN = 'OpenBLAS does not know this processor'
OPTIONS = 'layers=100, n_sample=64, batch_size=32, n_epochs=1, threads=2, seed=5'


# ---- what the processes do ----

def open_shop(path=EXTENSION):
    db = sqlite3.connect(':memory:', check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(path)
    db.execute('CREATE TABLE clicks(session INTEGER, item INTEGER, ts INTEGER)')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', clicks(300))
    db.execute(f'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, {OPTIONS})')
    return db


def say(db):
    """Core, reason, advice of the training, and the bits that it gave."""
    info = json.loads(value(db, 'SELECT gru4rec_info()'))
    summary = json.loads(value(db, "SELECT gru4rec_train('rec')"))
    weights = [tuple(row) for row in db.execute('SELECT name, chunk, data FROM rec_tensor ORDER BY 1, 2')]
    print(json.dumps([info['blas_core'], info['blas_core_reason'], summary.get('advice'),
                      hashlib.sha256(repr(weights).encode()).hexdigest()]), flush=True)


def alone():
    db = open_shop()
    say(db)
    db.close()
    say(open_shop())  # the second connection finds what the first one left


def copies():
    with tempfile.TemporaryDirectory() as directory:
        pair = open_shop(), open_shop(shutil.copy(EXTENSION, directory + '/copy.so'))
    for db in pair:
        say(db)


def readers():
    """Threads read the environment while the extension is loaded: nothing is missing at any time."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    is_over, missed, n_read = threading.Event(), [], []

    def read():
        while not is_over.is_set():
            n_read.append(1)
            for name in b'PATH', b'TEST_LAST':
                if libc.getenv(name) != os.environb[name]:
                    missed.append(name)
    running = [Thread(read) for _ in range(4)]
    while len(n_read) < 100:
        time.sleep(0.001)
    db = open_shop()
    is_over.set()
    for thread in running:
        thread.join()
    assert missed == [] and VARIABLE not in os.environ and libc.getenv(VARIABLE.encode()) is None, missed
    assert VARIABLE not in subprocess.run(['env'], capture_output=True, text=True).stdout
    say(db)


def numpy_busy():
    """numpy multiplies in threads before, while and after the extension is loaded; all its products are right."""
    import numpy
    rng = numpy.random.default_rng(7)
    a, b = (rng.standard_normal((190, 190), dtype=numpy.float32) for _ in range(2))
    expected, is_over, wrong, n_done = a @ b, threading.Event(), [], []

    def multiply():
        while not is_over.is_set():
            wrong.append(not numpy.allclose(a @ b, expected, atol=1e-3))
            n_done.append(1)
    running = [Thread(multiply) for _ in range(2)]
    while len(n_done) < 20:
        time.sleep(0.001)
    say(open_shop())
    is_over.set()
    for thread in running:
        thread.join()
    assert not any(wrong) and len(n_done) > 20


def numpy_later():
    """numpy comes when the kernels are chosen: it multiplies with those."""
    db = open_shop()
    import numpy
    a = numpy.arange(150 * 170, dtype=numpy.float32).reshape(150, 170) % 13
    exact = a.astype(numpy.int64) @ a.T.astype(numpy.int64)
    assert (a @ a.T == exact).all()
    say(db)
    assert (a @ a.T == exact).all()


def opened_by_hand():
    """By dlopen(), of which no file tells."""
    ctypes.CDLL('libopenblas.so.0')
    say(open_shop())


def wrapper():
    """By what needs it in turn."""
    ctypes.CDLL('libblas.so.3')
    say(open_shop())


def alias():
    """By a file that needs it under another name, a link to it."""
    ctypes.CDLL('libopenblas.so.0')
    ctypes.CDLL('libuser.so')
    say(open_shop())


def forked():
    db = open_shop()
    child = os.fork()
    if child == 0:
        say(open_shop())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    say(db)


def no_room():
    """OpenBLAS can be loaded, and has no memory to multiply in: it is not touched."""
    with open('/proc/self/statm') as file:
        size = int(file.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
    resource.setrlimit(resource.RLIMIT_AS, (size + (int(os.environ['TEST_ROOM']) << 20), resource.RLIM_INFINITY))
    db = open_shop()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    say(db)


CASES = {case.__name__: case for case in (alone, copies, readers, numpy_busy, numpy_later, opened_by_hand, wrapper,
                                          alias, forked, no_room)}


# ---- the processes ----

def ask(case, picks, picked=None, **variables):
    """The lines that a case prints; picked: what OpenBLAS picks by itself."""
    environment = {name: text for name, text in os.environ.items() if name != VARIABLE}
    environment.update(variables, TEST_LAST='1', **({'LD_PRELOAD': picks, 'TEST_CORETYPE': picked} if picked else {}))
    done = subprocess.run([sys.executable, os.path.abspath(__file__), EXTENSION, 'case', case], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT)
    check(f'{case}, {picked}, {variables} ends well', done.returncode == 0, (done.returncode, done.stderr[-600:]))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines or [['', '', None, '']]


def processor():
    """What this processor can run, and the least that is enough for it."""
    with open('/proc/cpuinfo') as file:
        lines = file.read().splitlines()
    flags = set(next((line for line in lines if line.startswith('flags')), ':').split(':')[1].split())
    levels = {'avx'}, {'avx2', 'fma'}, {'avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'}, \
        {'avx512_vnni', 'avx512_bf16'}
    level = next((i for i, needed in enumerate(levels) if not needed <= flags), len(levels))
    return level, min(level, 3 if any('GenuineIntel' in line for line in lines) else 2)


def make_alias(directory):
    """libuser.so needs libanother.so.3, which is a link to OpenBLAS."""
    ctypes.CDLL('libopenblas.so.0')
    with open('/proc/self/maps') as maps:
        path = next(line.split()[-1] for line in maps if 'libopenblas' in line)
    source = directory + '/user.c'
    with open(source, 'w') as file:
        file.write('void cblas_sgemm(void); void *user(void) { return cblas_sgemm; }\n')
    link = directory + '/libanother.so.3'
    # linked against a file of that name, in whose place the link comes
    subprocess.run([CC, '-shared', '-fPIC', '-Wl,-soname,libanother.so.3', '-o', link, '-x', 'c', '/dev/null'],
                   check=True)
    subprocess.run([CC, '-w', '-shared', '-fPIC', '-Wl,--no-as-needed', '-o', directory + '/libuser.so', source,
                    link], check=True)
    os.remove(link)
    os.symlink(path, link)


LEVELS = dict(zip(NAMES, (0, 0, 1, 2, 2, 3, 4)))


def user_sets(picks, level):
    """What the user says stays. The bits that a training gives with each."""
    bits = {}
    for name in NAMES:
        if LEVELS[name] <= level:
            for core, reason, advice, bits[name] in ask('alone', picks, **{VARIABLE: name}):
                check(f'set: {name}', (core, reason, advice) == (name, VARIABLE + ' was set', None), (core, reason))
    return bits


def alone_chooses(picks, level, enough, best, bits):
    """The bits are those of a process where the user has set what is chosen."""
    for name in NAMES:
        if LEVELS[name] <= level:
            chosen, why = name, 'picked by OpenBLAS'
            if LEVELS[name] < enough:
                chosen, why = best, f'chosen by gru4rec: {UNKNOWN}, and picked {name}'
            for line in ask('alone', picks, name):
                check(f'alone: {name}', line == [chosen, why, None, bits[chosen]], line)
    expected = [best, f'chosen by gru4rec: {UNKNOWN}, and picked Prescott', None, bits[best]]
    for case in 'copies', 'numpy_later', 'forked':
        for line in ask(case, picks, 'Prescott'):
            check(case, line == expected, line)
    for i in range(5 if QUICK else 50):
        line, = ask('readers', picks, 'Prescott')
        check('readers', line == expected, line)
    for threads in '1', '4':
        line = ask('alone', picks, 'Prescott', OPENBLAS_NUM_THREADS=threads)[0]
        check(f'OpenBLAS has {threads} threads', line == expected, line)


def others_are_left_alone(picks, best, bits):
    advice = f'; set {VARIABLE}={best} before the process starts'
    for case, who in (('numpy_busy', '_multiarray_umath'), ('wrapper', 'libblas.so.3 uses OpenBLAS too'),
                      ('alias', 'libuser.so uses OpenBLAS too'),
                      ('opened_by_hand', 'OpenBLAS was loaded before gru4rec')):
        core, reason, said, of_training = ask(case, picks, 'Prescott')[0]
        check(f'{case}: left alone', (core, of_training) == ('Prescott', bits['Prescott']), (core, reason))
        why = f'{UNKNOWN}, and gru4rec does not change its kernels because {who}'
        check(f'{case}: why', reason.startswith(why), reason)
        check(f'{case}: what to do', reason.endswith(advice) and said == reason, (reason, said))
        core, reason, said, _ = ask(case, picks, best)[0]
        check(f'{case}: well picked', (reason, said) == ('picked by OpenBLAS', None), (core, reason))
        core, reason, said, _ = ask(case, picks, **{VARIABLE: 'Prescott'})[0]
        check(f'{case}: set', (core, reason, said) == ('Prescott', VARIABLE + ' was set', None), (core, reason))
    # the OpenMP build takes a buffer of 128 MiB at its load, and waits for it
    room = 250 if ctypes.CDLL('libopenblas.so.0').openblas_get_parallel() == 2 else 110
    core, reason, said, _ = ask('no_room', picks, 'Prescott', OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1',
                                TEST_ROOM=str(room))[0]
    why = f'{UNKNOWN}, and it could not choose its kernels again{advice}'
    check('no room', core == 'Prescott' and reason == why, (core, reason))


def test(directory):
    picks = directory + '/picks.so'
    subprocess.run([CC, '-O1', '-shared', '-fPIC', '-o', picks, HERE + '/blas_core.c'], check=True)
    make_alias(directory)
    os.environ['LD_LIBRARY_PATH'] = ':'.join([directory, *filter(None, [os.environ.get('LD_LIBRARY_PATH')])])
    level, enough = processor()
    if enough == 0:  # nothing to choose
        _, reason, advice, _ = ask('alone', picks)[0]
        check('picked well', (reason, advice) == ('picked by OpenBLAS', None), (reason, advice))
        return
    best = ('', 'Sandybridge', 'Haswell', 'SkylakeX', 'Cooperlake')[level]
    bits = user_sets(picks, level)
    alone_chooses(picks, level, enough, best, bits)
    others_are_left_alone(picks, best, bits)


if sys.argv[2:3] == ['case']:
    CASES[sys.argv[3]]()
else:
    run(test)
    finish()
