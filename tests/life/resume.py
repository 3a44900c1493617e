"""resume.py - a training that was killed or interrupted goes on from its checkpoint, to the same bits."""
from common import *

EPOCHS = 24
COMMON = f'n_epochs={EPOCHS}, seed=7, checkpoint_epochs=2, keep_optimizer=true'
KINDS = {
    'cross-entropy': 'logq=1, dropout_p_hidden=0.2, dropout_p_embed=0.1',
    'momentum, random order': 'loss=bpr-max, momentum=0.3, train_random_order=true',
    'adam, bptt': 'adapt=adam, learning_rate=0.003, bptt=3',
    'adadelta, two layers': 'adapt=adadelta, layers=16/24, embedding=8',
    'blend': 'blend=auto, blend_sessions=3000, validation=0.2',
    'bfloat16': 'precision=bfloat16, momentum=0.1, layers=48',
    'validation': 'validation=0.2, patience=16, learning_rate=0.2',
}


def result(db):
    """All that a training leaves but times and names."""
    version = active(db)
    has_blend = value(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'rec_blend'")
    return (db.execute('SELECT chunk, checksum, data FROM rec_blend ORDER BY chunk').fetchall() if has_blend else None,
            value(db, "SELECT options ->> 'blend' FROM rec_version WHERE version = ?", version),
            db.execute('SELECT name, chunk, shape, checksum, data FROM rec_tensor WHERE version = ? ORDER BY 1, 2',
                       (version,)).fetchall(),
            db.execute('SELECT epoch, loss, cost, steps, events, recall, mrr, updates FROM rec_epoch '
                       'WHERE version = ? ORDER BY 1', (version,)).fetchall(),
            db.execute('SELECT row, item, support FROM rec_item WHERE version = ? ORDER BY 1', (version,)).fetchall())


def checkpoint(db):
    return value(db, "SELECT max(summary ->> '$.checkpoint') FROM rec_version WHERE status <> 'ready'")


def stop_at(path, epoch, options):
    """Kills a training a moment after its checkpoint of that epoch was written."""
    process = Process(path)
    process.train(f'{COMMON}, {options}')
    db = connect(path)
    wait_for(db, f"SELECT max(summary ->> '$.checkpoint') >= {epoch} FROM rec_version WHERE status <> 'ready'")
    time.sleep(random.uniform(0, 0.03))
    process.kill()
    return db


def killed(directory, journal, kind):
    what, options = f'{journal}, {kind}', KINDS[kind]
    alone = make_shop(directory + '/alone.db', journal)
    best = train(alone, f'{COMMON}, {options}')['best_epoch']
    path = directory + '/shop.db'
    make_shop(path, journal).close()
    for epoch in (2, 6):
        db = stop_at(path, epoch, options)
        stopped = checkpoint(db)
        check(f'{what}: stopped', stopped and 2 <= stopped < EPOCHS, stopped)
        check(f'{what}: what is there is whole', value(db, 'PRAGMA integrity_check') == 'ok')
        if epoch == 2:
            db.close()
            process = Process(path)  # and once more, while it goes on
            process.train('resume=true')
            db = connect(path)
            wait_for(db, f"SELECT max(summary ->> '$.checkpoint') >= 6 FROM rec_version WHERE status <> 'ready'")
            process.kill()
        summary = train(db, 'resume=true')
        check(f'{what}: the same bits', result(db) == result(alone))
        check(f'{what}: the same best epoch', summary['best_epoch'] == best, summary)
        check(f'{what}: one run, no rest', is_whole(db) and
              value(db, "SELECT count(*) FROM rec_version WHERE status <> 'ready'") == 0 and
              value(db, "SELECT count(*) FROM rec_tensor WHERE name LIKE 'best.%'") == 0)
        db.execute('DROP TABLE rec')
        db.close()
        if epoch == 2:
            db = connect(path)
            db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32, n_sample=64)')
            db.close()


