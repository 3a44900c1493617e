"""two_trainings.py - two trainings of one model at once: from two processes, and on one connection."""
from common import *


def versions(db):
    """All but those that are retired."""
    return db.execute("SELECT version, run, status FROM rec_version WHERE status <> 'retired' "
                      "ORDER BY version").fetchall()


def check_both(what, path, first, second, epochs):
    """first, second: processes that train; epochs: of each. The later to commit is active."""
    db = connect(path)
    summaries = [first.summary(), second.summary()]
    later, earlier = (0, 1) if first.end > second.end else (1, 0)
    numbers = [s['version'] for s in summaries]
    check(f'{what}: numbers go by commit', numbers[later] > numbers[earlier] > 1, numbers)
    check(f'{what}: the later commit is active', active(db) == numbers[later], (active(db), numbers))
    check(f'{what}: both are ready', [v[2] for v in versions(db)] == ['ready', 'ready'], versions(db))
    check(f'{what}: two runs', len({v[1] for v in versions(db)}) == 2)
    for i in 0, 1:
        rows = db.execute('SELECT epoch FROM rec_epoch WHERE version = ? ORDER BY epoch', (numbers[i],)).fetchall()
        check(f'{what}: all epochs of version {numbers[i]}', [r[0] for r in rows] == list(range(epochs[i])) or
              [r[0] for r in rows] == list(range(1, epochs[i] + 1)), rows)
        stored = json.loads(value(db, 'SELECT summary FROM rec_version WHERE version = ?', numbers[i]))
        check(f'{what}: summary of version {numbers[i]}', stored == summaries[i], stored)
    check(f'{what}: no other epochs', value(db, 'SELECT count(*) FROM rec_epoch WHERE version NOT IN '
                                               '(SELECT version FROM rec_version)') == 0)
    check(f'{what}: the file is whole', is_whole(db))
    rows = ranking(db)
    db.close()
    return rows


