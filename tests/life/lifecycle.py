"""lifecycle.py - a model goes where its database goes: dump, VACUUM, backup, rename, export, other settings."""
from common import *


def moved(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('CREATE VIRTUAL TABLE part USING gru4rec((SELECT * FROM clicks WHERE session < 300), '
               'layers=16/16, n_sample=64, loss=bpr-max, embedding=8, blend=0.5, blend_sessions=1000)')
    db.execute("CREATE TABLE words AS SELECT session, 'item ' || item AS item, ts FROM clicks WHERE session < 300")
    db.execute('CREATE VIRTUAL TABLE "the words" USING gru4rec(words, layers=16, n_sample=64, '
               'constrained_embedding=0)')
    models = ['rec', 'part', 'the words']
    for model in models:
        train(db, 'n_epochs=2', model)
        train(db, 'n_epochs=1, seed=2', model)

    def say(connection):
        return [card(connection, m) for m in models]

    def card(connection, model):
        rows = connection.execute('SELECT rank, item, score FROM gru4rec_recommend(?, ?)',
                                  (model, '["item 1001", 1008]')).fetchall()
        rows += connection.execute(f'SELECT session, rank, item, score FROM "{model}" WHERE session < 50 AND rank <= 5'
                                   ).fetchall()
        return rows, value(connection, 'SELECT gru4rec_info(?)', model)

    old = say(db)

    def same(what, connection):
        check(f'{journal}, {what}: says the same', say(connection) == old)
        check(f'{journal}, {what}: whole', all(is_whole(connection, m) for m in models))
        summary = train(connection, 'n_epochs=1', 'part')
        check(f'{journal}, {what}: trains on', summary['version'] == 3 and summary['events'] == 2400, summary)
        connection.close()

    shutil.copytree(directory, directory + '/closed')  # with its -wal, if it has one
    same('copied files', connect(directory + '/closed/shop.db'))
    text = shell(path, '.dump')
    check(f'{journal}, .dump: no error', 'rror' not in text[-2000:] and text.rstrip().endswith('COMMIT;'), text[-300:])
    output = shell(directory + '/dumped.db', text)
    check(f'{journal}, .dump: reads back', output == '', output[:300])
    same('.dump', connect(directory + '/dumped.db'))
    db.execute('VACUUM')
    check(f'{journal}, VACUUM: says the same', say(db) == old and is_whole(db))
    db.execute('VACUUM INTO ?', (directory + '/vacuumed.db',))
    same('VACUUM INTO', connect(directory + '/vacuumed.db'))
    target = connect(directory + '/backup.db')
    db.backup(target, pages=7)
    same('backup API', target)
    target = connect(':memory:')
    db.backup(target)
    same('backup into memory', target)
    output = shell(path, f'.backup {directory}/shell.db')
    same('.backup', connect(directory + '/shell.db'))
    db.execute('VACUUM INTO ?', (directory + '/plain.db',))
    target = connect(':memory:', is_loaded=False)
    target.deserialize(connect(directory + '/plain.db', is_loaded=False).serialize())
    load(target)
    same('serialize', target)
    for page, vacuum in (512, 1), (32768, 2):
        target = connect(directory + f'/pages{page}.db')
        db.backup(target)
        target.execute('PRAGMA journal_mode = delete')
        target.execute(f'PRAGMA page_size = {page}')
        target.execute(f'PRAGMA auto_vacuum = {vacuum}')
        target.execute('VACUUM')
        check(f'{journal}: pages of {page}', value(target, 'PRAGMA page_size') == page)
        target.execute(f'PRAGMA journal_mode = {journal}')
        same(f'pages of {page} bytes', target)
    db.close()


LOADED_FIRST = '''
import sqlite3, sys
bytes = sqlite3.connect(sys.argv[2]).serialize()
db = sqlite3.connect(':memory:', cached_statements=0)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
db.deserialize(bytes)
others = [sqlite3.connect(':memory:') for _ in range(20)]
for _ in range(20):
    rows = db.execute("SELECT * FROM gru4rec_recommend('rec', '[1001, 1008]', 3)").fetchall()
print(len(rows))
'''


def loading(directory):
    """Loading reads and locks nothing."""
    path = directory + '/shop.db'
    db = make_shop(path)
    train(db)
    done = subprocess.run([sys.executable, '-c', LOADED_FIRST, EXTENSION, path], stdout=subprocess.PIPE, text=True)
    check('deserialize() after loading', done.stdout == '3\n', done.returncode)
    db.execute('BEGIN EXCLUSIVE')
    other = connect(path, timeout=0, is_loaded=False)
    try:
        load(other)
        message = ''
    except sqlite3.Error as e:
        message = str(e)
    check('loading while another has the lock', message == '', message)
    db.execute('COMMIT')
    load(other)
    load(other)
    check('loading again', len(ranking(other)) > 0)
    other.close()
    db.close()


def backup_while_training(directory, journal):
    """A backup taken in the middle has the version before, whole, and a run that counts as dead there or elsewhere."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    train(db)
    old = ranking(db)
    other = Process(path)
    other.train('n_epochs=40')
    wait_epoch(db)
    db.execute('VACUUM INTO ?', (directory + '/middle.db',))
    target = connect(directory + '/middle.db')
    check(f'{journal}: a backup in the middle', ranking(target) == old and is_whole(target))
    other.summary()
    other.kill()
    check(f'{journal}: its run counts as killed', status(target, 2) == 'killed', status(target, 2))
    check(f'{journal}: it trains on', train(target)['version'] == 3 and is_whole(target))
    target.close()
    db.close()


def renamed(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('DROP TABLE rec')
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec((SELECT * FROM clicks), layers=32, n_sample=64)')
    train(db)
    old = ranking(db)
    reader = connect(path)
    check(f'{journal}, RENAME: before', ranking(reader) == old)
    db.execute('ALTER TABLE rec RENAME TO "new name"')
    check(f'{journal}, RENAME: the new name says the same', ranking(db, 'new name', False) == ranking_part(old))
    check(f'{journal}, RENAME: the relation', db.execute(
        'SELECT session, rank, item, score FROM "new name" WHERE session < 50 AND rank <= 5').fetchall() == old[900:])
    check(f'{journal}, RENAME: elsewhere too', ranking(reader, 'new name', False) == ranking_part(old))
    check(f'{journal}, RENAME: the old name is gone', 'no model' in error(
        reader, "SELECT * FROM gru4rec_recommend('rec', 1)"))
    names = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'rec%'").fetchall()
    check(f'{journal}, RENAME: all tables are renamed', names == [], names)
    check(f'{journal}, RENAME: it trains on', train(db, 'n_epochs=1', 'new name')['version'] == 2)
    db.execute("SELECT gru4rec_deploy('new name', 1)").fetchall()
    # another model takes the old name, and the first comes back beside it
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_sample=64)')
    train(db)
    check(f'{journal}, RENAME: another one has the old name', ranking(reader) == ranking(db) != old)
    db.execute('DROP TABLE rec')
    db.execute('ALTER TABLE "new name" RENAME TO rec')
    check(f'{journal}, RENAME: and back', ranking(db) == ranking(reader) == old)
    db.execute('ALTER TABLE clicks RENAME TO log')
    check(f'{journal}, RENAME of the source: says the same', ranking(db) == old)
    check(f'{journal}, RENAME of the source: trains', train(db, 'n_epochs=1')['events'] == 12000)
    reader.close()
    db.close()


def ranking_part(rows):
    """The part that gru4rec_recommend() gave: three histories of 300 items."""
    return rows[:900]


def exported(directory, journal):
    db = make_shop(directory + '/shop.db', journal, options='layers=32, n_sample=64, blend=0')
    train(db)
    old = ranking(db)
    target = connect(directory + '/other.db')
    target.execute(f'PRAGMA journal_mode = {journal}')
    blob = value(db, "SELECT gru4rec_export('rec')")
    n = value(db, "SELECT gru4rec_export('rec', ?)", directory + '/rec.safetensors')
    with open(directory + '/rec.safetensors', 'rb') as file:
        check(f'{journal}, export: file and BLOB', file.read() == blob and n == len(blob))
    check(f'{journal}, import of a BLOB', value(target, "SELECT gru4rec_import('rec', ?)", blob) == 1)
    check(f'{journal}, import: says the same', ranking(target, 'rec', False) == ranking_part(old))
    value(target, "SELECT gru4rec_import('again', ?)", directory + '/rec.safetensors')
    check(f'{journal}, import of a file: says the same', ranking(target, 'again', False) == ranking_part(old))
    check(f'{journal}, export of the import', value(target, "SELECT gru4rec_export('rec')") == blob)
    check(f'{journal}, import: whole', is_whole(target) and is_whole(target, 'again'))
    # over a model with events: its relation too; and undone with the transaction
    train(db, 'n_epochs=1, seed=3')
    two = ranking(db)
    db.execute('BEGIN')
    value(db, "SELECT gru4rec_import('rec', ?)", blob)
    check(f'{journal}, import into a transaction', ranking(db) == old != two)
    db.execute('ROLLBACK')
    check(f'{journal}, import undone', ranking(db) == two and active(db) == 2)
    check(f'{journal}, import over a model', value(db, "SELECT gru4rec_import('rec', ?)", blob) == 3 and
          ranking(db) == old)
    target.close()
    db.close()


def dropped(directory, journal):
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('DROP TABLE rec')
    db.execute('VACUUM')
    before = value(db, 'PRAGMA page_count')
    schema = db.execute('SELECT name FROM sqlite_schema ORDER BY name').fetchall()
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec((SELECT * FROM clicks), layers=32, n_sample=64)')
    train(db)
    other = connect(path)
    check(f'{journal}, DROP: another connection serves', len(ranking(other)) > 0)
    cursor = db.execute('SELECT * FROM rec')
    cursor.fetchone()
    check(f'{journal}, DROP beside a cursor: refused', 'locked' in error(db, 'DROP TABLE rec'))
    cursor.close()
    check(f'{journal}, DROP refused: nothing is lost', len(ranking(db)) > 0 and is_whole(db))
    db.execute('BEGIN')
    db.execute('DROP TABLE rec')
    db.execute('ROLLBACK')
    check(f'{journal}, DROP undone', ranking(db) == ranking(other) and is_whole(db))
    db.execute('DROP TABLE rec')
    check(f'{journal}, DROP: no name is left',
          db.execute('SELECT name FROM sqlite_schema ORDER BY name').fetchall() == schema)
    check(f'{journal}, DROP: elsewhere too', 'no model' in error(
        other, "SELECT * FROM gru4rec_recommend('rec', 1001)"))
    db.execute('VACUUM')
    check(f'{journal}, DROP: no page is left', value(db, 'PRAGMA page_count') == before,
          (before, value(db, 'PRAGMA page_count')))
    other.close()
    db.close()


# Each as a connection's first word of a model that another one made since it read the schema.
FIRST = ("SELECT gru4rec_score(?, '[1001]', 1002)", 'SELECT gru4rec_step(?, NULL, 1001)',
         'SELECT gru4rec_embedding(?, 1001)', 'SELECT gru4rec_export(?)', 'SELECT gru4rec_check(?)',
         'SELECT gru4rec_info(?)', 'SELECT version FROM gru4rec_status(?)', "SELECT gru4rec_deploy(?, 'active')",
         "SELECT gru4rec_configure(?, 'n_epochs=1')", "SELECT gru4rec_train(?, 'n_epochs=1')",
         "SELECT item FROM gru4rec_recommend(?, 1001, 3)", 'SELECT item FROM gru4rec_similar(?, 1001, 3)',
         "SELECT mrr FROM gru4rec_evaluate(?, 'clicks', 'cutoffs=5')")


def appears(directory, journal):
    """A model that another connection makes, renames or drops is seen so by the very next call."""
    path = directory + '/shop.db'
    db = make_shop(path, journal, rows=clicks(60), options='layers=4, n_sample=8, n_epochs=1')
    train(db)
    db.execute('CREATE TABLE file AS SELECT gru4rec_export(?) AS blob', ('rec',))
    attached = connect(directory + '/attached.db')
    for schema in 'main', 'shop':
        for i, sql in enumerate(FIRST):
            name = f'{schema}_{i}'
            other = connect(path) if schema == 'main' else connect(directory + '/attached.db')
            if schema == 'shop':
                other.execute('ATTACH ? AS shop', (path,))
            value(other, f'SELECT count(*) FROM {schema}.clicks')  # now it knows the schema
            db.execute(f'CREATE VIRTUAL TABLE {name} USING gru4rec(clicks, layers=4, n_sample=8, n_epochs=1)')
            value(db, 'SELECT gru4rec_import(?, blob) FROM file', name)
            sql = sql.replace("'clicks'", f"'{schema}.clicks'")
            said = error(other, sql, name)
            check(f'{journal}, {schema}, {sql}: seen', said == '', said)
            db.execute(f'ALTER TABLE {name} RENAME TO {name}_renamed')
            said = error(other, sql, f'{schema}.{name}_renamed')
            check(f'{journal}, {schema}, {sql}: renamed', said == '', said)
            db.execute(f'DROP TABLE {name}_renamed')
            said = error(other, sql, f'{name}_renamed')
            check(f'{journal}, {schema}, {sql}: dropped', 'no model' in said, said)
            other.close()
    other = connect(path, timeout=0)
    value(other, 'SELECT count(*) FROM clicks')
    if journal == 'delete':  # while nobody can look, nobody can say that there is none
        db.execute('CREATE VIRTUAL TABLE late USING gru4rec(clicks)')
        db.execute('BEGIN EXCLUSIVE')
        said = error(other, "SELECT gru4rec_score('late', 1001, 1002)")
        check('locked: says so', 'locked' in said, said)
        db.execute('COMMIT')
    for connection in other, attached, db:
        connection.close()


HARDENED = '''.dbconfig defensive on
.dbconfig trusted_schema off
.dbconfig dqs_ddl off
.dbconfig dqs_dml off
'''


def hardened(directory, journal):
    """The settings of the newest shell, from CREATE to DROP."""
    path = directory + '/shop.db'
    db = make_shop(path, journal)
    db.execute('DROP TABLE rec')
    output = shell(path, HARDENED + '''
CREATE VIRTUAL TABLE rec USING gru4rec((SELECT * FROM clicks), layers=32, n_sample=64);
SELECT json_extract(gru4rec_train('rec', 'n_epochs=2'), '$.version');
SELECT json_extract(gru4rec_train('rec', 'n_epochs=2, seed=2'), '$.version');
SELECT gru4rec_deploy('rec', 1), gru4rec_check('rec');
CREATE VIEW best AS SELECT r.item FROM gru4rec_recommend('rec', '[1001]') r WHERE r.rank <= 3;
CREATE VIEW seventeen AS SELECT item FROM rec WHERE session = 17 AND rank <= 4;
SELECT count(*) FROM best;
SELECT count(*) FROM seventeen;
CREATE TABLE out(x);
CREATE TRIGGER noted AFTER INSERT ON notes BEGIN INSERT INTO out SELECT item FROM best; END;
INSERT INTO notes VALUES (1);
SELECT count(*) FROM out;
SELECT gru4rec_import('other', gru4rec_export('rec'));
SELECT count(*) FROM gru4rec_recommend('other', 1001, 7);
DROP VIEW best; DROP VIEW seventeen; DROP TRIGGER noted;
ALTER TABLE rec RENAME TO recommender;
SELECT count(*) FROM gru4rec_recommend('recommender', 1001, 6);
SELECT count(*) > 0 FROM gru4rec_evaluate('recommender', 'clicks');
DROP TABLE recommender; DROP TABLE other;
SELECT count(*) FROM sqlite_schema WHERE name LIKE 'rec%' OR name LIKE 'other%';
''')
    lines = [line for line in output.splitlines() if not line.lstrip().startswith(('defensive', 'trusted', 'dqs'))]
    wanted = ['1', '2', '1|ok', '3', '4', '3', '1', '7', '6', '1', '0']
    check(f'{journal}: hardened shell', lines == wanted, output)
    output = shell(path, HARDENED + '''
CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32, n_sample=64);
SELECT 'ok', length(gru4rec_train('rec', 'n_epochs=1, blend=1')) > 0;
UPDATE rec_config SET value = 7;
DELETE FROM rec_version;
DELETE FROM rec_item;
UPDATE rec_tensor SET data = x'00';
DELETE FROM rec_epoch;
DELETE FROM rec_blend;
DROP TABLE rec_item;
CREATE VIEW v AS SELECT gru4rec_train('rec');
SELECT * FROM v;
CREATE VIEW w AS SELECT * FROM gru4rec_evaluate('rec', 'clicks');
SELECT * FROM w;
''')
    check(f'{journal}: hardened shell: a training', 'ok|1' in output, output)
    check(f'{journal}: hardened shell: tables are protected', output.count('may not be') == 7, output)
    check(f'{journal}: hardened shell: no training in views', output.count('unsafe use of') == 2, output)
    check(f'{journal}: hardened shell: whole', is_whole(db))
    db.close()


def utf16(directory):
    path = directory + '/utf16.db'
    db = connect(path)
    db.execute("PRAGMA encoding = 'UTF-16le'")
    db.execute('CREATE TABLE clicks(session TEXT, item TEXT, ts INTEGER)')
    db.execute('BEGIN')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)',
                   ((f'sé{s}', f'ítem {i} \U0001f600', t) for s, i, t in clicks(300)))
    db.execute('COMMIT')
    db.execute('CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_sample=64)')
    train(db)
    rows = db.execute('SELECT * FROM rec WHERE session = ? AND rank <= 3', ('sé17',)).fetchall()
    check('UTF-16: serves', len(rows) == 3 and rows[0][2].endswith('\U0001f600'), rows)
    output = shell(directory + '/dumped.db', shell(path, '.dump'))
    check('UTF-16: .dump', output == '', output)
    target = connect(directory + '/dumped.db')
    check('UTF-16: .dump: says the same', target.execute('SELECT * FROM rec WHERE session = ? AND rank <= 3',
                                                          ('sé17',)).fetchall() == rows and is_whole(target))
    target.close()
    db.close()


for journal in SOME:
    run(moved, journal)
    run(backup_while_training, journal)
    run(renamed, journal)
    run(exported, journal)
    run(dropped, journal)
    run(appears, journal)
    run(hardened, journal)
run(loading)
run(utf16)
finish()