def interrupted(directory, journal):
    """The first training of a model that does not exist yet; others are in the way of a checkpoint."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('DROP TABLE rec')
    other = connect(path)
    training = Thread(error, db, f"SELECT gru4rec_train('rec', 'clicks', 'layers=32, n_sample=64, {COMMON}, "
                                 "n_epochs=100000')")
    check(f'{journal}: a checkpoint makes the model',
          wait_for(other, "SELECT count(*) FROM sqlite_master WHERE name = 'rec_version'") and
          wait_for(other, "SELECT max(summary ->> '$.checkpoint') >= 4 FROM rec_version"))
    other.execute('BEGIN IMMEDIATE')
    seen = value(other, "SELECT max(summary ->> '$.checkpoint') FROM rec_version")
    time.sleep(0.2)
    other.execute('COMMIT')
    check(f'{journal}: the next one after a writer',
          wait_for(other, f"SELECT max(summary ->> '$.checkpoint') > {seen} FROM rec_version"))
    check(f'{journal}: alive, so not to be resumed',
          'no interrupted run' in error(other, "SELECT gru4rec_train('rec', 'resume=true')"))
    db.interrupt()
    check(f'{journal}: interrupted', 'interrupted' in training.join())
    epochs = checkpoint(other) + 3
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true, learning_rate=0.1')")
    check(f'{journal}: with its own options', 'leave out learning_rate' in message, message)
    db.execute('INSERT INTO clicks VALUES (1, 1001, 0)')
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true')")
    check(f'{journal}: with its own events', 'the events are not those' in message, message)
    db.execute('DELETE FROM clicks WHERE session = 1 AND item = 1001 AND ts = 0')
    summary = train(db, f'resume=true, n_epochs={epochs}')
    check(f'{journal}: goes on, and ends where it is told', summary['epochs'] == epochs, summary)
    alone = make_shop(directory + '/alone.db', journal)
    train(alone, f'{COMMON}, n_epochs={epochs}')
    check(f'{journal}: to the same bits', result(db) == result(alone))
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true')")
    check(f'{journal}: once', 'no interrupted run' in message, message)


def given_up(directory):
    """A training that ends takes away the checkpoints of those that did not."""
    path = directory + '/shop.db'
    make_shop(path).close()
    db = stop_at(path, 2, KINDS['cross-entropy'])
    train(db, 'n_epochs=1')
    check('no checkpoint is left', value(db, "SELECT count(*) FROM rec_tensor WHERE version <> "
                                             "(SELECT value FROM rec_config WHERE key = 'version')") == 0)
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true')")
    check('nothing to resume', 'no interrupted run' in message, message)


def other_source(directory):
    path = directory + '/shop.db'
    db = make_shop(path)
    db.execute('CREATE TABLE some AS SELECT * FROM clicks WHERE session < 900')
    process = Process(path)
    process.send(f"SELECT gru4rec_train('rec', 'some', '{COMMON}')")
    wait_for(db, "SELECT max(summary ->> '$.checkpoint') >= 2 FROM rec_version")
    process.kill()
    message = error(db, "SELECT gru4rec_train('rec', 'resume=true')")
    check('a source of its own must be named', 'trained on some; name that source' in message, message)
    summary = json.loads(value(db, "SELECT gru4rec_train('rec', 'some', 'resume=true')"))
    check('and is taken', summary['sessions'] == 900 and summary['epochs'] == EPOCHS, summary)


def two_at_once(directory):
    """Of two that go on from the same run one is refused, and what the other wrote is not touched."""
    path = directory + '/shop.db'
    make_shop(path).close()
    stop_at(path, 2, KINDS['cross-entropy']).close()
    holder = connect(path)
    holder.execute('BEGIN IMMEDIATE')
    first, second = connect(path), connect(path)
    trainings = [Thread(error, db, "SELECT gru4rec_train('rec', 'resume=true')") for db in (first, second)]
    time.sleep(0.5)
    holder.execute('COMMIT')
    messages = sorted(t.join() for t in trainings)
    check('one of two is refused', messages[0] == '' and 'already resumed this run' in messages[1], messages)
    alone = make_shop(directory + '/alone.db')
    train(alone, f"{COMMON}, {KINDS['cross-entropy']}")
    check('the other is as if alone', result(holder) == result(alone))
    check('and its version is whole', is_whole(holder) and
          value(holder, "SELECT count(*) FROM rec_version WHERE status = 'ready'") == 1)


def damaged(directory):
    """What a checkpoint says is not trusted."""
    path = directory + '/shop.db'
    make_shop(path).close()
    db = stop_at(path, 4, KINDS['cross-entropy'])
    version = value(db, 'SELECT max(version) FROM rec_version')
    for what, sql in (
            ('epochs below 1', 'generate'),
            ('an epoch that is not there', 'DELETE FROM rec_epoch WHERE version = ? AND epoch = 2'),
            ('a number of epochs beyond all', "UPDATE rec_version SET summary = json_set(summary, '$.checkpoint', "
                                              '1152921504606846976) WHERE version = ?')):
        db.execute('SAVEPOINT damage')
        if 'generate' in sql:
            db.executemany('INSERT INTO rec_epoch(version, epoch) VALUES (?, ?)', [(version, -i) for i in range(3000)])
        else:
            db.execute(sql, (version,))
        message = error(db, "SELECT gru4rec_train('rec', 'resume=true, checkpoint_epochs=0')")
        check(f'damaged: {what}', 'is damaged: epochs of the run to resume' in message, message)
        db.execute('ROLLBACK TO damage')
        db.execute('RELEASE damage')
    db.execute("UPDATE rec_version SET process = '1 1 -1 elsewhere.example', status = 'training' WHERE version = ?",
               (version,))
    summary = train(db, 'resume=true, threads=1')
    check('a run of another machine is resumed', summary['epochs'] == EPOCHS, summary)


for kind in list(KINDS)[::2] if QUICK else KINDS:
    run(killed, 'wal', kind)
if not QUICK:
    run(killed, 'delete', 'validation')
for journal in SOME:
    run(interrupted, journal)
run(given_up)
run(other_source)
run(two_at_once)
run(damaged)
finish()
