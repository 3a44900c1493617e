"""host.py EXTENSION CASE: what a rank does in one case of run.sh; it fails, or says nothing."""
import json
import os
import sqlite3
import sys
import threading
import time

extension, case = sys.argv[1:3]
started_rank = int(os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK', '0')))
n_started = int(os.environ.get('PMI_SIZE', os.environ.get('OMPI_COMM_WORLD_SIZE', '1')))


def connect():
    db = sqlite3.connect(':memory:', check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(extension)
    return db


def ranks(db):
    return json.loads(db.execute('SELECT gru4rec_ranks()').fetchone()[0])


def refused(words, db=None):
    """gru4rec_ranks() fails with these words; everything else works."""
    db = db or connect()
    try:
        ranks(db)
    except sqlite3.OperationalError as error:
        assert words in str(error), str(error)
    else:
        assert False, 'not refused: ' + words
    assert db.execute('SELECT gru4rec_version()').fetchone()


def start_mpi(level):
    import mpi4py
    mpi4py.rc.thread_level = level
    from mpi4py import MPI
    return MPI


def check_ranks(facts, by):
    assert facts['rank'] == started_rank and facts['ranks'] == n_started, facts
    assert facts['host_ranks'] == n_started and facts['initialised_by'] == by, facts


if case == 'plain':
    db = connect()
    check_ranks(ranks(db), 'gru4rec')
    db.close()
    check_ranks(ranks(connect()), 'gru4rec')  # MPI outlives a connection
elif case in ('multiple', 'serialized', 'funneled'):
    MPI = start_mpi(case)
    check_ranks(ranks(connect()), 'host')
    assert MPI.COMM_WORLD.allreduce(1) == n_started
elif case == 'mixed':  # MPI is the host's on rank 0 only
    if started_rank == 0:
        start_mpi('multiple')
    check_ranks(ranks(connect()), 'host' if started_rank == 0 else 'gru4rec')
elif case == 'single':
    start_mpi('single')
    refused('MPI_THREAD_SINGLE')
elif case == 'other thread':
    start_mpi('funneled')
    failures = []

    def call():
        try:
            refused('MPI_THREAD_FUNNELED by another thread')
        except AssertionError as error:
            failures.append(error)
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert not failures, failures
    check_ranks(ranks(connect()), 'host')
elif case == 'finalised':
    start_mpi('multiple').Finalize()
    refused('MPI is finalised in this process')
elif case == 'other MPI':
    start_mpi('multiple')
    refused('was built for MPICH, but the process has loaded Open MPI')
elif case == 'other mpirun':
    refused('mpirun has started 2 processes')
elif case in ('interrupt', 'interrupt, host'):
    # Rank 0 waits for the others, and is interrupted. MPI_Init() itself cannot be.
    db = connect()
    late = 0.8
    if case == 'interrupt, host':
        start_mpi('multiple')
        late = 2
    if started_rank == 0:
        start = time.monotonic()
        threading.Timer(0.3, db.interrupt).start()
        refused('interrupted', db)
        assert 0.2 < time.monotonic() - start < 1.3, time.monotonic() - start
    else:
        time.sleep(late)
    try:
        facts = ranks(db)
    except sqlite3.OperationalError as error:  # rank 0 was in the job already
        assert started_rank != 0 and 'rank 0 was interrupted' in str(error), str(error)
        facts = ranks(db)
    check_ranks(facts, 'gru4rec' if case == 'interrupt' else 'host')
elif case == 'nobody':  # no rank needs MPI: none starts it, and all end well
    db = connect()
    assert db.execute('SELECT gru4rec_version()').fetchone()
    if started_rank == 0:
        time.sleep(0.3)
elif case == 'threads':  # the share of a rank, once it is known
    db = connect()
    check_ranks(ranks(db), 'gru4rec')
    db.execute('CREATE TABLE e(session_id, item_id, ts)')
    db.executemany('INSERT INTO e VALUES (?, ?, ?)',
                   [(i // 4, i * i % 7, i) for i in range(400)])
    db.commit()  # a training over ranks is refused inside a transaction
    summary = json.loads(db.execute(
        "SELECT gru4rec_train('m', 'e', 'n_epochs=1, layers=8, batch_size=8, shard=auto')").fetchone()[0])
    most = max(1, (os.cpu_count() or 1) // n_started)
    assert summary['threads'] <= most, (summary['threads'], most)
elif case == 'view':  # it starts MPI, so a view may not call it
    db = connect()
    db.execute('PRAGMA trusted_schema = ON')
    db.execute('CREATE VIEW v AS SELECT gru4rec_ranks()')
    try:
        db.execute('SELECT * FROM v').fetchone()
    except sqlite3.OperationalError as error:
        assert 'unsafe' in str(error), str(error)
    else:
        assert False, 'a view called it'
else:
    assert False, 'no such case: ' + case
