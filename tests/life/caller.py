"""caller.py - what a call leaves as the caller had it: the last rowid, the changes, the transaction, the statements."""
import contextlib

from calls import READERS, WRITERS, every_function_is_listed, parameters, small_shop
from common import *


def changes(db):
    return db.execute('SELECT changes(), total_changes()').fetchone()


def check_rowid(db, what, sql, *arguments, writes=True):
    """A call leaves the last rowid and the transaction; one that only reads leaves the counts of changes too."""
    db.execute('INSERT INTO ids VALUES (4711)')
    state, before = db.in_transaction, changes(db)
    message = error(db, sql, *arguments)
    rowid = value(db, 'SELECT last_insert_rowid()')
    check(f'{what}: last_insert_rowid()', rowid == 4711, (rowid, message))
    check(f'{what}: changes()', writes or changes(db) == before, (before, changes(db)))
    check(f'{what}: the state of the transaction', db.in_transaction == state)
    db.execute('DELETE FROM ids')
    return message


TRAINED = "(SELECT max(version) FROM rec_version WHERE status = 'ready')"
TUNING = 'trials=2, threads=1, seed=1'

# Beside the calls of calls.py, one after another: what a call that fails leaves, and what changes the model again.
CASES = [
    ('training', True, "SELECT gru4rec_train('rec', 'n_epochs=2')"),
    ('a checkpoint', True, "SELECT gru4rec_train('rec', 'n_epochs=2, checkpoint_epochs=1')"),
    ('an unknown option', False, "SELECT gru4rec_train('rec', 'x=1')"),
    ('no memory', False, "SELECT gru4rec_train('rec', 'memory_limit=1')"),
    ('no source', False, "SELECT gru4rec_train('rec', 'nowhere')"),
    ('a row that cannot be read', False, "SELECT gru4rec_train('rec', '(SELECT session, item, x''00'' AS ts FROM clicks)')"),
    ('nowhere to write', False, "INSERT INTO notes SELECT gru4rec_train('rec')"),
    ('tuning with an error', False, f"SELECT gru4rec_tune('rec', '{TUNING}, x=1')"),
    ('deploying', True, f"SELECT gru4rec_deploy('rec', {TRAINED})"),
    ('deploying nothing', False, "SELECT gru4rec_deploy('rec', 99999)"),
    ('configuring', True, "SELECT gru4rec_configure('rec', 'source=(SELECT * FROM clicks)')"),
    ('configuring back', True, "SELECT gru4rec_configure('rec', 'source=clicks')"),
    ('configuring with an error', False, "SELECT gru4rec_configure('rec', 'source=nowhere')"),
    ('importing', True, "SELECT gru4rec_import('imported', (SELECT x FROM notes))"),
    ('importing nothing', False, "SELECT gru4rec_import('imported', x'00')"),
    ('CREATE', True, 'CREATE VIRTUAL TABLE "made" USING gru4rec(clicks)'),
    ('renaming', True, 'ALTER TABLE made RENAME TO made2'),
    ('DROP', True, 'DROP TABLE made2')]
TRANSACTIONS = ('', ''), ('BEGIN', 'COMMIT'), ('BEGIN', 'ROLLBACK'), ('SAVEPOINT s', 'RELEASE s')
# Refused inside a transaction.
ALONE = 'checkpoint', 'gru4rec_tune'


def shop_of_calls(directory, journal):
    """With a table of which check_rowid() inserts a row, and an exported model in notes."""
    db = small_shop(directory, journal=journal)
    db.execute('CREATE TABLE ids(id INTEGER PRIMARY KEY)')
    db.execute("INSERT INTO notes SELECT gru4rec_export('rec')")
    return db


@contextlib.contextmanager
def transaction(db, kind, what):
    """Begins and ends it; gives a text for it."""
    begin, end = kind
    where = f'{what}, {begin or "autocommit"} {end}'
    if begin:
        db.execute(begin)
    yield where
    if end:
        db.execute(end)
    check(f'{where}: no transaction is left', not db.in_transaction)


