"""faults.py EXTENSION MPI [--kills N] [--seed S]: what files have after ranks were killed or stopped.

A random rank is killed at a random moment, or at one that the test makes long by a lock. After that each file is
whole, and has the old version, the new one, or a prepared one; resume=true ends with the bits of a training that
nobody has disturbed. MPI is mpich or openmpi.
"""
import argparse
import glob
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'relational'))
from checks import check, finish

arguments = argparse.ArgumentParser()
arguments.add_argument('extension')
arguments.add_argument('mpi')
arguments.add_argument('--kills', type=int, default=3)
arguments.add_argument('--seed', type=int, default=None)
arguments.add_argument('--only', type=int, default=None, help='the kill of this number')
arguments.add_argument('--long', action='store_true', help='all of commits.py')
arguments.add_argument('--rank', nargs=2, default=None, metavar=('RANK', 'FILE'), help='be this rank of Ranks')
options = arguments.parse_args()
EXTENSION = os.path.abspath(options.extension)
MPIRUN = {'mpich': ['mpirun.mpich'], 'openmpi': ['mpirun.openmpi', '--oversubscribe']}[options.mpi]
LIMIT = 600  # seconds for a job: then it has hung
# Open MPI lets root run only if it is asked to.
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1', OPENBLAS_NUM_THREADS='1')

TRAIN = ("SELECT gru4rec_train('rec', 'n_epochs=4, layers=24, batch_size=8, n_sample=64, blend=0, validation=0.1, "
         "checkpoint_epochs={}{}')")
RESUME = "SELECT gru4rec_train('rec', 'resume=true')"
NOTHING = 'has no interrupted run with a checkpoint to resume'
EVENTS = """
    CREATE TABLE clicks(session_id, item_id, ts);
    WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 5999)
    INSERT INTO clicks SELECT i / 5, i * i % 97 + i / 1000, i FROM c WHERE {} < 0 OR i / 5 % {} = {};
"""
OLD = "SELECT gru4rec_train('rec', 'clicks', 'n_epochs=1, layers=8, seed=7')"


def connect(path):
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def value(db, sql, *parameters):
    row = db.execute(sql, parameters).fetchone()
    return row and row[0]


# ---- jobs ----

