"""values.py - a value of each type in every argument and hidden column. What is taken gives the rows that the
INTEGER gives; what is not is an error that names the argument and shows the value, or an id that no item has."""
from common import *

UNKNOWN = 999999  # an id that no item has
WHOLE = 2.0 ** 53  # from here on a REAL is no integer of ours
ODD_REALS = 0.5, WHOLE, -WHOLE, 1e300, -1e300, float('inf'), float('-inf')

# Integer arguments: what errors call it, SQL that takes it, an integer for it, and whether NULL is taken, as no value.
INTEGERS = [
    ('k', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', ?1)", 3, True),
    ('k', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', ?1)", 0, True),
    ('k', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', ?1)", -1, True),
    ('k', "SELECT rank, item, score FROM gru4rec_recommend WHERE model = '{m}' AND history = '[1001]' AND k IN (?1)", 2, None),
    ('k', "SELECT rank, item, similarity FROM gru4rec_similar('{m}', 1001, ?1)", 4, True),
    ('exclude_seen', "SELECT rank, item FROM gru4rec_recommend('{m}', '[1001,1002]', NULL, ?1)", 1, True),
    ('exclude_seen', "SELECT rank, item FROM gru4rec_recommend('{m}', '[1001,1002]') WHERE exclude_seen = ?1", 1, None),
    ('exclude_seen', "SELECT rank, item FROM gru4rec_recommend('{m}', '[1001,1002]', 5, ?1, '[1001,1003]')", 0, True),
    ('exclude_seen', "SELECT session, rank, item FROM {m} WHERE session < 5 AND exclude_seen = ?1", 1, None),
    ('version', "SELECT gru4rec_deploy('{m}', ?1)", 1, False),
    ('version', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', 5, 0, NULL, ?1)", 1, True),
    ('version', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', 5) WHERE version = ?1", 1, None),
    ('version', "SELECT rank, item, score FROM gru4rec_recommend('{m}', '[1001,1002]', 5) WHERE version IN (?1, 'active')", 1, None),
    ('version', "SELECT session, rank, item FROM {m} WHERE session < 5 AND rank < 3 AND version = ?1", 1, None),
    ('version', "SELECT rank, item, similarity FROM gru4rec_similar('{m}', 1001, 4, ?1)", 1, True),
    ('version', "SELECT position, event, contribution FROM gru4rec_explain('{m}', '[1002]', 1003, ?1)", 1, True),
    ('version', "SELECT gru4rec_score('{m}', '[1002]', 1003, ?1)", 1, True),
    ('version', "SELECT gru4rec_step('{m}', NULL, 1002, ?1)", 1, True),
    ('version', "SELECT gru4rec_state('{m}', 1002, ?1)", 1, True),
    ('version', "SELECT gru4rec_embedding('{m}', 1002, ?1)", 1, True),
    ('version', "SELECT gru4rec_export('{m}', NULL, json_object('version', ?1))", 1, False),
    ('version', "SELECT k, recall, mrr FROM gru4rec_evaluate('{m}', 'clicks', json_object('version', ?1))", 1, False),
    ('version_a', "SELECT k, a, b, p FROM gru4rec_compare('{m}', '{m}', 'clicks', json_object('version_a', ?1, 'cutoffs', 5))", 1, False),
    ('version', "SELECT check_name, value, advice FROM gru4rec_audit('{m}', 'clicks', json_object('version', ?1))", 1, False),
    ('batch_size', "SELECT step, lane, session, input, target FROM gru4rec_batches('clicks', ?1)", 4, False),
    ('cutoffs', "SELECT k, recall, mrr FROM gru4rec_evaluate('{m}', 'clicks', json_object('cutoffs', ?1))", 3, False),
    ('cutoffs', "SELECT k, recall, mrr FROM gru4rec_evaluate('{m}', 'clicks', json_object('cutoffs', json_array(?1, 7)))", 3,
     False),
]
# Single ids that are looked up: what is none is unknown.
ITEMS = [
    ('history', "SELECT rank, item, score, basis, unknown FROM gru4rec_recommend('{m}', ?1, 5)"),
    ('history', "SELECT gru4rec_score('{m}', ?1, 1003)"),
    ('history', "SELECT position, event, contribution FROM gru4rec_explain('{m}', ?1, 1003)"),
    ('candidates', "SELECT rank, item, score FROM gru4rec_recommend('{m}', 1001) WHERE candidates = ?1"),
    ('candidates', "SELECT rank, item, score FROM gru4rec_recommend('{m}', 1001, NULL, NULL, ?1)"),
    ('candidates', "SELECT session, rank, item, score FROM {m} WHERE session < 5 AND candidates = ?1"),
    ('item', "SELECT gru4rec_score('{m}', '[1002]', ?1)"),
    ('item', "SELECT position, event, contribution FROM gru4rec_explain('{m}', '[1002]', ?1)"),
    ('item', "SELECT rank, item, similarity FROM gru4rec_similar('{m}', ?1, 5)"),
    ('item', "SELECT gru4rec_embedding('{m}', ?1)"),
]
# Single ids that become part of a state.
EVENTS = [
    "SELECT gru4rec_step('{m}', NULL, ?1)",
    "SELECT gru4rec_step('{m}', gru4rec_step('{m}', NULL, 1002), ?1)",
    "SELECT gru4rec_state('{m}', x) FROM (SELECT 1002 AS x UNION ALL SELECT ?1)",
    "SELECT gru4rec_state('{m}', x) OVER (ORDER BY n) FROM (SELECT 1 AS n, 1002 AS x UNION ALL SELECT 2, ?1)",
    "SELECT rank, item, unknown FROM gru4rec_recommend('{m}', gru4rec_step('{m}', NULL, ?1), 5)",
]
# The basis of a row, which is text.
BASES = [
    'SELECT session, rank FROM {m}(?1) WHERE session < 5', 'SELECT session, rank FROM {m} WHERE session = 2 AND basis = ?1',
    'SELECT session, rank FROM {m} WHERE basis IS ?1 AND session IN (2, 3)',
    'SELECT session, rank FROM {m} WHERE basis IN (?1, 2) AND session < 5 AND rank < 3',
    "SELECT rank, item FROM gru4rec_recommend('{m}', 1001, 5) WHERE basis = ?1",
    "SELECT rank, item FROM gru4rec_recommend('{m}', 1001) WHERE basis IS ?1 AND rank < 4",
    "SELECT rank, item FROM gru4rec_recommend('{m}', 1001) WHERE basis IN (?1, 'nope') AND rank < 3",
]
# Columns that a condition compares; {m} also as a plain table.
CONDITIONS = [
    'session = ?1', 'session IN (?1, 2)', 'session < 9 AND item = ?1 + 1000', 'session < 9 AND item IN (1002, ?1 + 1000)',
    'session < 9 AND rank <= ?1', 'session < 9 AND rank < ?1', 'session < 9 AND rank = ?1', 'session = ?1 AND rank <= ?1',
    'session < 9 AND item = ?1', 'session > ?1 AND rank = 1',
]


def shop(directory):
    """Models of the same clicks: of INTEGER items, of REAL ones, and of TEXT. The integers next to WHOLE are items."""
    db = make_shop(directory + '/shop.db', rows=clicks(60, 20, 4), options='layers=4, n_sample=4, n_epochs=1, threads=1')
    for n, item in enumerate((int(WHOLE), int(WHOLE) + 1, -int(WHOLE), 1003)):
        db.execute('INSERT INTO clicks(session, item, ts) VALUES (777, ?, ?)', (item, n))
    for name, item in ('reals', 'item + 0.0'), ('texts', 'CAST(item AS TEXT)'):
        db.execute(f'CREATE TABLE {name}_clicks AS SELECT session + 0.0 AS session, {item} AS item, ts FROM clicks '
                   f"WHERE '{name}' = 'texts' OR abs(item) < {int(WHOLE)}")
        db.execute(f'CREATE VIRTUAL TABLE {name} USING gru4rec({name}_clicks, layers=4, n_sample=4, n_epochs=1, threads=1)')
    for model in 'rec', 'reals', 'texts':
        train(db, 'n_epochs=1', model)
    return db


def answer(db, sql, *values):
    """The rows of a statement, or its error."""
    try:
        return db.execute(sql, values).fetchall()
    except sqlite3.Error as e:
        return str(e)


def is_refused(db, message, name, x):
    """Does an error of ours name the argument, and show the value, as we write it or as SQLite's JSON does?"""
    shown = [f"x'{x.hex().upper()}'"] if isinstance(x, bytes) else \
        db.execute("SELECT printf('%!.15g', ?1), printf('%!.17g', ?1), CAST(?1 AS TEXT)", (x,)).fetchone()
    return (isinstance(message, str) and message.startswith('gru4rec: ') and name in message and
            any(text in message for text in shown))


def integers(directory):
    db = shop(directory)
    for name, sql, n, takes_null in INTEGERS:
        for model in 'rec', 'reals', 'texts':
            statement = sql.format(m=model)
            whole = answer(db, statement, n)
            check(f'{statement} {n} gives rows', isinstance(whole, list), whole)
            for x in float(n), str(n):
                check(f'{statement} {x!r}', answer(db, statement, x) == whole, answer(db, statement, x))
            if n == 0:
                check(f'{statement} -0.0', answer(db, statement, -0.0) == whole)
            for x in ODD_REALS + (n + 0.5, str(n).encode(), b'', b'\xff'):
                got = answer(db, statement, x)
                if isinstance(x, bytes) and 'json_' in statement:  # SQLite refuses it
                    check(f'{statement} {x!r}', got == 'JSON cannot hold BLOB values', got)
                elif x in (float('inf'), float('-inf')) and 'json_' in statement:  # 9e999, or an error of old versions
                    check(f'{statement} {x!r}', isinstance(got, str), got)
                else:
                    check(f'{statement} {x!r}', is_refused(db, got, name, x), got)
            got = answer(db, statement, None)
            if takes_null is False:
                check(f'{statement} NULL', isinstance(got, str) and 'gru4rec' in got, got)
            elif takes_null:
                check(f'{statement} NULL', got == answer(db, statement.replace('?1', 'NULL')) and isinstance(got, list), got)


def check_single(db, statement):
    """Where one item is wanted, an array and an object that are no ids are errors."""
    for text, word in ('[1003]', 'array'), ('\n\t\r [', 'array'), ('{"a": 1}', 'object'), (' {', 'object'):
        got = answer(db, statement, text)
        check(f'{statement} {text!r}', isinstance(got, str) and f"item is a JSON {word}; give the id of one item, such as 17" in got, got)


def items(directory):
    db = shop(directory)
    for name, sql in ITEMS:
        for model in 'rec', 'reals', 'texts':
            statement = sql.format(m=model)
            whole, unknown = answer(db, statement, 1003), answer(db, statement, UNKNOWN)
            check(f'{statement} 1003 gives rows', isinstance(whole, list) and whole != unknown, whole)
            for x in 1003.0, '1003':
                check(f'{statement} {x!r}', answer(db, statement, x) == whole, answer(db, statement, x))
            for x in ODD_REALS + (float(UNKNOWN), 1003.5, 'x', '01003', '1003.0', '1003 '):
                check(f'{statement} {x!r}', answer(db, statement, x) == unknown, answer(db, statement, x))
            got, none = answer(db, statement, ''), unknown if name == 'item' else answer(db, statement, '[null]')
            check(f'{statement} an empty text', got == none, got)
            for x in b'1003', b'', b'\xff\x00':
                got = answer(db, statement, x)
                if name == 'history':
                    check(f'{statement} {x!r}', "the BLOB is not a session's state" in got, got)
                else:
                    check(f'{statement} {x!r}', is_refused(db, got, name, x), got)
            if name == 'item':
                check_single(db, statement)
                continue
            for array in '[1003]', '[1003.0]', '[1.003e3]', ' [1003]', '\n\t\r [null, 1003 ]', '["1003"]':
                got = answer(db, statement, array)
                if 'explain' in statement:  # whose rows have places
                    got, whole = [row[1:] for row in got], [row[-2:] for row in whole]
                check(f'{statement} {array!r}', got == whole, got)
            for text, word in (('[[1003]]', 'array'), ('[1003, {"a": 1}]', 'object'), ('[true]', 'true'), (' {"a": 1}', 'object'),
                               ('[1003', 'malformed JSON'), ('[1003] x', 'malformed JSON')):
                got = answer(db, statement, text)
                check(f'{statement} {text!r}', isinstance(got, str) and name in got and word in got, got)


def events(directory):
    db = shop(directory)
    for sql in EVENTS:
        for model in 'rec', 'reals', 'texts':
            statement = sql.format(m=model)
            whole = answer(db, statement, 1003)
            check(f'{statement} 1003 gives a state', isinstance(whole, list) and whole[-1][0] is not None, whole)
            check(f'{statement} 1003.0', answer(db, statement, 1003.0) == whole)
            check(f'{statement} -0.0', answer(db, statement, -0.0) == answer(db, statement, 0))
            check_single(db, statement)
            for x in ODD_REALS + (1003.5, b'', b'\xff', b'1003'):
                got = answer(db, statement, x)
                check(f'{statement} {x!r}', is_refused(db, got, 'item', x), got)
            got = answer(db, statement, None)
            check(f'{statement} NULL', got == answer(db, statement.replace('?1', 'NULL')) and isinstance(got, list), got)
    text = answer(db, "SELECT gru4rec_step('texts', NULL, ?)", '1003')
    check('a text stays a text', text != answer(db, "SELECT gru4rec_step('texts', NULL, ?)", 1003))
    for x in 1003, 1003.0, 'x', '':
        got = answer(db, "SELECT gru4rec_step('rec', ?, 1003)", x)
        check(f'a state {x!r}', isinstance(got, str) and 'the state is not a BLOB' in got, got)


def bases(directory):
    db = shop(directory)
    for sql in BASES:
        for model in 'rec', 'reals', 'texts':
            statement = sql.format(m=model)
            check(f'{statement} session', answer(db, statement, 'session'), answer(db, statement, 'session'))
            check(f'{statement} popularity', answer(db, statement, 'popularity') == [], answer(db, statement, 'popularity'))
            for x in ODD_REALS + (2, 2.0, '2', 'nope', '', b'session', b'', None):
                got = answer(db, statement, x)
                check(f'{statement} {x!r}', str(got).startswith('gru4rec: basis is compared with'), got)


def conditions(directory):
    """What SQLite says of a plain table with the same rows."""
    db = shop(directory)
    for model in 'rec', 'reals', 'texts':
        db.execute(f'CREATE TABLE plain_{model} AS SELECT session, rank, item, score FROM {model}')
        found = answer(db, f'SELECT DISTINCT typeof(session), typeof(item) FROM plain_{model}')
        check(f'types of {model}', found == [('integer' if model == 'rec' else 'real', 'text' if model == 'texts' else 'integer')],
              found)
        for condition in CONDITIONS:
            for x in 3, 3.0, 2.5, -0.0, '3', '3.0', b'3', None, 1e300, 1003, 1003.0, '1003':
                sql = f'SELECT session, rank, item, score FROM {{}} WHERE {condition} ORDER BY 1, 2'
                got = answer(db, sql.format(model), x)
                check(f'{model}: {condition} {x!r}', got == answer(db, sql.format(f'plain_{model}'), x) and isinstance(got, list),
                      got)


def options(directory):
    """An option as an integer, as a REAL, and as the text of that."""
    db = shop(directory)
    n_kept = 0
    for option in json.loads(value(db, 'SELECT gru4rec_info()'))['options']:
        if option['type'] not in ('integer', 'list', 'boolean') or '(0, ' in option['range']:
            continue
        kept = {}
        for given in '1', '1.0', '1e0', '10e-1':
            made = answer(db, f"CREATE VIRTUAL TABLE x USING gru4rec(clicks, {option['name']}={given})")
            kept[given] = made or answer(db, "SELECT value FROM x_config WHERE key = 'options'")
            db.execute('DROP TABLE IF EXISTS x')
            n_kept += not made
        same = [text if isinstance(text, list) else text.replace(given, '1', 1) for given, text in kept.items()]
        check(f"option {option['name']}", all(text == same[0] for text in same), kept)
        for x in 1, 1.0:
            call = f"SELECT step, lane, input FROM gru4rec_batches('clicks', 4, json_object('{option['name']}', ?))"
            check(f'{call} {x!r}', str(answer(db, call, x)).replace('1.0', '1') == str(answer(db, call, 1)), answer(db, call, x))
        for x in 1.5, 1e300:
            got = answer(db, f"SELECT * FROM gru4rec_batches('clicks', 4, json_object('{option['name']}', ?))", x)
            check(f"option {option['name']} {x!r}", isinstance(got, str) and option['name'] in got, got)
    check('most options are kept', n_kept > 40, n_kept)


def sources(directory):
    """REALs that are no items are refused, and nothing is lost."""
    db = shop(directory)
    db.execute('CREATE TABLE other(session, item, ts)')
    db.executemany('INSERT INTO other VALUES (?, ?, ?)', [(1.0, 1.0, 1.0), (1, 2, 2.0), ('1', 1.0, 3), ('1', '2', 4), (-0.0, -0.0, 5), (0, 1, 6)])
    made = json.loads(value(db, "SELECT gru4rec_train('other_rec', 'other', 'layers=4,n_epochs=1,threads=1')"))
    check('sessions as SQLite compares them', (made['sessions'], made['items']) == (3, 4), made)
    check('items of that', db.execute('SELECT item FROM other_rec_item ORDER BY row').fetchall() is not None)
    check('sessions as they are stored', [repr(s) for s, in db.execute('SELECT session FROM other_rec WHERE rank = 1')] ==
          ['-0.0', '1.0', "'1'"], db.execute('SELECT session FROM other_rec WHERE rank = 1').fetchall())
    check('the same in batches', {repr(s) for s, in db.execute("SELECT session FROM gru4rec_batches('other', 1)")} ==
          {'-0.0', '1.0', "'1'"})
    for x in ODD_REALS + (b'1', b'\xff'):
        db.execute('INSERT INTO other VALUES (7, ?, 7)', (x,))
        got = answer(db, "SELECT gru4rec_train('other_rec')")
        check(f'item {x!r} in the source', is_refused(db, got, 'item', x), got)
        db.execute('DELETE FROM other WHERE session = 7')
    check('the model is whole', is_whole(db, 'other_rec') and value(db, "SELECT count(*) FROM other_rec_version WHERE status = 'ready'") == 1)


run(integers)
run(items)
run(events)
run(bases)
run(conditions)
run(options)
run(sources)
finish()
