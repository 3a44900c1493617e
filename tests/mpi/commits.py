"""commits.py EXTENSION MPI [--long]: what else can happen to the commit of a training over several processes.

It uses files, ranks and checks of faults.py.
"""
import os
import random
import sqlite3
import tempfile
import time

from faults import EPOCHS, IS_PREPARED, NOTHING, RESUME, Files, Job, Ranks, Watcher, bits, check, connect, do, finish, \
    options, served, shell, value

KEPT = 'the trained model stays with this connection'


def results(job, sql, only=None):
    job.begin(sql, only)
    return [str(row['result']) for row in job.results()]


def summaries(out):
    """The summaries in what mpirun gives; it mixes the ends of lines."""
    return ['{"model"' + part.strip() for part in out.split('{"model"')[1:]]


def check_new(what, files, told, numbers=None):
    check(f'{what}: all have a version', all('"version":' in text for text in told), told)
    for number in numbers if numbers is not None else range(files.n_files):
        db = connect(files.path(number))
        active = value(db, "SELECT value FROM rec_config WHERE key = 'version'")
        check(f'{what}: file {number}', bits(db, active) == files.bits and served(db) == files.new)
        check(f'{what}: file {number} is whole', value(db, "SELECT gru4rec_check('rec')") == 'ok')
        check(f'{what}: file {number}: nothing waits', value(
            db, "SELECT count(*) FROM gru4rec_status('rec') WHERE status IN ('prepared', 'training')") == 0)
        db.close()


def check_old(what, files):
    for number in range(files.n_files):
        db = connect(files.path(number))
        check(f'{what}: file {number} serves the old version', served(db) == files.old[number])
        db.close()


def full(files, who):
    """The disk of one rank is full; then it is not any more."""
    what = f'the disk of rank {who} is full'
    job = Ranks(files.fresh())
    results(job, 'PRAGMA max_page_count=1', who)  # as many as the file has
    told = results(job, files.train)
    check(f'{what}: who it was', all(('full' in text) and (rank == who or f'rank {who} has failed' in text)
                                     for rank, text in enumerate(told)), told)
    check(f'{what}: kept', KEPT in told[0] and KEPT in told[who], told)
    check_old(what, files)
    told = results(job, RESUME.replace("'resume", "'n_epochs=9, resume"))
    check(f'{what}: cannot be changed', all('cannot be changed' in text or 'rank' in text for text in told), told)
    results(job, 'PRAGMA max_page_count=1000000', who)
    told = results(job, RESUME)
    check_new(f'{what}: then', files, told)
    told = results(job, RESUME)
    check(f'{what}: nothing is left', all(NOTHING in text for text in told), told)
    job.begin('')
    job.end()


def lost(files):
    """A rank loses what it keeps, because it trains alone: the others cannot commit."""
    what = 'a rank has lost the trained model'
    job = Ranks(files.fresh())
    results(job, 'PRAGMA max_page_count=1', 1)
    results(job, files.train)
    results(job, "DROP TABLE rec", 1)
    results(job, "CREATE VIRTUAL TABLE rec USING gru4rec(clicks)", 1)
    told = results(job, RESUME)
    check(what, all('rank 1 does not have it any more' in text for text in told), told)
    job.begin('')
    job.end()


def refused(files):
    """What is refused on all ranks, and leaves them usable."""
    job = Ranks(files.fresh())
    told = results(job, RESUME)
    check('nothing to resume', all(NOTHING in text for text in told), told)
    job.begin(RESUME, 1, files.train)
    told = [row['result'] for row in job.results()]
    check('one resumes', all('resume=true' in text and 'same options' in text for text in told), told)
    results(job, 'BEGIN', 0)
    told = results(job, files.train)
    check('in a transaction', all('inside a transaction' in text for text in told), told)
    results(job, 'ROLLBACK', 0)
    check_old('refused', files)
    told = results(job, files.train)
    check_new('after refusals', files, told)
    job.begin('')
    job.end()


def half(files):
    """A training stops after a checkpoint; fewer ranks cannot resume it, nor one."""
    job = Ranks(files.fresh())
    watcher = Watcher(files, job)
    job.begin(files.train)
    watcher.wait(0, EPOCHS.format(1))
    job.interrupt(1)
    job.results()
    watcher.close()
    job.begin('')
    job.end()
    n, files.n = files.n, files.n - 1
    status, out = do(files, RESUME)
    check('fewer ranks', status != 0 and f'trained by {n} processes, not {n - 1}' in out, out)
    files.n = n
    out = shell(files.path(0), RESUME, is_checked=False)
    check('alone', f'trained by {n} processes, not 1' in out, out)
    status, out = do(files, RESUME)
    check('all of them', status == 0, out)
    check_new('all of them', files, summaries(out))


def decided(files):
    """A job that is stopped when rank 0 has decided, and another rank has not finished: file 1 waits for that."""
    late = files.writer(1)
    made = Ranks(files.fresh())
    watcher = Watcher(files, made)
    made.begin(files.train)
    watcher.wait(0, EPOCHS.format(1))
    watcher.lock(0)
    for number in range(1, files.n_files):
        watcher.wait(number, IS_PREPARED)
        watcher.lock(number)
    watcher.unlock(0)
    watcher.wait(0, "SELECT value = 2 FROM rec_config WHERE key = 'version'")
    made.interrupt(late)
    for number in range(2, files.n_files):
        watcher.unlock(number)
    told = [str(row['result']) for row in made.results()]
    check('rank 0 is done', '"version":2' in told[0], told)
    check('an interrupted rank says what to do',
          'interrupted' in told[late] and 'version 2 is prepared' in told[late], told)
    watcher.close()
    made.begin('')
    made.end()