def works(db, sql):
    """Whether it does, inside a transaction or outside."""
    return not (db.in_transaction and any(word in sql for word in ALONE))


def last_rowid(directory, journal):
    db = shop_of_calls(directory, journal)
    for kind in TRANSACTIONS:
        with transaction(db, kind, journal) as where:
            for what, is_fine, sql in CASES:
                is_fine = is_fine and works(db, sql)
                message = check_rowid(db, f'{where}, {what}', sql)
                check(f'{where}, {what}: {"works" if is_fine else "fails"}', (message == '') == is_fine, message)
            check_rowid(db, f'{where}, creating', 'SELECT gru4rec_train(?, ?, ?)', f'new {kind}', 'clicks', 'layers=8, n_epochs=1')
    check(f'{journal}: the file is whole', is_whole(db))
    db.close()


def readers(directory, journal):
    """Each of them, and with a model that is not there."""
    db = shop_of_calls(directory, journal)
    for kind in TRANSACTIONS:
        with transaction(db, kind, journal) as where:
            for sql in (*READERS.values(), 'PRAGMA integrity_check'):
                arguments = parameters(sql, f'{directory}/out')
                message = check_rowid(db, f'{where}, {sql}', sql, *arguments, writes=False)
                check(f'{where}, {sql}: works', message == '', message)
                failing = sql.replace("'rec'", "'nobody'")
                if failing != sql:
                    message = check_rowid(db, f'{where}, {failing}', failing, *arguments, writes=False)
                    check(f'{where}, {failing}: fails', message != '')
    db.close()


def writers(directory, journal):
    """Each of them on a copy of its own."""
    shop_of_calls(directory, journal).close()
    for sql in WRITERS.values():
        for kind in TRANSACTIONS:
            shutil.copy(f'{directory}/shop.db', f'{directory}/copy.db')
            db = connect(f'{directory}/copy.db')
            with transaction(db, kind, journal) as where:
                is_fine = works(db, sql)
                message = check_rowid(db, f'{where}, {sql}', sql)
                check(f'{where}, {sql}: {"works" if is_fine else "fails"}', (message == '') == is_fine, message)
            db.close()


def late_row(directory, journal):
    """
    The row of a run that could not be written when the run began, because another connection wrote at that moment, is
    inserted later: with how the run ended, or by the next call that writes.
    """
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    other = connect(path, is_loaded=False)

    def fail(is_free):
        if is_free:
            other.execute('ROLLBACK')
        raise ValueError

    db.create_function('fail', 1, fail)
    db.execute('CREATE TABLE ids(id INTEGER PRIMARY KEY)')
    for is_free in (1, 0):
        db.execute('DELETE FROM ids')
        db.execute('INSERT INTO ids VALUES (4711)')
        before = value(db, 'SELECT count(*) FROM rec_version')
        other.execute('BEGIN IMMEDIATE')
        db.execute('PRAGMA busy_timeout = 0')
        message = error(db, f"SELECT gru4rec_train('rec', '(SELECT session, item, fail({is_free}) AS ts FROM clicks)')")
        check(f'{journal}, {is_free}: the training fails', 'exception' in message, message)
        check(f'{journal}, {is_free}: the last rowid after it', value(db, 'SELECT last_insert_rowid()') == 4711)
        if not is_free:
            other.execute('ROLLBACK')
            db.execute(f"SELECT gru4rec_deploy('rec', {TRAINED})")
            check(f'{journal}, {is_free}: the last rowid after a deploy', value(db, 'SELECT last_insert_rowid()') == 4711)
        check(f'{journal}, {is_free}: the row is inserted', value(db, 'SELECT count(*) FROM rec_version') == before + 1)
    other.close()
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


every_function_is_listed(connect(':memory:'))
for journal in SOME:
    run(last_rowid, journal)
    run(readers, journal)
    run(writers, journal)
    run(late_row, journal)
run(python_transactions)
run(closing)
finish()
