"""readonly.py - GRU4REC_READONLY=1: every function and table of the extension is called, as SQLite lists them. What writes
is refused by its name, nothing of any file changes, and all that reads gives what it gives elsewhere."""
import hashlib
from calls import READERS, WRITERS, every_function_is_listed, parameters, small_shop
from common import *

VARIABLE = 'GRU4REC_READONLY'
REFUSED = f'gru4rec: {{}} writes, which {VARIABLE}=1 in the environment of this process refuses; train on the primary, ' \
          'and make every other change there'

# Beside WRITERS: other schemas, and calls that would fail for other reasons; they are refused before anything is read.
OTHERS = {
    'CREATE VIRTUAL TABLE': ('CREATE VIRTUAL TABLE temp.made USING gru4rec(clicks)', 'CREATE VIRTUAL TABLE made USING gru4rec',
                             'CREATE VIRTUAL TABLE IF NOT EXISTS made USING gru4rec(no_such_source)'),
    'ALTER TABLE': ('ALTER TABLE other.rec RENAME TO renamed',),
    'gru4rec_train()': ("SELECT gru4rec_train('no such model')", "SELECT gru4rec_train('temp.made', 'clicks')",
                        "SELECT gru4rec_train('rec', 'no_such_option=1')", "SELECT gru4rec_train('other.rec')",
                        "SELECT gru4rec_train('rec', 'resume=true')", "SELECT gru4rec_train('rec') FROM clicks"),
    'gru4rec_import()': ("SELECT gru4rec_import('rec', '/no/such/file')",),
    'gru4rec_tune()': ("SELECT gru4rec_tune('rec', 'resume=true')",),
}
NO_MESSAGE = 'attempt to write a readonly database'  # SQLite shows no message of a DROP TABLE


def readonly_process(path):
    os.environ[VARIABLE] = '1'
    try:
        return Process(path)
    finally:
        del os.environ[VARIABLE]


def files(directory):
    """The contents of all files of a directory but those of WAL mode's shared memory, which readers change."""
    contents = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith('-shm'):
            with open(f'{directory}/{name}', 'rb') as file:
                contents[name] = hashlib.sha256(file.read()).hexdigest()
    return contents


def said(call, sql):
    """The error of a call that names its model; of a DROP TABLE SQLite's own."""
    return NO_MESSAGE if sql.startswith('DROP TABLE') else REFUSED.format(call)


def call_of(key):
    return f'{key[0]}()' if isinstance(key, tuple) else key


def writers_write(directory):
    """Without the variable each writer changes the file, and no reader does."""
    small_shop(directory).close()
    for sql in READERS.values():
        before = files(directory)['shop.db']
        db = connect(f'{directory}/shop.db')
        rows = db.execute(sql, parameters(sql, f'{directory}/out')).fetchall()
        db.close()
        check(f'{sql}: reads', rows and files(directory)['shop.db'] == before)
    for sql in WRITERS.values():
        changed = []
        for version in (1, 2) if "'best'" in sql else (2,):  # the best one may be active already
            shutil.copy(f'{directory}/shop.db', f'{directory}/copy.db')
            db = connect(f'{directory}/copy.db')
            db.execute("SELECT gru4rec_deploy('rec', ?)", (version,)).fetchall()
            before = files(directory)['copy.db']
            db.execute(sql).fetchall()
            db.close()
            changed.append(files(directory)['copy.db'] != before)
        check(f'{sql}: writes', any(changed))