def shell(path, sql, is_checked=True):
    """A process of its own: MPI leaves variables in the environment of this one, which mpirun must not see."""
    return subprocess.run(['sqlite3', '-cmd', f'.load {EXTENSION}', path, sql], check=is_checked, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


class Job:
    """Ranks that each run a program on a file of their own: the sqlite3 shell with one statement, or this script."""

    def __init__(self, files, sql=None):
        self.directory = files.directory
        for old in glob.glob(self.directory + '/pid.*') + glob.glob(self.directory + '/go.*'):
            os.remove(old)
        file = f'{self.directory}/$((rank * {files.n_files} / {files.n})).db'
        program = f'sqlite3 -cmd ".timeout 30000" -cmd ".load {EXTENSION}" {file} "{sql}"' if sql else \
                  f'{sys.executable} {os.path.abspath(__file__)} {EXTENSION} {options.mpi} --rank $rank {file}'
        script = f'rank=${{PMI_RANK:-$OMPI_COMM_WORLD_RANK}}; echo $$ >{self.directory}/pid.$rank; exec {program}'
        self.n = files.n
        self.is_killed = False
        self.popen = subprocess.Popen(MPIRUN + ['-np', str(self.n), 'sh', '-c', script], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def pid(self, rank):
        """The process of a rank; None when there is none yet, or no more."""
        try:
            return int(open(f'{self.directory}/pid.{rank}').read() or 0) or None
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, rank, number):
        self.is_killed = number == signal.SIGKILL
        try:
            os.kill(self.pid(rank), number)
            return True
        except (ProcessLookupError, TypeError):
            return False

    def is_over(self):
        return self.popen.poll() is not None

    def is_done(self):
        """Whether there is nothing more to wait for."""
        return False

    def lives(self, rank):
        """Whether the process of a rank runs; a zombie does not."""
        try:
            return open(f'/proc/{self.pid(rank)}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z'
        except (FileNotFoundError, ProcessLookupError):
            return False

    def end(self):
        """What the ranks have written; the status in self.status."""
        out, end, seen = None, time.monotonic() + LIMIT, time.monotonic()
        while out is None:
            try:
                out = self.popen.communicate(timeout=0.5)[0]
            except subprocess.TimeoutExpired:
                if not self.is_killed or any(self.lives(rank) for rank in range(self.n)):
                    seen = time.monotonic()
                # mpirun of Open MPI sometimes waits for ever after a rank was killed that was about to begin.
                if time.monotonic() > min(end, seen + 5):
                    check('the ranks end', time.monotonic() < end)
                    self.popen.kill()
        self.status = self.popen.returncode
        return out


def do(files, sql):
    job = Job(files, sql)
    out = job.end()
    return job.status, out


# ---- files ----

def bits(db, version):
    """All that a version is made of."""
    digest = hashlib.sha256()
    for sql in ('SELECT name, chunk, data FROM rec_tensor WHERE version = ? ORDER BY name, chunk',
                'SELECT row, item, support FROM rec_item WHERE version = ? ORDER BY row',
                'SELECT epoch, loss, steps, events, recall, mrr FROM rec_epoch WHERE version = ? ORDER BY epoch'):
        for row in db.execute(sql, (version,)):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def served(db):
    """What a user gets."""
    return db.execute("SELECT item, score FROM gru4rec_recommend('rec', '[5, 17]', 10)").fetchall()


class Files:
    """
    Files with one version, copied anew for each kill, and what a whole training makes of them. n ranks, each with a
    file and sessions of its own; or, with fewer files, all with all sessions, of which each rank takes its part.
    """

    def __init__(self, directory, n, journal, n_files, checkpoint):
        self.home, self.n, self.directory, self.n_files = directory, n, directory + '/now', n_files
        is_shared = n_files < n
        self.sharing = '' if not is_shared else ', shard=auto' + ', replicate=all' * (n_files > 1)
        self.train = TRAIN.format(checkpoint, self.sharing)
        base = directory + '/base'
        os.mkdir(base)
        self.old = []
        for rank in range(self.n_files):
            db = sqlite3.connect(f'{base}/{rank}.db')
            db.execute(f'PRAGMA journal_mode={journal}')
            db.executescript(EVENTS.format(-1 if is_shared else 1, n, rank))
            db.close()
            shell(f'{base}/{rank}.db', OLD)
            self.old.append(served(connect(f'{base}/{rank}.db')))
        self.fresh()
        start = time.monotonic()
        status, out = do(self, self.train)
        self.seconds = time.monotonic() - start
        if status != 0:
            sys.exit(f'FAIL  the training that nobody disturbs:\n{out}')
        db = connect(self.path(0))
        self.bits, self.new = bits(db, 2), served(db)
        check('there is something to compare', self.new != self.old[0] and len(self.new) == 10)
        db.close()

    def fresh(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(self.home + '/base', self.directory)
        return self

    def keep(self, sql):
        """From now on the files are as they are, and as this SQL makes each of them."""
        shutil.rmtree(self.home + '/base')
        shutil.copytree(self.directory, self.home + '/base')
        for number in range(self.n_files):
            db = sqlite3.connect(f'{self.home}/base/{number}.db')
            db.executescript(sql)
            db.close()

    def forget_models(self):
        """From now on the files have no model."""
        for number in range(self.n_files):
            db = connect(f'{self.home}/base/{number}.db')
            db.execute('DROP TABLE rec')
            db.close()

    def path(self, number):
        return f'{self.directory}/{number}.db'

    def writer(self, number):
        """The lowest rank that has this file."""
        return -(-number * self.n // self.n_files)


def state_of(what, files, rank, is_kept=False):
    """Checks a file, and returns 'old', 'new' or 'prepared'. is_kept: a process may keep the result."""
    db = connect(files.path(rank))
    what = f'{what}: file {rank}'
    integrity = value(db, 'PRAGMA integrity_check')
    check(f'{what}: integrity', integrity == 'ok', integrity)
    damage = value(db, "SELECT gru4rec_check('rec')")
    check(f'{what}: gru4rec_check()', damage == 'ok', damage)
    active = value(db, "SELECT value FROM rec_config WHERE key = 'version'")
    rows = db.execute("SELECT version, status, active, message FROM gru4rec_status('rec')").fetchall()
    status = {row[1] for row in rows}
    known = {'ready', 'prepared', 'killed', 'interrupted', 'failed'} | ({'training'} if is_kept else set())
    check(f'{what}: rows', status <= known, rows)
    serves = served(db)
    check(f'{what}: serves', serves == (files.new if active == 2 else files.old[rank]), (active, rows))
    if active == 2:
        check(f'{what}: bits', bits(db, 2) == files.bits)
    prepared = [row for row in rows if row[1] == 'prepared']
    check(f'{what}: a prepared version says what to do', all('resume=true' in row[3] for row in prepared), prepared)
    check(f'{what}: active', active in (1, 2) and not (active == 2 and prepared), rows)
    db.close()
    return 'new' if active == 2 else 'prepared' if prepared else 'old'


def states_of(what, files, is_kept=False):
    """The states of all files: none is new unless that of rank 0 is; then none is old."""
    states = [state_of(what, files, rank, is_kept) for rank in range(files.n_files)]
    check(f'{what}: together', states[0] in ('old', 'new'), states)
    check(f'{what}: decided by rank 0', set(states[1:]) <= ({'new', 'prepared'} if states[0] == 'new' else
                                                           {'old', 'prepared'}), states)
    return states


def mend(what, files):
    """resume=true, or a new training where there is nothing to resume; then all is as if nothing had happened."""
    states = states_of(what, files)
    db = connect(files.path(0))
    saved = value(db, "SELECT max(summary ->> '$.checkpoint') FROM rec_version WHERE status <> 'ready'")
    db.close()
    status, out = do(files, RESUME)
    if states[0] == 'old' and saved is None:
        check(f'{what}: nothing to resume', status != 0 and NOTHING in out, out)
        status, out = do(files, files.train)
        check(f'{what}: trained anew', status == 0, out)
    elif set(states) == {'new'}:
        check(f'{what}: nothing is left', status != 0 and NOTHING in out, out)
    else:
        check(f'{what}: resumed', status == 0, out)
    for rank in range(files.n_files):
        db = connect(files.path(rank))
        active = value(db, "SELECT value FROM rec_config WHERE key = 'version'")
        check(f'{what}: resumed: file {rank}', active > 1 and bits(db, active) == files.bits and
              served(db) == files.new, db.execute("SELECT * FROM gru4rec_status('rec')").fetchall())
        check(f'{what}: resumed: file {rank}: integrity', value(db, 'PRAGMA integrity_check') == 'ok')
        check(f'{what}: resumed: file {rank}: gru4rec_check()', value(db, "SELECT gru4rec_check('rec')") == 'ok')
        left = db.execute("SELECT version, status FROM rec_version WHERE status IN ('prepared', 'training')").fetchall()
        check(f'{what}: resumed: file {rank}: nothing is left', left == [], left)
        db.close()
    return states, saved


# ---- moments ----

class Watcher:
    """Looks into the files while a job runs, and locks them. Reading must not hold up writers: so not for long."""

    def __init__(self, files, job):
        self.files, self.job = files, job
        self.dbs = [sqlite3.connect(path, timeout=0, isolation_level=None) for path in map(files.path, range(files.n_files))]

    def ask(self, rank, sql):
        try:
            return value(self.dbs[rank], sql)
        except sqlite3.OperationalError:  # locked
            return None

    def wait(self, rank, sql):
        """Until the query gives something that is true; False: the job was over before."""
        end = time.monotonic() + LIMIT
        while not self.ask(rank, sql):
            if self.job.is_over() or self.job.is_done() or time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def lock(self, rank):
        """Takes the write lock, which the others wait for."""
        for _ in range(2000):
            try:
                self.dbs[rank].execute('BEGIN IMMEDIATE')
                return
            except sqlite3.OperationalError:
                time.sleep(0.002)

    def unlock(self, rank):
        if self.dbs[rank].in_transaction:
            self.dbs[rank].execute('ROLLBACK')

    def close(self):
        for db in self.dbs:
            db.close()


EPOCHS = "SELECT count(*) >= {} FROM rec_epoch WHERE version = 2"
IS_PREPARED = "SELECT count(*) FROM rec_version WHERE version = 2 AND status = 'prepared'"
IS_NEW = "SELECT value = 2 FROM rec_config WHERE key = 'version'"


def any_time(rng, files, watcher, victim):
    """Any moment, also while MPI starts, and after the end."""
    time.sleep(rng.uniform(0, 1.1) * files.seconds)


def after_epoch(rng, files, watcher, victim):
    watcher.wait(0, EPOCHS.format(rng.randint(1, 4)))
    time.sleep(rng.uniform(0, 0.05))


def before_decision(rng, files, watcher, victim):
    """All others have prepared, and rank 0 waits for its lock."""
    watcher.wait(0, EPOCHS.format(1))
    watcher.lock(0)
    for number in range(1, files.n_files):
        watcher.wait(number, IS_PREPARED)
    time.sleep(rng.uniform(0, 0.2))


def in_prepare(rng, files, watcher, victim):
    """One rank cannot prepare, the others have."""
    late = rng.randrange(1, files.n_files)
    watcher.wait(0, EPOCHS.format(1))
    watcher.lock(late)
    for number in range(1, files.n_files):
        if number != late:
            watcher.wait(number, IS_PREPARED)
    time.sleep(rng.uniform(0, 0.3) + files.seconds / 4)


def after_decision(rng, files, watcher, victim):
    """Rank 0 has decided, and another rank cannot finish."""
    late = victim * files.n_files // files.n or rng.randrange(1, files.n_files)
    watcher.wait(0, EPOCHS.format(1))
    watcher.lock(0)
    if watcher.wait(late, IS_PREPARED):
        watcher.lock(late)
    watcher.unlock(0)
    watcher.wait(0, IS_NEW)
    time.sleep(rng.uniform(0, 0.1))


def kill(number, seed, files):
    """One kill: random, but each number says at what kind of moment."""
    rng = random.Random(f'{seed} {number}')
    kinds = [before_decision, after_decision, after_epoch, any_time, in_prepare, any_time]
    if files.n_files == 1:
        kinds = [after_epoch, any_time]
    moment = kinds[number % len(kinds)]
    victim = rng.randrange(files.n)
    what = f'kill {number} (--seed {seed} --only {number}): rank {victim} of {files.n}, {moment.__doc__ or moment.__name__}'
    job = Job(files.fresh(), files.train)
    watcher = Watcher(files, job)
    moment(rng, files, watcher, victim)
    while job.pid(victim) is None and not job.is_over():
        time.sleep(0.001)
    job.signal(victim, signal.SIGKILL)
    if moment not in (any_time, after_epoch):
        time.sleep(0.3)  # mpirun kills the others, before they get the lock
    for rank in range(files.n_files):
        watcher.unlock(rank)
    watcher.close()
    job.end()
    states, saved = mend(what, files)
    print(f'      {moment.__name__}: rank {victim} of {files.n}: {" ".join(states)}, checkpoint {saved}', flush=True)


def test_kills(directory):
    seed = options.seed if options.seed is not None else int(time.time())
    numbers = [options.only] if options.only is not None else range(options.kills)
    made = {}
    for number in numbers:
        # Ranks, journal, files, checkpoint_epochs.
        kinds = [(3, 'wal', 3, 1), (2, 'delete', 2, 2), (3, 'delete', 1, 1), (4, 'delete', 4, 0), (4, 'wal', 2, 1)]
        kind = kinds[number // 6 % len(kinds)]
        if kind not in made:
            home = f'{directory}/{len(made)}'
            os.mkdir(home)
            made[kind] = Files(home, *kind)
        kill(number, seed, made[kind])


# ---- ranks that stop, and go on ----

SOON = 1.0 + 1.0  # seconds in which all ranks stop; and what a busy machine adds


def be_rank(rank, path):
    """Does the SQL that comes in files go.N, tells what came of it in lines of JSON; a file go.stop interrupts it."""
    db, directory = connect(path), os.path.dirname(path)

    def interrupt():
        while True:
            try:
                os.remove(f'{directory}/go.stop.{rank}')
                db.interrupt()
            except FileNotFoundError:
                time.sleep(0.002)

    threading.Thread(target=interrupt, daemon=True).start()
    for number in range(100):
        go = f'{directory}/go.{number}'
        while not os.path.exists(go):
            time.sleep(0.005)
        sql = open(go).read()
        if not sql:
            return
        if os.path.exists(f'{go}.{rank}'):  # for this rank only
            sql = open(f'{go}.{rank}').read()
        try:
            result = value(db, sql)
        except sqlite3.Error as error:
            result = str(error)
        with open(f'{directory}/go.done.{number}.{rank}.new', 'w') as out:
            json.dump({'result': result, 'at': time.time()}, out)
        os.rename(out.name, out.name[:-4])


class Ranks(Job):
    """Ranks that do one statement after another."""

    def __init__(self, files):
        super().__init__(files)
        self.number = 0

    def write(self, name, text):
        with open(f'{self.directory}/{name}.new', 'w') as file:
            file.write(text)
        os.rename(file.name, f'{self.directory}/{name}')

    def begin(self, sql, only=None, others='SELECT 1'):
        """Lets all ranks do the SQL; or one of them, and the others something else."""
        if only is not None:
            self.write(f'go.{self.number}.{only}', sql)
        self.write(f'go.{self.number}', sql if only is None else others)
        self.number += 1

    def interrupt(self, rank):
        self.write(f'go.stop.{rank}', '')
        return time.time()

    def told(self, rank):
        return f'{self.directory}/go.done.{self.number - 1}.{rank}'

    def is_done(self):
        return all(os.path.exists(self.told(rank)) for rank in range(self.n))

    def results(self):
        """What the last statement gave on all ranks, and when."""
        end = time.monotonic() + LIMIT
        while not self.is_done():
            assert time.monotonic() < end and not self.is_over(), self.end()
            time.sleep(0.002)
        return [json.load(open(self.told(rank))) for rank in range(self.n)]


def in_training(rng, files, watcher, victim):
    """While they train."""
    watcher.wait(0, EPOCHS.format(1))
    time.sleep(rng.uniform(0, 0.05))


def check_stopped(what, files, job, victim, start, results):
    told = [row['result'] for row in results]
    check(f'{what}: all stop', all('interrupted' in str(text) for text in told), told)
    check(f'{what}: who it was', all(f'rank {victim} was interrupted' in str(told[rank])
                                     for rank in range(files.n) if rank != victim), told)
    took = max(row['at'] for row in results) - start
    check(f'{what}: soon', took < SOON, f'{took:.2f} s')
    states = states_of(what, files, is_kept=True)
    check(f'{what}: the old version serves', 'new' not in states, states)
    return took, states


def interrupt(moment, rng, files):
    """sqlite3_interrupt() on one rank: all stop soon, and the same processes go on where they were."""
    victim = rng.randrange(files.n)
    what = f'interrupt of rank {victim} of {files.n}, {moment.__name__}'
    job = Ranks(files.fresh())
    watcher = Watcher(files, job)
    job.begin(files.train)
    moment(rng, files, watcher, victim)
    start = job.interrupt(victim)
    results = job.results()
    for rank in range(files.n_files):
        watcher.unlock(rank)
    watcher.close()
    took, states = check_stopped(what, files, job, victim, start, results)
    job.begin(RESUME)
    told = [row['result'] for row in job.results()]
    check(f'{what}: resumed', all('"version":' in str(text) for text in told), told)
    job.begin('SELECT gru4rec_ranks()')
    check(f'{what}: MPI is usable', all(f'"ranks":{files.n}' in row['result'] for row in job.results()))
    job.begin('')
    job.end()
    check(f'{what}: the end', job.status == 0, job.status)
    mend(what, files)
    print(f'      {what}: {took:.2f} s, {" ".join(states)}', flush=True)


def test_interrupts(directory):
    rng = random.Random(options.seed)
    home = f'{directory}/interrupts'
    os.mkdir(home)
    files = Files(home, 3, 'wal', 3, 1)
    for moment in in_training, before_decision, in_prepare:
        interrupt(moment, rng, files)
    # Ctrl-C in the sqlite3 shell, which then ends.
    victim = rng.randrange(3)
    what = f'SIGINT to rank {victim}'
    job = Job(files.fresh(), files.train)
    watcher = Watcher(files, job)
    in_training(rng, files, watcher, victim)
    start = time.monotonic()
    job.signal(victim, signal.SIGINT)
    while any(job.lives(rank) for rank in range(files.n)) and time.monotonic() < start + 10:
        time.sleep(0.005)
    took = time.monotonic() - start
    watcher.close()
    out = job.end()
    check(f'{what}: soon', took < SOON, f'{took:.2f} s')
    check(f'{what}: all stop', out.count('interrupted') >= 3 and f'rank {victim} was interrupted' in out, out)
    states, _ = mend(what, files)
    check(f'{what}: the old version serves', 'new' not in states, states)
    print(f'      {what}: {took:.2f} s', flush=True)


if __name__ == '__main__':
    if options.rank:
        be_rank(*options.rank)
        sys.exit()
    with tempfile.TemporaryDirectory(prefix='gru4rec-mpi-') as place:
        if options.only is None:
            test_interrupts(place)
        test_kills(place)
    finish()
