"""caller.py - what a call leaves as the caller had it: the last rowid, the changes, the transaction, the statements."""
import re

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

# Each function and table of ours that a statement can call: those that write, then those that only read.
WRITERS = [
    ('training', True, "SELECT gru4rec_train('rec', 'n_epochs=2')"),
    ('a checkpoint', True, "SELECT gru4rec_train('rec', 'n_epochs=2, checkpoint_epochs=1')"),
    ('an unknown option', False, "SELECT gru4rec_train('rec', 'x=1')"),
    ('no memory', False, "SELECT gru4rec_train('rec', 'memory_limit=1')"),
    ('no source', False, "SELECT gru4rec_train('rec', 'nowhere')"),
    ('a row that cannot be read', False, "SELECT gru4rec_train('rec', '(SELECT session, item, x''00'' AS ts FROM clicks)')"),
    ('nowhere to write', False, "INSERT INTO notes SELECT gru4rec_train('rec')"),
    ('tuning', True, f"SELECT gru4rec_tune('rec', '{TUNING}, n_epochs=1')"),
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
READERS = [
    "SELECT gru4rec_check('rec')", "SELECT gru4rec_info('rec')", "SELECT gru4rec_export('rec')",
    "SELECT gru4rec_embedding('rec', 1001)", "SELECT gru4rec_score('rec', 1001, 1002)",
    "SELECT gru4rec_step('rec', gru4rec_step('rec', NULL, 1001), 1002)",
    "SELECT gru4rec_state('rec', item) FROM (SELECT item FROM clicks LIMIT 3)",
    "SELECT gru4rec_time(1700000000)", "SELECT gru4rec_time_rest(1700000000)", "SELECT gru4rec_version()",
    "SELECT count(*) FROM rec WHERE session = 3", "SELECT * FROM gru4rec_recommend('rec', 1001)",
    "SELECT * FROM gru4rec_similar('rec', 1001)", "SELECT * FROM gru4rec_explain('rec', '[1001, 1008]', 1057)",
    "SELECT * FROM gru4rec_evaluate('rec', 'clicks')", "SELECT * FROM gru4rec_compare('rec', 'rec', 'clicks')",
    "SELECT gru4rec_report('rec')",
    "SELECT gru4rec_report('rec', 'test=(SELECT * FROM clicks WHERE session < 40), baselines=pop')",
    "SELECT gru4rec_plot('rec', 'lengths')",
    "SELECT gru4rec_plot('rec', 'positions', 'test=(SELECT * FROM clicks WHERE session < 40), baselines=pop')",
    "SELECT * FROM gru4rec_audit('rec')", "SELECT * FROM gru4rec_batches('clicks', 32) LIMIT 3",
    "SELECT * FROM gru4rec_options", "SELECT * FROM gru4rec_help", "SELECT * FROM gru4rec_status('rec')", 'PRAGMA integrity_check']


def all_are_called(directory):
    """WRITERS and READERS leave out no function and no table of ours."""
    db = connect(directory + '/shop.db')
    calls = ' '.join([sql for _, _, sql in WRITERS] + READERS)
    for name, in db.execute("SELECT name FROM pragma_function_list WHERE name LIKE 'gru4rec%' UNION "
                            "SELECT name FROM pragma_module_list WHERE name LIKE 'gru4rec%'"):
        check(f'{name} is called', re.search(rf'\b{name}\b', calls))
    db.close()


def last_rowid(directory, journal):
    db = make_shop(directory + '/shop.db', journal)
    db.execute('CREATE TABLE ids(id INTEGER PRIMARY KEY)')
    train(db)
    db.execute("INSERT INTO notes SELECT gru4rec_export('rec')")
    for begin, end in (('', ''), ('BEGIN', 'COMMIT'), ('BEGIN', 'ROLLBACK'), ('SAVEPOINT s', 'RELEASE s')):
        if begin:
            db.execute(begin)
        where = f'{journal}, {begin or "autocommit"} {end}'
        for what, is_fine, sql in WRITERS:
            if what in ('a checkpoint', 'tuning'):  # they are refused inside a transaction
                is_fine = not begin
            message = check_rowid(db, f'{where}, {what}', sql)
            check(f'{where}, {what}: {"works" if is_fine else "fails"}', (message == '') == is_fine, message)
        new = f'new {begin} {end}'
        check_rowid(db, f'{where}, creating', 'SELECT gru4rec_train(?, ?, ?)', new, 'clicks', 'layers=8, n_epochs=1')
        for sql in READERS:
            message = check_rowid(db, f'{where}, {sql}', sql, writes=False)
            check(f'{where}, {sql}: works', message == '', message)
            failing = sql.replace("'rec'", "'nobody'")
            if failing != sql:
                message = check_rowid(db, f'{where}, {failing}', failing, writes=False)
                check(f'{where}, {failing}: fails', message != '')
        if end:
            db.execute(end)
        check(f'{where}: no transaction is left', not db.in_transaction)
    check(f'{journal}: the file is whole', is_whole(db))
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


run(all_are_called)
for journal in SOME:
    run(last_rowid, journal)
    run(late_row, journal)
run(python_transactions)
run(closing)
finish()
