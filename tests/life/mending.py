"""mending.py - a source, or columns of it, that were renamed or are gone: every call names what it misses, and the call
that mends it, which is pasted here as it stands. Where nobody can tell the new name it has "..." in its place."""
import re
from common import *

OPTIONS = 'layers=4,n_epochs=1,n_sample=4,batch_size=8,threads=1'
NAMES = ('visits', 'my visits', 'main.visits', 'a.b', "it's", 'say "x", b=c', 'back\\slash', 'null', '(x)', 'select 1', 'with', ' x ',
         'Käufe', 'tab\tand\nline', '...')
ASK = ('SELECT count(DISTINCT session) FROM {model}', "SELECT gru4rec_train({name})", "SELECT gru4rec_train({name}, 'since=last')",
       "SELECT gru4rec_configure({name}, 'seed=3')", "SELECT gru4rec_configure({name}, NULL)",
       "SELECT gru4rec_info({name}) ->> 'advice'")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def make(source='clicks', model='rec', schema='main', columns=('session_id', 'item_id', 'ts')):
    db = connect(':memory:')
    db.execute("ATTACH ':memory:' AS other")
    db.execute(f'CREATE TABLE {schema}.clicks({quoted(columns[0])} INT, {quoted(columns[1])} INT, {quoted(columns[2])}, n, price)')
    db.execute(f'INSERT INTO {schema}.clicks WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119) '
               'SELECT i / 4, i % 9, i, i, i FROM n')
    db.execute(f'CREATE VIEW {schema}.seen AS SELECT session_id, item_id, ts FROM clicks')
    db.execute(f'CREATE VIRTUAL TABLE {schema}.{quoted(model)} USING gru4rec({source}, {OPTIONS})')
    value(db, f"SELECT gru4rec_train('{schema}.{model}')")
    return db


def calls(db, model, name):
    """The call that each way to ask names; they must agree."""
    found = set()
    for sql in ASK:
        sql = sql.format(model=model, name="'" + name.replace("'", "''") + "'")
        text = value(db, sql) or '' if 'advice' in sql else error(db, sql)
        call = re.search(r"SELECT gru4rec_configure\('(?:[^']|'')*', '(?:[^']|'')*'\)$", text)
        check(f'{sql} names a call', call is not None, text)
        found.add(call.group(0) if call else '')
    check('one call mends it', len(found) == 1, found)
    return found.pop()


def mends(what, db, model='rec', name='rec'):
    call = calls(db, model, name)
    check(f'{what}: it runs', error(db, call) == '', call)
    check(f'{what}: sessions are served', error(db, f'SELECT * FROM {model}') == '' and
          value(db, f'SELECT count(DISTINCT session) FROM {model}') == 30, call)
    card = json.loads(value(db, f"SELECT gru4rec_info('{name}')"))
    check(f'{what}: no advice', 'gru4rec_configure' not in (card.get('advice') or ''), card.get('advice'))
    check(f'{what}: trained', error(db, f"SELECT gru4rec_train('{name}')") == '')
    check(f'{what}: whole', value(db, f"SELECT gru4rec_check('{name}')") == 'ok' and value(db, 'PRAGMA integrity_check') == 'ok')
    return call


def has_blank(what, db, words):
    call = calls(db, 'rec', 'rec')
    check(f'{what}: the user is asked', words in call, call)
    check(f'{what}: as it stands it changes nothing', error(db, call) != '' and calls(db, 'rec', 'rec') == call)


def tables(directory):
    for name in NAMES:
        db = make()
        db.execute(f'ALTER TABLE clicks RENAME TO {quoted(name)}')
        mends(f'table {name!r}', db)
    db = make()
    db.execute('ALTER TABLE clicks ADD COLUMN later')
    db.execute('ALTER TABLE clicks RENAME TO visits')
    mends('a table with another column', db)
    db = make(schema='other')
    db.execute('ALTER TABLE other.clicks RENAME TO visits')
    mends('in a schema', db, 'other.rec', 'other.rec')
    db = make()
    db.execute('CREATE TABLE other.events AS SELECT * FROM clicks')
    value(db, "SELECT gru4rec_configure('rec', 'source=other.events')")
    db.execute('ALTER TABLE other.events RENAME TO visits')
    db.execute('ALTER TABLE clicks RENAME n TO m')
    db.execute('DROP VIEW seen')
    db.execute('DROP TABLE clicks')
    check('of another schema', '"other.visits"' in mends('of another schema', db))
    db.execute('CREATE VIEW seen AS SELECT 1')
    db.execute('DETACH other')
    check('detached', 'attach its database' in error(db, 'SELECT * FROM rec'), error(db, 'SELECT * FROM rec'))


def columns(directory):
    for name in NAMES + ('',):
        for column in 'session_id', 'item_id', 'ts':
            db = make()
            db.execute('ALTER TABLE clicks ADD COLUMN session')  # which CREATE would guess
            db.execute('ALTER TABLE clicks ADD COLUMN item')
            db.execute(f'ALTER TABLE clicks RENAME {column} TO {quoted(name)}')
            mends(f'{column} is {name!r}', db)
    for source in 'clicks', 'seen', '(SELECT ts, session_id, item_id FROM clicks)', '(SELECT * FROM clicks)':
        db = make(source)
        for column, name in ('session_id', 'a'), ('item_id', 'b'), ('ts', 'c'), ('price', 'd'):
            db.execute(f'ALTER TABLE clicks RENAME {column} TO {name}')
        call = mends(f'all of {source}', db)
        check(f'all of {source}: at once', '{"session":"a","item":"b","time":"c"}' in call, call)
    db = make('clicks, order=n')
    db.execute('ALTER TABLE clicks RENAME n TO place')
    check('order', '{"order":"place"}' in mends('order', db))
    db.execute('ALTER TABLE clicks DROP COLUMN place')
    check('no order', '{"order":null}' in mends('no order', db))


def views(directory):
    db = make('seen')
    db.execute('DROP VIEW seen')
    db.execute('CREATE VIEW looked AS SELECT session_id, item_id, ts FROM clicks')
    check('the view of the same shape', '"looked"' in mends('a view under another name', db))
    db = make("(SELECT session_id, item_id, ts FROM clicks WHERE 'a,b''c' <> '\\')")
    db.execute('DROP VIEW rec_source')
    mends("the model's own", db)


def untold(directory):
    """No name is made up."""
    db = make()
    db.execute('DROP VIEW seen')
    db.execute('CREATE TABLE one AS SELECT * FROM clicks')
    db.execute('CREATE TABLE two AS SELECT * FROM clicks')
    db.execute('DROP TABLE clicks')
    has_blank('two that are alike', db, '{"source":"..."}')
    db.execute('DROP TABLE one')
    db.execute('ALTER TABLE two DROP COLUMN ts')
    has_blank('none', db, '{"source":"..."}')
    for shape in None, '{[', '[[1],{"a":2}]', '["table"]', b'\x00\xff':  # of older builds, and forged
        db = make()
        db.execute('DROP VIEW seen')
        db.execute("UPDATE rec_config SET value = ? WHERE key = 'shape'", (shape,)) if shape else \
            db.execute("DELETE FROM rec_config WHERE key = 'shape'")
        db.execute('ALTER TABLE clicks RENAME item_id TO product')
        has_blank(f'shape {shape}', db, '{"item":"..."}')
    db = make()
    db.execute('DROP VIEW seen')
    db.execute('ALTER TABLE clicks DROP COLUMN item_id')
    has_blank('a column that was dropped', db, '{"item":"..."}')


run(tables)
run(columns)
run(views)
run(untold)
finish()
