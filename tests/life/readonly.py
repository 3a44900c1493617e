"""readonly.py - GRU4REC_READONLY=1: every function and table of the extension is called, as SQLite lists them. What writes
is refused by its name, nothing of any file changes, and all that reads gives what it gives elsewhere."""
import hashlib
from common import *

VARIABLE = 'GRU4REC_READONLY'
REFUSED = f'gru4rec: {{}} writes, which {VARIABLE}=1 in the environment of this process refuses; train on the primary, ' \
          'and make every other change there'

# A call of each function that reads, by its name and number of arguments, and of each table.
READERS = {
    ('gru4rec_check', 1): "SELECT gru4rec_check('rec')",
    ('gru4rec_embedding', 2): "SELECT hex(gru4rec_embedding('rec', 1001))",
    ('gru4rec_embedding', 3): "SELECT hex(gru4rec_embedding('rec', 1001, 'previous'))",
    ('gru4rec_export', 1): "SELECT hex(gru4rec_export('rec'))",
    ('gru4rec_export', 2): "SELECT gru4rec_export('rec', :file)",
    ('gru4rec_export', 3): "SELECT gru4rec_export('rec', :file, 'version=1')",
    ('gru4rec_info', 0): "SELECT json_remove(gru4rec_info(), '$.readonly')",
    ('gru4rec_info', 1): "SELECT gru4rec_info('rec')",
    ('gru4rec_plot', 2): "SELECT gru4rec_plot('rec', 'popularity')",
    ('gru4rec_plot', 3): "SELECT gru4rec_plot('rec', 'methods', 'test=clicks,baselines=pop')",
    ('gru4rec_report', 1): "SELECT gru4rec_report('rec')",
    ('gru4rec_report', 2): "SELECT gru4rec_report('rec', :file)",
    ('gru4rec_report', 3): "SELECT gru4rec_report('rec', :file, 'test=clicks')",
    ('gru4rec_score', 3): "SELECT gru4rec_score('rec', '[1001, 1002]', 1003)",
    ('gru4rec_score', 4): "SELECT gru4rec_score('rec', '[1001, 1002]', 1003, 1)",
    ('gru4rec_state', 2): "SELECT session, hex(gru4rec_state('rec', item)) FROM clicks WHERE session < 5 GROUP BY 1",
    ('gru4rec_state', 3): "SELECT hex(gru4rec_state('rec', item, 1) OVER (ORDER BY ts)) FROM clicks WHERE session < 5",
    ('gru4rec_step', 3): "SELECT hex(gru4rec_step('rec', NULL, 1001))",
    ('gru4rec_step', 4): "SELECT hex(gru4rec_step('rec', gru4rec_step('rec', NULL, 1001), 1002, 1))",
    ('gru4rec_time', 1): "SELECT gru4rec_time('2024-04-28 10:00:00')",
    ('gru4rec_time_rest', 1): "SELECT gru4rec_time_rest('2024-04-28 10:00:00.5')",
    ('gru4rec_version', 0): 'SELECT gru4rec_version()',
    'gru4rec': 'SELECT session, rank, item, score, basis FROM rec WHERE rank <= 3',
    'gru4rec_audit': "SELECT check_name, severity, value, advice FROM gru4rec_audit('rec', 'clicks')",
    'gru4rec_batches': "SELECT step, lane, session, input, target, reset FROM gru4rec_batches('clicks', 4)",
    'gru4rec_compare': "SELECT * FROM gru4rec_compare('rec', 'pop', 'clicks')",
    'gru4rec_evaluate': "SELECT * FROM gru4rec_evaluate('rec', 'clicks', 'cutoffs=20,baselines=pop')",
    'gru4rec_explain': "SELECT * FROM gru4rec_explain('rec', '[1001, 1002]', 1003)",
    'gru4rec_help': 'SELECT * FROM gru4rec_help',
    'gru4rec_options': 'SELECT * FROM gru4rec_options',
    'gru4rec_recommend': "SELECT rank, item, score, basis FROM gru4rec_recommend('rec', '[1001, 1002]', 10)",
    'gru4rec_similar': "SELECT * FROM gru4rec_similar('rec', 1001, 10)",
    'gru4rec_status': "SELECT version, status, active, message FROM gru4rec_status('rec')",
}
# The same of what writes. Each changes the file where nothing refuses it.
WRITERS = {
    ('gru4rec_train', 1): "SELECT gru4rec_train('rec')",
    ('gru4rec_train', 2): "SELECT gru4rec_train('rec', 'activate=false')",
    ('gru4rec_train', 3): "SELECT gru4rec_train('made', 'clicks', 'layers=4,n_epochs=1')",
    ('gru4rec_import', 2): "SELECT gru4rec_import('rec', gru4rec_export('rec'))",
    ('gru4rec_deploy', 2): "SELECT gru4rec_deploy('rec', 'previous')",
    ('gru4rec_deploy', 3): "SELECT gru4rec_deploy('rec', 'best', 'SELECT * FROM clicks WHERE session < 20')",
    ('gru4rec_configure', 2): "SELECT gru4rec_configure('rec', 'n_epochs=2')",
    ('gru4rec_tune', 1): "SELECT gru4rec_tune('rec')",
    ('gru4rec_tune', 2): "SELECT gru4rec_tune('rec', 'trials=2')",
    'CREATE VIRTUAL TABLE': 'CREATE VIRTUAL TABLE made USING gru4rec(clicks)',
    'ALTER TABLE': 'ALTER TABLE rec RENAME TO renamed',
    'DROP TABLE': 'DROP TABLE rec',
}
# Beside these: other schemas, and calls that would fail for other reasons; they are refused before anything is read.
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