def two_processes(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    expected = {}
    for seed, n in (1, 10), (2, 25):
        train(db, f'n_epochs={n}, seed={seed}')
        expected[seed] = ranking(db)
    db.close()
    first, second = Process(path), Process(path)
    cases = [('the first ends last', 25, 10, 0), ('the second ends last', 10, 25, 0), ('of one length', 10, 10, 0),
             ('patient with nobody', 10, 10, 1)]
    for what, n, m, is_impatient in cases[:2 if QUICK else 4]:
        if is_impatient:
            first, second = Process(path, timeout=0), Process(path, timeout=0)
        seeds = (2 if n == 25 else 1), (2 if m == 25 else 1)
        first.train(f'n_epochs={n}, seed={seeds[0]}')
        if n != m:
            db = connect(path)
            wait_training(db)
            db.close()
        second.train(f'n_epochs={m}, seed={seeds[1]}')
        rows = check_both(f'{journal}, {what}', path, first, second, (n, m))
        later = seeds[0] if first.end > second.end else seeds[1]
        check(f'{journal}, {what}: its ranking', rows == expected[later])


def overtaken_and_forgotten(directory, journal):
    """With keep_versions=1 the first to commit must not forget the one that still runs."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, options='layers=32, n_sample=64, keep_versions=1')
    train(db)
    slow, fast = Process(path), Process(path)
    slow.train('n_epochs=40')
    wait_training(db)
    for _ in range(2):
        fast.train('n_epochs=3')
        fast.summary()
    check(f'{journal}: still there', value(db, "SELECT count(*) FROM rec_version WHERE status = 'training'") == 1)
    summary = slow.summary()
    check(f'{journal}: it takes a new number', summary['version'] == active(db) == 5, summary)
    check(f'{journal}: all its epochs', value(db, 'SELECT count(*) FROM rec_epoch WHERE version = 5') == 40)
    check(f'{journal}: only one is kept', [v[0] for v in versions(db)] == [5], versions(db))
    check(f'{journal}: the file is whole', is_whole(db))
    check(f'{journal}: the others are retired', db.execute(
        "SELECT version FROM rec_version WHERE status = 'retired' ORDER BY version").fetchall() == [(1,), (3,), (4,)])
    for table in 'item', 'tensor':
        check(f'{journal}: nothing else in rec_{table}',
              value(db, f'SELECT group_concat(DISTINCT version) FROM rec_{table}') == '5')
    db.close()


def two_models(directory, journal):
    """Two models of one file, and a model that both processes create."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('CREATE VIRTUAL TABLE other USING gru4rec(clicks, layers=16, n_sample=64)')
    first, second = Process(path), Process(path)
    first.send("SELECT gru4rec_train('rec', 'n_epochs=10')")
    second.send("SELECT gru4rec_train('other', 'n_epochs=10')")
    check(f'{journal}: two models', (first.summary()['version'], second.summary()['version']) == (1, 1))
    check(f'{journal}: both are whole', is_whole(db) and is_whole(db, 'other'))

    for process in first, second:
        process.send("SELECT gru4rec_train('fresh', 'clicks', 'layers=16, n_sample=64, n_epochs=5')")
    outcomes = []
    for process in first, second:
        try:
            outcomes.append(process.summary()['version'])
        except sqlite3.Error as e:
            outcomes.append(str(e))
    check(f'{journal}: both create one model', sorted(map(str, outcomes)) == ['1', '2'], outcomes)
    check(f'{journal}: it is whole', is_whole(db, 'fresh'))
    db.close()


def one_connection(directory):
    db = make_shop(directory + '/shop.db')
    train(db)
    old = ranking(db)
    call = "gru4rec_train('rec', 'n_epochs=1')"
    for what, sql in (
            ('in the source', "SELECT gru4rec_train('rec', '(SELECT session, item, ts FROM clicks WHERE "
             "length(gru4rec_train(''rec'', ''n_epochs=1'')) > 0 AND item > 0)')"),
            ('in a column of the source', "SELECT gru4rec_train('rec', 'SELECT session, item, "
             "ts + length(gru4rec_train(''rec'', ''n_epochs=1'')) AS ts FROM clicks')"),
            ('of another model', "SELECT gru4rec_train('rec', 'SELECT session, item, "
             "ts + length(gru4rec_train(''fresh'', ''clicks'')) AS ts FROM clicks')")):
        message = error(db, sql)
        check(f'a training {what}', 'a training runs on this connection' in message, message)
    message = error(db, f'SELECT * FROM gru4rec_evaluate(?, ?)', 'rec',
                    f"SELECT session, item, ts + length({call}) AS ts FROM clicks")
    check('a training in the source of an evaluation', message.startswith('gru4rec: '), message)
    check('nothing happened', active(db) == 1 and ranking(db) == old, active(db))
    check('nothing was created', value(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'fresh%'") == 0)
    # the three above that could not read their source have the numbers 2 to 4
    check('two after each other', error(db, f'SELECT {call}, {call}') == '' and active(db) == 6, active(db))

    # from a function of the host that the source calls
    db.create_function('again', 1, lambda x: x + len(error(db, f'SELECT {call}')))
    db.create_function('refused', 1, lambda x: messages.append(error(db, f'SELECT {call}')) or x)
    messages = []
    check('around a function that trains', error(
        db, "SELECT gru4rec_train('rec', 'SELECT session, item, refused(ts) AS ts FROM clicks LIMIT 20')") == '')
    check('it was refused there', len(messages) >= 20 and
          all('a training runs on this connection' in m for m in messages), messages[:1])

    # two threads that share a connection: SQLite lets one wait for the other
    threads = [Thread(error, db, "SELECT gru4rec_train('rec', 'n_epochs=5')") for _ in range(2)]
    messages = [t.join() for t in threads]
    check('two threads on one connection', all(m == '' or 'a training runs on this' in m for m in messages) and
          '' in messages, messages)
    check('the file is whole', is_whole(db))
    db.close()


for journal in SOME:
    run(two_processes, journal)
    run(overtaken_and_forgotten, journal)
    run(two_models, journal)
run(one_connection)
finish()