def prepared(files):
    """Files of a job that was stopped when rank 0 had decided: each way to finish it."""
    def prepare_again():
        db = connect(files.path(1))
        db.execute("UPDATE rec_version SET status = 'prepared' WHERE version = 2")
        db.execute("DELETE FROM rec_config WHERE key = 'version'")  # no other version was active
        db.close()

    what = f'{files.n} ranks, {files.n_files} files'
    decided(files)
    status, out = do(files, RESUME)
    check(f'{what}: resume=true finishes it', status == 0, out)
    check_new(f'{what}: resume=true', files, summaries(out))
    prepare_again()
    db = connect(files.path(1))
    check('deploy: it waits', value(db, "SELECT status FROM gru4rec_status('rec')") == 'prepared')
    check('deploy: finishes', value(db, "SELECT gru4rec_deploy('rec', 2)") == 2 and served(db) == files.new)
    db.close()
    prepare_again()
    # The next training of all finishes it first: it can go on from the same version. It waits for this lock.
    lock = sqlite3.connect(files.path(1), isolation_level=None)
    lock.execute('BEGIN IMMEDIATE')
    job = Job(files, "SELECT gru4rec_train('rec', 'n_epochs=1, layers=24, warm_start=true, since=last, blend=0"
                     f"{files.sharing}')")
    while not all(job.pid(rank) for rank in range(files.n)) and not job.is_over():
        time.sleep(0.01)
    time.sleep(1)  # so that a rank that did not wait for the lowest one of its file would read on
    lock.execute('ROLLBACK')
    lock.close()
    out = job.end()
    check(f'{what}: a training finishes it first', job.status == 0 and out.count('"version":3') == files.n, out)
    states = []
    for number in range(files.n_files):
        db = connect(files.path(number))
        states.append(db.execute('SELECT version, status FROM rec_version ORDER BY version').fetchall())
        db.close()
    check(f'{what}: and all have the same',
          all(rows == [(1, 'retired'), (2, 'ready'), (3, 'ready')] for rows in states), states)


def first(files):
    """replicate=first: only the file of rank 0 gets the version."""
    files.fresh()
    status, out = do(files, files.train.replace("')", ", replicate=first')"))
    told = summaries(out)
    check('replicate=first: all have the summary', status == 0 and out.count('"version":2') == files.n and
          len(set(told)) == 1, out)
    check_new('replicate=first', files, told, [0])
    for number in range(1, files.n_files):
        db = connect(files.path(number))
        check(f'replicate=first: file {number} stays', served(db) == files.old[number] and
              value(db, 'SELECT count(*) FROM rec_version') == 1)
        db.close()


def resumed(files, train, columns=None):
    """A training that is interrupted after each of its epochs has the bits of one that nobody has disturbed."""
    files.fresh()
    status, out = do(files, train)
    check(f'resumed: {train}', status == 0, out)
    db = connect(files.path(0))
    whole = bits(db, value(db, 'SELECT max(version) FROM rec_version'))
    db.close()
    job = Ranks(files.fresh())
    watcher = Watcher(files, job)
    for sql, n_epochs in (train, 1), (RESUME, 2), (RESUME, 3), (RESUME, 9):
        victim = random.randrange(files.n)
        job.begin(sql)
        if n_epochs < 9 and watcher.wait(0, f"SELECT max(summary ->> '$.checkpoint') >= {n_epochs} FROM rec_version "
                                            "WHERE status = 'training'"):
            job.interrupt(victim)
        told = [str(row['result']) for row in job.results()]
        if '"version":' in told[0]:  # it was faster, but a rank that was interrupted may still have to finish
            check(f'resumed: {train}: decided', all('"version":' in text or 'is prepared' in text for text in told), told)
            if not all('"version":' in text for text in told):
                results(job, RESUME)
            break
        check(f'resumed: {train}: stopped', all('interrupted' in text for text in told), told)
    watcher.close()
    for rank in range(files.n):
        db = connect(files.path(rank))
        version = value(db, "SELECT value FROM rec_config WHERE key = 'version'")
        check(f'resumed: {train}: file {rank}', version is not None and bits(db, version) == whole, told)
        db.close()
    job.begin('')
    job.end()


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='gru4rec-mpi-') as place:
        os.mkdir(place + '/3')
        three = Files(place + '/3', 3, 'wal', 3, 1)
        for who in range(3) if options.long else [random.randrange(3)]:
            full(three, who)
        lost(three)
        refused(three)
        half(three)
        prepared(three)
        first(three)
        os.mkdir(place + '/4')
        pairs = Files(place + '/4', 4, 'wal', 2, 1)  # ranks 2 and 3 share a file
        for who in (0, 2) if options.long else [0]:
            full(pairs, who)
        prepared(pairs)
        common = 'n_epochs=4, layers=24, batch_size=8, checkpoint_epochs=1, blend=0'
        long = ('adapt=adam, dropout_p_embed=0.2, dropout_p_hidden=0.1, train_random_order=true',
                'momentum=0.3, n_sample=all, validation=0.1, patience=1, bptt=3')
        for settings in long if options.long else long[:1]:
            resumed(three, f"SELECT gru4rec_train('rec', '{common}, {settings}')")
        # The same version in all files, and new events.
        status, out = do(three.fresh(), f"SELECT gru4rec_train('rec', '{common}, keep_optimizer=true')")
        check('a version of all', status == 0, out)
        three.keep('INSERT INTO clicks SELECT session_id + 5000, item_id + ts % 2, ts + 9000 FROM clicks WHERE ts < 4000')
        resumed(three, f"SELECT gru4rec_train('rec', '{common}, warm_start=true, since=last, keep_optimizer=true')")
        three.forget_models()  # the training makes the model
        resumed(three, f"SELECT gru4rec_train('rec', 'clicks', '{common}')")
    finish()