def shop(directory, name='shop.db', journal='delete'):
    """Two versions, small, with a blend and what a tuning needs."""
    db = make_shop(f'{directory}/{name}', journal, clicks(150, 30, 5),
                   'layers=4, n_sample=4, n_epochs=1, threads=1, blend=0.5')
    train(db, 'n_epochs=1')
    train(db, 'n_epochs=2')
    return db


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


def every_function_is_listed(directory):
    """A new function or table must be put into one of the two lists."""
    db = connect(':memory:')
    functions = set(db.execute("SELECT name, narg FROM pragma_function_list WHERE name LIKE 'gru4rec%'"))
    modules = {name for name, in db.execute("SELECT name FROM pragma_module_list WHERE name LIKE 'gru4rec%'")}
    check('READERS and WRITERS have every function', functions == {k for k in {**READERS, **WRITERS} if isinstance(k, tuple)},
          functions ^ {k for k in {**READERS, **WRITERS} if isinstance(k, tuple)})
    check('READERS has every table', modules == {k for k in READERS if isinstance(k, str)},
          modules ^ {k for k in READERS if isinstance(k, str)})


def writers_write(directory):
    """Without the variable each writer changes the file, and no reader does."""
    shop(directory).close()
    for sql in READERS.values():
        before = files(directory)['shop.db']
        db = connect(f'{directory}/shop.db')
        rows = db.execute(sql, {'file': f'{directory}/out'} if ':file' in sql else {}).fetchall()
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
    db = shop(directory, journal=journal)
    shop(directory, 'other.db', journal).close()
    outside = {}
    for key, sql in READERS.items():
        if ':file' not in sql:
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
    for key in (key for key, sql in READERS.items() if ':file' in sql):
        sql = READERS[key].replace(':file', f"'{directory}/out-of-replica'")
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
    db = shop(directory)
    expected = {key: json.loads(json.dumps(db.execute(sql).fetchall())) for key, sql in READERS.items() if ':file' not in sql}
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
    shop(directory).close()
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
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout.splitlines()

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


run(every_function_is_listed)
run(writers_write)
for journal in JOURNALS:
    run(sweep, journal)
run(files_that_cannot_be_written)
run(what_the_variable_says)
finish()
