"""refusals.py - what an authorizer or a limit refuses is an error that says so: no damage, no other name for it."""
from common import *

READ, PRAGMA, IGNORE, DENY = sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_IGNORE, sqlite3.SQLITE_DENY
REFUSED = 'not authorized', 'prohibited'


def small_shop(directory, name='shop.db'):
    return make_shop(f'{directory}/{name}', rows=clicks(60, 20, 4),
                     options='layers=4, n_sample=4, n_epochs=1, threads=1')


def rows_or_error(db, sql, *arguments):
    try:
        return db.execute(sql, arguments).fetchall(), ''
    except sqlite3.Error as e:
        return None, str(e)
    except MemoryError:  # a limit that SQLite reports so
        return None, 'out of memory'


def each_denied(db, sql, answer):
    """Yields what a statement gives when the authorizer's n-th call is answered so, for every n."""
    n = 0
    is_hit = True
    while is_hit:
        calls = []

        def authorize(*arguments):
            calls.append(arguments)
            return answer if len(calls) == n + 1 else sqlite3.SQLITE_OK

        db.set_authorizer(authorize)
        rows, message = rows_or_error(db, sql)
        db.set_authorizer(None)
        is_hit = len(calls) > n
        n += 1
        yield n, calls[n - 1] if is_hit else None, rows, message


def check_is_no_finding(directory):
    """gru4rec_check() says 'ok', or fails."""
    db = small_shop(directory)
    train(db)
    train(db, 'n_epochs=1,keep_optimizer=true')
    bad = [r for r in each_denied(db, "SELECT gru4rec_check('rec')", DENY)
           if r[2] != [('ok',)] and not (r[1] and any(word in r[3] for word in REFUSED))]
    check('gru4rec_check(): each call of the authorizer denied', not bad, bad)
    n = wrong = 0
    for limit in range(12):
        most = db.setlimit(limit, -1)
        for most_now in (0, 1, 2, 5, 10, 30, 100, 300, 1000, 10000):
            db.setlimit(limit, most_now)
            rows, message = rows_or_error(db, "SELECT gru4rec_check('rec')")
            db.setlimit(limit, most)
            n += 1
            if rows != [('ok',)] and not message:
                wrong += 1
                check(f'gru4rec_check(): limit {limit} at {most_now}', False, rows)
    check(f'gru4rec_check(): {n} limits', wrong == 0)
    # damage is found all the same
    for sql in ('DROP TABLE rec_item', 'ALTER TABLE rec_version RENAME COLUMN options TO others',
                'ALTER TABLE rec_item DROP COLUMN support', "UPDATE rec_version SET options = 'x'",
                "UPDATE rec_config SET value = '99' WHERE key = 'format'", 'DROP TABLE rec_version'):
        db.execute('BEGIN')
        db.execute(sql)
        rows, message = rows_or_error(db, "SELECT gru4rec_check('rec')")
        db.execute('ROLLBACK')
        check(f'{sql} is damage', rows and rows[0][0].startswith('gru4rec: '), (rows, message))


def ids_denied(directory):
    """An authorizer that hides a part of an array makes an error, never other rows."""
    db = small_shop(directory)
    train(db)
    sql = """SELECT gru4rec_score('rec', ' [1001.0, null, 1002, 12.50, -0, "1003", 1004.5, 18446744073709551615]', 1005)"""
    whole = db.execute(sql).fetchall()
    for answer in DENY, sqlite3.SQLITE_IGNORE:
        bad = [r for r in each_denied(db, sql, answer) if r[2] != whole and not (r[1] and r[3]) and
               r[0] > 2]  # the first are of the statement itself
        check(f'ids of JSON: each call of the authorizer answered {answer}', not bad, bad)


def whole_integrity_check(directory):
    if sqlite3.sqlite_version_info < (3, 44):
        return
    db = small_shop(directory)
    train(db)
    bad = [r for r in each_denied(db, 'PRAGMA integrity_check', DENY) if r[2] not in (None, [('ok',)])]
    check('PRAGMA integrity_check: each call of the authorizer denied', not bad, bad)