def sweep(directory, journal):
    """Every call in a process that only serves, from outside and inside a transaction."""
    db = small_shop(directory, journal=journal)
    small_shop(directory, 'other.db', journal).close()
    outside = {}
    for key, sql in READERS.items():
        if '?' not in sql:
            outside[key] = json.loads(json.dumps(db.execute(sql).fetchall()))
    process = readonly_process(f'{directory}/shop.db')
    process.do(f"ATTACH '{directory}/other.db' AS other")
    check(f'{journal}: gru4rec_info() says so', process.do("SELECT gru4rec_info() ->> 'readonly'") == [[1]])
    check(f'{journal}: and elsewhere not', value(db, "SELECT gru4rec_info() ->> 'readonly'") == 0)
    before = files(directory)
    calls = [(call_of(key), sql) for key, sql in WRITERS.items()]
    calls += [(call, sql) for call, statements in OTHERS.items() for sql in statements]
    # what SQLite itself began to write for a CREATE, ALTER or DROP TABLE it takes back, but a COMMIT still counts it
    for begin, wanted, end in ('', '', ''), ('BEGIN', 'SELECT', 'COMMIT'), ('BEGIN', '', 'ROLLBACK'):
        process.do(begin)
        for key, rows in outside.items():
            check(f'{journal}, {begin}: {READERS[key]}', process.do(READERS[key]) == rows)
        for call, sql in calls:
            if sql.startswith(wanted):
                message = process.error(sql)
                check(f'{journal}, {begin}: {sql}', message == said(call, sql), message)
        process.do(end)
        check(f'{journal}, {begin} {end}: no file changed', files(directory) == before)
    check(f'{journal}: SQLite counts no change', process.do('SELECT total_changes()') == [[0]])
    for key in (key for key, sql in READERS.items() if '?' in sql):
        sql = READERS[key].replace('?', f"'{directory}/out-of-replica'")
        expected = value(db, sql.replace('-of-replica', '-of-primary'))
        check(f'{sql}', process.do(sql) == [[expected]])
        with open(f'{directory}/out-of-replica', 'rb') as a, open(f'{directory}/out-of-primary', 'rb') as b:
            check(f'{sql}: the same file', a.read() == b.read())
    train(db, 'n_epochs=1')
    active_rows = db.execute(READERS['gru4rec']).fetchall()
    check(f'{journal}: a version that another process trains serves', process.do(READERS['gru4rec']) == [list(r) for r in active_rows]
          and active_rows != [tuple(r) for r in outside['gru4rec']])
    process.kill()
    check(f'{journal}: whole', is_whole(db) and active(db) == 3)


def files_that_cannot_be_written(directory):
    """Readers on a file that is opened read-only, or that cannot change, serve as before."""
    db = small_shop(directory)
    expected = {key: json.loads(json.dumps(db.execute(sql).fetchall())) for key, sql in READERS.items() if '?' not in sql}
    db.close()
    for how in 'mode=ro', 'immutable=1', 'mode=ro&immutable=1':
        process = readonly_process(f'file:{directory}/shop.db?{how}')
        for key, rows in expected.items():
            check(f'{how}: {READERS[key]}', process.do(READERS[key]) == rows)
        for key, sql in WRITERS.items():
            message = process.error(sql)
            check(f'{how}: {sql}', message in (said(call_of(key), sql), NO_MESSAGE), message)
        process.kill()


def what_the_variable_says(directory):
    """Read once, when the extension is loaded for the first time. A value that nobody knows is no silent 0."""
    small_shop(directory).close()
    code = ('import os, sqlite3, sys\n'
            'def load(path):\n'
            '    db = sqlite3.connect(path, isolation_level=None)\n'
            '    db.enable_load_extension(True)\n'
            '    db.load_extension(sys.argv[1])\n'
            '    return db\n'
            'def go(db):\n'
            '    try:\n'
            '        return db.execute("SELECT gru4rec_deploy(\'rec\', 1)").fetchone()[0]\n'
            '    except sqlite3.Error as e:\n'
            '        return e\n'
            'try:\n'
            '    db = load(sys.argv[2])\n'
            'except sqlite3.Error as e:\n'
            '    print(e)\n'
            '    if len(sys.argv) < 4: sys.exit()\n'
            'else:\n'
            '    print(go(db))\n'
            'if len(sys.argv) > 3:\n'
            f'    os.environ["{VARIABLE}"] = sys.argv[3]\n'
            '    print(go(load(sys.argv[2])))\n')

    def output(text, *later):
        environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
        if text is not None:
            environment[VARIABLE] = text
        return subprocess.run([sys.executable, '-c', code, EXTENSION, f'{directory}/shop.db', *later], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT).stdout.splitlines()

    refused = REFUSED.format('gru4rec_deploy()')
    for text in None, '', '0':
        check(f'{VARIABLE}={text}', output(text) == ['1'], output(text))
    check(f'{VARIABLE}=1', output('1') == [refused], output('1'))
    for text in 'yes', 'true', ' 1', '11', '2', 'é' * 1000:
        said = output(text)
        check(f'{VARIABLE}={text[:9]}', len(said) == 1 and f"gru4rec: {VARIABLE} is '{text[:9]}" in said[0] and
              said[0].endswith('; give 1 to refuse everything that writes, or 0'), said)
    check('a change after the first load has no effect', output('1', '0') == [refused, refused], output('1', '0'))
    check('nor one to 1', output('0', '1') == ['1', '1'], output('0', '1'))
    check('after a load that failed it is read again', output('no', '1')[1:] == [refused], output('no', '1'))


every_function_is_listed(connect(':memory:'))
run(writers_write)
for journal in JOURNALS:
    run(sweep, journal)
run(files_that_cannot_be_written)
run(what_the_variable_says)
finish()
