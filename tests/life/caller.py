"""caller.py - what a training leaves as the caller had it: the last rowid, the transaction, the statements."""
from common import *


def check_rowid(db, what, sql, *arguments):
    db.execute('INSERT INTO ids VALUES (4711)')
    state = db.in_transaction
    message = error(db, sql, *arguments)
    rowid = value(db, 'SELECT last_insert_rowid()')
    check(f'{what}: last_insert_rowid()', rowid == 4711, (rowid, message))
    check(f'{what}: the state of the transaction', db.in_transaction == state)
    db.execute('DELETE FROM ids')
    return message


def last_rowid(directory, journal):
    db = make_shop(directory + '/shop.db', journal)
    db.execute('CREATE TABLE ids(id INTEGER PRIMARY KEY)')
    blob = None
    for begin, end in (('', ''), ('BEGIN', 'COMMIT'), ('BEGIN', 'ROLLBACK'), ('SAVEPOINT s', 'RELEASE s')):
        if begin:
            db.execute(begin)
        where = f'{journal}, {begin or "autocommit"} {end}'
        new = f'new {begin} {end}'
        calls = [
            ('training', True, "SELECT gru4rec_train('rec', 'n_epochs=2')", ()),
            ('creating', True, 'SELECT gru4rec_train(?, ?, ?)', (new, 'clicks', 'layers=8, n_epochs=1')),
            ('an unknown option', False, "SELECT gru4rec_train('rec', 'x=1')", ()),
            ('no memory', False, "SELECT gru4rec_train('rec', 'memory_limit=1')", ()),
            ('no source', False, "SELECT gru4rec_train('rec', 'nowhere')", ()),
            ('nowhere to write', False, "INSERT INTO notes SELECT gru4rec_train('rec')", ()),
            ('serving', True, "SELECT count(*) FROM gru4rec_recommend('rec', 1001)", ()),
            ('evaluating', True, "SELECT * FROM gru4rec_evaluate('rec', 'clicks')", ()),
            ('deploying', True, "SELECT gru4rec_deploy('rec', (SELECT max(version) FROM rec_version WHERE status = 'ready'))", ()),
            ('configuring', True, "SELECT gru4rec_configure('rec', 'source=(SELECT * FROM clicks)')", ()),
            ('configuring back', True, "SELECT gru4rec_configure('rec', 'source=clicks')", ()),
            ('configuring with an error', False, "SELECT gru4rec_configure('rec', 'source=nowhere')", ()),
            ('export', True, "SELECT gru4rec_export('rec')", ()),
            ('check', True, "SELECT gru4rec_check('rec')", ()),
            ('CREATE', True, f'CREATE VIRTUAL TABLE "made {new}" USING gru4rec(clicks)', ()),
            ('DROP', True, f'DROP TABLE "made {new}"', ())]
        if blob:
            calls.append(('import', True, 'SELECT gru4rec_import(?, ?)', ('imported', blob)))
        for what, is_fine, sql, arguments in calls:
            message = check_rowid(db, f'{where}, {what}', sql, *arguments)
            check(f'{where}, {what}: {"works" if is_fine else "fails"}', (message == '') == is_fine, message)
        if not blob:
            blob = value(db, "SELECT gru4rec_export('rec')")
        if end:
            db.execute(end)
        check(f'{where}: no transaction is left', not db.in_transaction)
    check(f'{journal}: the file is whole', is_whole(db))
    db.close()


def python_transactions(directory):
    """Python's own way of beginning transactions: SELECT gru4rec_train() begins none and commits nothing."""
    path = directory + '/shop.db'
    make_shop(path).close()
    db = sqlite3.connect(path)
    load(db)
    watcher = connect(path)
    db.execute("SELECT gru4rec_train('rec', 'n_epochs=1')").fetchall()
    check('python: committed by itself', not db.in_transaction and active(watcher) == 1)
    db.execute('INSERT INTO notes VALUES (1)')
    db.execute("SELECT gru4rec_train('rec', 'n_epochs=1')").fetchall()
    check('python: in the transaction', db.in_transaction and active(watcher) == 1 and active(db) == 2)
    db.commit()
    check('python: commit()', active(watcher) == 2 and value(watcher, 'SELECT count(*) FROM notes') == 1)
    with db:
        db.execute('INSERT INTO notes VALUES (2)')
        db.execute("SELECT gru4rec_train('rec', 'n_epochs=1')").fetchall()
    check('python: with', active(watcher) == 3)
    db.close()
    watcher.close()


def closing(directory):
    """No statement is left: the connection closes at once, in the middle of cursors and after errors."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    error(db, "SELECT gru4rec_train('rec', 'x=1')")
    error(db, "SELECT * FROM gru4rec_recommend('rec', '[')")
    cursors = [db.execute(sql) for sql in ('SELECT * FROM rec', "SELECT * FROM gru4rec_recommend('rec', 1001)")]
    for cursor in cursors:
        cursor.fetchone()
        cursor.close()
    db.close()
    # sqlite3_close() of the shell, which complains about what is left
    output = shell(path, "SELECT gru4rec_train('rec', 'n_epochs=1') IS NOT NULL;\n"
                   "SELECT gru4rec_train('rec', 'x=1');\nSELECT count(*) FROM rec WHERE session = 3;")
    check('closing: the shell', 'no option' in output and output.endswith('300\n') and 'close' not in output, output)
    check('closing: the file is free', error(connect(path, timeout=0), 'BEGIN EXCLUSIVE') == '')


for journal in SOME:
    run(last_rowid, journal)
run(python_transactions)
run(closing)
finish()