def source_without_pragma(directory):
    """An untrusted schema's source is told from a virtual table without PRAGMA, or the authorizer's error is given."""
    db = small_shop(directory)
    db.execute('CREATE VIEW "v.w" AS SELECT * FROM clicks')
    db.execute(f"ATTACH '{directory}/other.db' AS other")
    db.execute('CREATE TABLE other.clicks2 AS SELECT * FROM clicks')
    for model, source in (('rec', None), ('viewed', '"v.w"'), ('other.attached', 'clicks2'), ('named', '"other.clicks2"'),
                          ('selected', '(SELECT * FROM clicks)')):
        if source:
            db.execute(f'CREATE VIRTUAL TABLE {model} USING gru4rec({source}, layers=4, n_sample=4, n_epochs=1)')
        train(db, 'n_epochs=1', model)
    for trusted in 'ON', 'OFF':
        db.execute(f'PRAGMA trusted_schema = {trusted}')
        for model in 'rec', 'viewed', 'other.attached', 'named', 'selected':
            sql = f'SELECT session, item FROM {model} WHERE session = 3 AND rank <= 3'
            expected = db.execute(sql).fetchall()
            what = f'{model}, trusted_schema={trusted}'
            check(f'{what}: rows', len(expected) == 3)
            for answer in DENY, IGNORE:
                db.set_authorizer(lambda action, *_: answer if action == PRAGMA else sqlite3.SQLITE_OK)
                rows, message = rows_or_error(db, sql)
                named, other = rows_or_error(db, f"SELECT gru4rec_score('{model.split('.')[-1]}', 1001, 1001)")
                db.set_authorizer(None)
                check(f'{what}: PRAGMA answered {answer}', rows == expected, message)
                check(f'{what}: PRAGMA answered {answer}, by its bare name', named is not None, other)
                db.set_authorizer(lambda action, table, *_: answer if action == READ and table == 'sqlite_master'
                                  else sqlite3.SQLITE_OK)
                rows, message = rows_or_error(db, sql)
                db.set_authorizer(None)
                check(f'{what}: sqlite_schema answered {answer}',
                      rows == expected or any(word in message for word in REFUSED), message)
                bad = [r for r in each_denied(db, sql, answer) if 'virtual table' in r[3]]
                check(f'{what}: each call answered {answer}', not bad, bad)
        # the row of a table that is being made is empty in the catalogue
        for table in 'main.made', 'temp.made':
            db.execute(f'CREATE TABLE {table} AS SELECT * FROM viewed')
            db.execute(f'DROP TABLE {table}')
    # what the rule is for
    if error(db, 'CREATE VIRTUAL TABLE texts USING fts5(session, item, ts)'):
        return
    db.execute("INSERT INTO texts SELECT session, item, ts FROM clicks")
    db.execute('PRAGMA trusted_schema = ON')
    for model, source in (('real', 'texts'), ('main_named', '"main.texts"')):
        db.execute(f'CREATE VIRTUAL TABLE {model} USING gru4rec({source}, layers=4, n_sample=4, n_epochs=1)')
        train(db, 'n_epochs=1', model)
        db.execute('PRAGMA trusted_schema = OFF')
        message = error(db, f"SELECT * FROM {model} WHERE session = '3'")
        check(f'{model}: a virtual table is not trusted', 'is a virtual table' in message, message)
        db.execute('PRAGMA trusted_schema = ON')


def length_before_training(directory):
    """A limit of lengths that the model does not fit is an error before the first epoch."""
    db = small_shop(directory)
    n_trained = n_refused = 0
    most = db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, -1)
    for options in 'layers=4', 'layers=300', 'layers=4,batch_size=8':
        for limit in list(range(30, 4000, 130)) + [5000, 10000, 100000, 1000000, 2000000]:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
            rows, message = rows_or_error(db, f"SELECT gru4rec_train('rec', '{options},n_epochs=1,keep_versions=1')")
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
            epochs = value(db, "SELECT count(*) FROM rec_epoch JOIN rec_version USING (version) WHERE status NOT IN ('ready', 'retired')")
            n_trained += rows is not None
            n_refused += rows is None
            check(f'{options}, limit {limit}: refused before the first epoch',
                  rows is not None or (epochs == 0 and 'damaged' not in message and message), message)
    check(f'limits of lengths: {n_trained} trained, {n_refused} refused', n_trained > 10 and n_refused > 10)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50000)
    message = error(db, "SELECT gru4rec_train('rec', 'layers=300,n_epochs=1')")
    check('the message says what to do', "SQLite's limit of lengths is 50000 bytes here; raise the limit (SQLITE_LIMIT_LENGTH" in message
          and 'keeps serving' in message, message)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
    check('limits of lengths: the file is whole', is_whole(db))


def other_limits(directory):
    """Other limits, however small: an error, and the model is as it was."""
    db = small_shop(directory)
    train(db)
    blob = value(db, "SELECT gru4rec_export('rec')")
    statements = ["SELECT gru4rec_train('rec', 'n_epochs=1')", "SELECT gru4rec_train('new', 'clicks', 'layers=4,n_epochs=1')",
                  "SELECT gru4rec_import('imported', ?)", "SELECT gru4rec_deploy('rec', 'previous')",
                  "SELECT gru4rec_configure('rec', 'source=(SELECT * FROM clicks),seed=3')",
                  "SELECT count(*) FROM rec WHERE session IN (1, 2, 3)", "SELECT gru4rec_info('rec')",
                  "SELECT count(*) FROM gru4rec_evaluate('rec', 'clicks')", "SELECT gru4rec_score('rec', '[1001, 1002]', 1003)"]
    n = n_failed = 0
    for limit in range(1, 12):
        most = db.setlimit(limit, -1)
        for most_now in (0, 1, 2, 3, 5, 8, 13, 20, 50, 130, 400):
            for sql in statements:
                arguments = (blob,) if '?' in sql else ()
                before = active(db)
                db.setlimit(limit, most_now)
                _, message = rows_or_error(db, sql, *arguments)
                db.setlimit(limit, most)
                n += 1
                n_failed += message != ''
                if db.in_transaction:
                    db.execute('ROLLBACK')
                if 'damaged' in message or (message and active(db) != before):
                    check(f'limit {limit} at {most_now}: {sql}', False, message)
            for name, in db.execute("SELECT name FROM sqlite_schema WHERE name IN ('new', 'imported')").fetchall():
                db.execute(f'DROP TABLE {name}')
    check(f'{n} statements at limits, {n_failed} failed: the file is whole', is_whole(db) and n_failed > 50)


def serving_is_asked_again(directory):
    """The version that keeps serving is the one that is active when the message is made."""
    path = directory + '/shop.db'
    db, other = small_shop(directory), connect(path)
    train(db, 'n_epochs=1')
    message = error(db, "SELECT gru4rec_train('rec', 'memory_limit=1')")
    check('alone: version 1 keeps serving', "; version 1 of 'rec' keeps serving" in message, message)
    handler = []

    def stop():  # commits once, when no events are read any more, then stops
        if not handler and value(other, "SELECT count(*) FROM rec_epoch JOIN rec_version USING (version) "
                                        "WHERE status = 'training'"):
            handler.append(train(other, 'n_epochs=1')['version'])
        return bool(handler)

    db.set_progress_handler(stop, 1000)
    message = error(db, "SELECT gru4rec_train('rec', 'n_epochs=100000')")
    db.set_progress_handler(None, 0)
    is_right = any(words in message for words in (f"; version {handler[0]} of 'rec' keeps serving",
                                                  "; version 1 of 'rec', or one committed since, keeps serving"))
    check('another committed: no wrong version is named', handler and is_right and 'interrupted' in message, (message, handler))


def failed_drop(directory):
    """A DROP that fails leaves the table in use, and no memory behind (tests/sql/drop_refused.test)."""
    db = small_shop(directory)
    train(db)
    bad = []
    for n, call, rows, message in each_denied(db, 'DROP TABLE rec', DENY):
        if message:
            bad += [(n, call, message)] if not is_whole(db) or len(ranking(db)) == 0 else []
        else:
            break
    check('DROP TABLE: each call of the authorizer denied', not bad, bad)


def stopped(db, sql, at):
    """What a statement says that is stopped at its at-th operation, '' if it is over before; and how many it did."""
    asked = []
    db.set_progress_handler(lambda: asked.append(1) or len(asked) >= at, 1)
    message = rows_or_error(db, sql)[1]
    db.set_progress_handler(None, 0)
    return message, len(asked)


def next_after_drop(directory):
    """What a DROP that failed would say is not what the next statement says. SQLite takes no message of it; a RENAME
    takes the one that it finds with the table."""
    db = small_shop(directory)
    train(db)
    rename, never = 'ALTER TABLE rec RENAME TO other', 1 << 40

    def rename_late(at):
        db.execute('BEGIN')
        db.execute('INSERT INTO notes VALUES (1)')
        message, n = stopped(db, rename, at)
        is_gone = not db.in_transaction
        if not is_gone:
            db.execute('ROLLBACK')
        return message, is_gone, n

    n_rename, messages, bad = rename_late(never)[2], [], []

    def look(*what):
        message, is_gone, _ = rename_late(n_rename - 20)
        messages.append(message)
        if not is_gone or message not in ('interrupted', 'gru4rec: interrupted; the whole transaction was rolled back'):
            bad.append((what, message, is_gone))

    for n, call, rows, message in each_denied(db, 'DROP TABLE rec', DENY):
        if not message:
            break
        look('denied', n)
    db = small_shop(directory, 'interrupted.db')
    train(db)
    db.execute('BEGIN')
    n_drop = stopped(db, 'DROP TABLE rec', never)[1]
    db.execute('ROLLBACK')
    for at in range(1, n_drop - 3, max(1, n_drop // 300)):  # at the last three SQLite says so of a table that is gone
        if stopped(db, 'DROP TABLE rec', at)[0]:
            look('interrupted', at)
    check(f'the statement after each of {len(messages)} failed DROPs has its own message',
          messages.count('interrupted') > 100 and not bad, (bad[:5], messages.count('interrupted')))


for test in (check_is_no_finding, ids_denied, whole_integrity_check, source_without_pragma, length_before_training, other_limits,
             serving_is_asked_again, failed_drop, next_after_drop):
    run(test)
finish()
