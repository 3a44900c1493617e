"""format.py - a database that version 0.1.0 wrote in storage format 2 is read, served and trained on as it was then.

tests/fixtures/format_2.py made the file and tells what is in it. Each test opens a fresh copy.
"""
import hashlib
from common import *

FIXTURE = HERE + '/../fixtures/format_2.db'
MODELS = 'shop', 'words', 'sampled'
TRAINED = 'anew', 'warm_start', 'resume'
OWN = {'clicks', 'clicks_session', 'reads', 'reads_reader', 'expected', 'expected_state', 'expected_facts'}

# Other processors add the products of a sum in another order, so float32 scores differ in their last bits: some 1e-6
# of a score near 1. Items may change places where their scores are that near.
SCORE, NEAR = 1e-5, 1e-4
MEASURE = 0.005  # two such items in one of a thousand rankings of an evaluation move Recall by 0.001
LOSS = 1e-5  # a mean over the events of an epoch: other kernels of OpenBLAS move it by 1e-8


# ---- comparing ----

def is_close(a, b, tolerance=SCORE):
    """Numbers within the tolerance, relative or absolute; everything else, integers too, is equal."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= tolerance * max(1, abs(b))
    return type(a) is type(b) and a == b


def are_close(rows, expected, tolerance=SCORE):
    return len(rows) == len(expected) and all(
        len(a) == len(b) and all(is_close(x, y, tolerance) for x, y in zip(a, b)) for a, b in zip(rows, expected))


def is_same_ranking(rows, expected):
    """Whole rankings: rows of (rank, item, score)."""
    scores = {(type(item), item): score for _, item, score in expected}
    return len(rows) == len(expected) == len(scores) and all(
        rank == i + 1 and is_close(score, expected[i][2]) and
        (item == expected[i][1] or abs(scores.get((type(item), item), 1e9) - expected[i][2]) < NEAR)
        for i, (rank, item, score) in enumerate(rows))


def recommend(db, model, history):
    return db.execute('SELECT rank, item, score FROM gru4rec_recommend(?, ?) ORDER BY rank',
                      (model, history)).fetchall()


def stored(db, model, history):
    return db.execute('SELECT rank, item, score FROM expected WHERE model = ? AND history = ? ORDER BY rank',
                      (model, history)).fetchall()


def histories(db, model):
    return [h for h, in db.execute('SELECT DISTINCT history FROM expected WHERE model = ? ORDER BY rowid', (model,))]


def serves(db, model, name=None):
    """Does it rank as it did? name: what the model is called now."""
    return all(is_same_ranking(recommend(db, name or model, h), stored(db, model, h)) for h in histories(db, model))


def fact(db, model, name):
    sql, said = db.execute('SELECT sql, said FROM expected_facts WHERE model = ? AND fact = ?',
                           (model, name)).fetchone()
    return sql, json.loads(said)


def listed(rows):
    return [list(row) for row in rows]


def copy(directory, name='copy.db', **options):
    return connect(shutil.copy(FIXTURE, f'{directory}/{name}'), **options)


def read_only(directory):
    path = directory + '/served.db'
    if not os.path.exists(path):
        shutil.copy(FIXTURE, path)
    return connect(f'file:{path}?mode=ro', uri=True)


def left(db):
    return {name for name, in db.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'")} - OWN


# ---- serving ----

def whole(directory):
    db = read_only(directory)
    check('format 2', all(value(db, f"SELECT value FROM {m}_config WHERE key = 'format'") == '2' for m in MODELS))
    for model in MODELS:
        check(f'{model}: whole', is_whole(db, model), value(db, 'SELECT gru4rec_check(?)', model))


def rankings(directory):
    db = read_only(directory)
    for model in MODELS:
        check(f'{model}: rankings are stored', len(histories(db, model)) > 4)
        for history in histories(db, model):
            rows = recommend(db, model, history)
            check(f'{model}: the same ranking after {history}', is_same_ranking(rows, stored(db, model, history)),
                  rows[:3])


def facts(directory):
    db = read_only(directory)
    for model in MODELS:
        names = [n for n, in db.execute('SELECT fact FROM expected_facts WHERE model = ?', (model,))]
        for name in set(names) - {'export', 'info', 'previous', *TRAINED}:
            sql, said = fact(db, model, name)
            rows = listed(db.execute(sql))
            if name == 'evaluate':  # columns that were added since do not matter
                rows = [row[:len(said[0])] for row in rows]
            check(f'{model}: the same {name}', are_close(rows, said, MEASURE if name == 'evaluate' else SCORE), rows)
        check(f'{model}: facts are stored', len(names) > 11, names)


def cards(directory):
    """What a later card says more does not matter."""
    db = read_only(directory)
    for model in MODELS:
        recommend(db, model, '[]')  # what it takes in memory is known once it is there
        sql, said = fact(db, model, 'info')
        card, old = json.loads(value(db, sql)), json.loads(said[0][0])
        for key in 'model', 'schema', 'source', 'columns', 'version', 'run', 'finished', 'trained_on', 'summary', \
                'quantized', 'versions':
            check(f'{model}: the card has the same {key}', card.get(key) == old[key], card.get(key))
        options = {key: card['options'].get(key) for key in old['options']}
        check(f'{model}: the card has the same options', options == old['options'], options)


def exports(directory):
    """The same tensors to the bit; and a model that is imported from them says the same."""
    db = copy(directory)
    for model in MODELS:
        sql, said = fact(db, model, 'export')
        data = value(db, sql)
        start = 8 + int.from_bytes(data[:8], 'little')
        tensors = {name: [t['dtype'], t['shape'],
                          hashlib.sha256(data[start:][slice(*t['data_offsets'])]).hexdigest()]
                   for name, t in json.loads(data[8:start]).items() if name != '__metadata__'}
        check(f'{model}: exports the same tensors', tensors == said, tensors)
        db.execute("SELECT gru4rec_import('other', ?)", (data,)).fetchall()
        check(f'{model}: imported', serves(db, model, 'other') and is_whole(db, 'other'))
        db.execute('DROP TABLE other')


def states(directory):
    """BLOBs that live sessions keep: of the active version, and of the one before it."""
    db = read_only(directory)
    rows = db.execute('SELECT model, session, history, state FROM expected_state').fetchall()
    check('states are stored', len(rows) == 8, len(rows))
    for model, session, history, state in rows:
        what = f'{model}: the state of {session}'
        check(f'{what} is a history', is_same_ranking(recommend(db, model, state), stored(db, model, history)))
        items = json.loads(history)
        stepped = value(db, 'SELECT gru4rec_step(?, ?, ?)', model, state, items[0])
        again = json.dumps(items + items[:1])
        check(f'{what} is stepped on', is_same_ranking(recommend(db, model, stepped), recommend(db, model, again)))
    own = {(model, session): state for model, session, _, state in rows}
    for model in 'shop', 'sampled':
        state = value(db, 'SELECT gru4rec_state(?, item_id) FROM (SELECT item_id FROM clicks WHERE session_id = 42 '
                          'ORDER BY ts)', model)
        check(f'{model}: a new state has the layout of the old one', len(state) == len(own[model, 42]) and
              state[:28] == own[model, 42][:28], state[:28])


def serving_writes_nothing(directory):
    for test in rankings, facts, states:
        test(directory)
    with open(directory + '/served.db', 'rb') as served, open(FIXTURE, 'rb') as fixture:
        check('serving wrote nothing', served.read() == fixture.read())


# ---- versions ----

def deployed(directory):
    db = copy(directory)
    sql, said = fact(db, 'shop', 'previous')
    check('two versions differ', not are_close(listed(db.execute(sql)), said))
    check('deploy previous', value(db, "SELECT gru4rec_deploy('shop', 'previous')") == 1)
    check('the previous version says what it said', are_close(listed(db.execute(sql)), said))
    check('the previous version is whole', is_whole(db, 'shop'))
    history, state = db.execute('SELECT history, state FROM expected_state WHERE session = 42').fetchone()  # of shop
    check('a state follows', is_same_ranking(recommend(db, 'shop', state), recommend(db, 'shop', history)))
    check('and back', value(db, "SELECT gru4rec_deploy('shop', 2)") == 2 and serves(db, 'shop'))
    check('best', value(db, "SELECT gru4rec_deploy('shop', 'best')") ==
          value(db, 'SELECT version FROM shop_epoch ORDER BY mrr DESC LIMIT 1'))


def trained(directory):
    """Anew, from the weights (shop has the optimiser's state beside them), and from the checkpoint."""
    for model in MODELS:
        for name in TRAINED if model == 'sampled' else TRAINED[:2]:
            db = copy(directory, name + model)
            old = active_version(db, model)
            sql, said = fact(db, model, name)
            loss = value(db, sql)
            check(f'{model}: {name}: the same loss', is_close(loss, said[0][0], LOSS), (loss, said))
            check(f'{model}: {name}: a new version', active_version(db, model) > old and is_whole(db, model))
            check(f'{model}: {name}: the others serve on', all(serves(db, m) for m in MODELS if m != model))
            value(db, 'SELECT gru4rec_deploy(?, ?)', model, old)
            check(f'{model}: {name}: and the old version can', serves(db, model) and is_whole(db, model))
            db.close()


def active_version(db, model):
    return int(value(db, f"SELECT value FROM {model}_config WHERE key = 'version'"))


def resumed(directory):
    db = copy(directory)
    check('the run counts as interrupted', status(db, 2, 'sampled') == 'interrupted', status(db, 2, 'sampled'))
    old = db.execute('SELECT * FROM sampled_epoch WHERE version = 2').fetchall()
    summary = train(db, 'resume=true, threads=2', 'sampled')
    check('resumed to its end', (summary['version'], summary['epochs']) == (2, 8), summary)
    epochs = db.execute('SELECT * FROM sampled_epoch WHERE version = 2').fetchall()
    check('its first epochs stay', len(old) == 3 and epochs[:3] == old and len(epochs) == 8, epochs)
    check('it is ready', status(db, 2, 'sampled') == 'ready' and is_whole(db, 'sampled'))
    message = error(db, "SELECT gru4rec_train('sampled', 'resume=true')")
    check('once', 'no interrupted run' in message, message)


# ---- where the database goes ----

def moved(directory):
    db = copy(directory)
    db.execute('VACUUM')
    check('VACUUM', all(serves(db, m) and is_whole(db, m) for m in MODELS))
    text = shell(directory + '/copy.db', '.dump')
    check('.dump: no error', text.rstrip().endswith('COMMIT;'), text[-300:])
    output = shell(directory + '/dumped.db', text)
    check('.dump: reads back', output == '', output[:300])
    dumped = connect(directory + '/dumped.db')
    check('.dump: says the same', all(serves(dumped, m) and is_whole(dumped, m) for m in MODELS))
    rows = 'SELECT count(*) FROM words_source'
    check('.dump: the view', value(dumped, rows) == value(db, rows) > 0)
    check('.dump: trains on', train(dumped, 'n_epochs=1', 'words')['version'] == 2)


def nightly(directory):
    """Versions of that time do not say where their events end."""
    for model in MODELS:
        db = copy(directory, 'nightly' + model)
        old = active_version(db, model)
        leaks = "SELECT group_concat(value) FROM (SELECT value FROM gru4rec_audit(?, ?) LIMIT -1 OFFSET 22)"
        source = value(db, f"SELECT value FROM {model}_config WHERE key = 'source'")
        check(f'{model}: of its sessions it knows nothing', value(db, leaks, model, source) == 'unknown,unknown,unknown,unknown')
        check(f'{model}: where a test has none of them, too',
              value(db, leaks, model, "SELECT 'new' AS session_id, 1 AS item_id, 9e12 AS ts").startswith('unknown,unknown'))
        summary = train(db, 'n_epochs=1,warm_start=true,since=last,validation=0,patience=0', model)
        check(f'{model}: since=last takes all', summary['since'] == {'version': old, 'last_event': None, 'last_rowid': None} and
              summary['outside'] == 0 and 'has no last_event' in str(summary['warnings']), summary)
        last, rowid = db.execute(f'SELECT last_event, last_rowid FROM {model}_version WHERE version = ?',
                                 (summary['version'],)).fetchone()
        check(f'{model}: what it is trained on from then on, it knows', 'unknown' not in value(db, leaks, model, source) and
              value(db, leaks, model, "SELECT 'new' AS session_id, 1 AS item_id, 9e12 AS ts").startswith('unknown,unknown'))
        check(f'{model}: and says where they end', last is not None and last == summary['last_event'], last)
        message = error(db, "SELECT gru4rec_train(?, 'since=last')", model)
        check(f'{model}: then nothing is new', f"there is no event after {last}, the last_event of version {summary['version']}" in message,
              message)
        check(f'{model}: the old row has none', value(db, f'SELECT count(last_event) FROM {model}_version') == 1 and is_whole(db, model))
        db.close()


def renamed(directory):
    db = copy(directory)
    names = left(db)
    for model in MODELS:
        best = 'SELECT session, item, score FROM {} WHERE rank <= 2'
        rows = db.execute(best.format(model)).fetchall()
        db.execute(f'ALTER TABLE {model} RENAME TO new_{model}')
        check(f'{model}: renamed', serves(db, model, 'new_' + model) and is_whole(db, 'new_' + model))
        check(f'{model}: renamed: its sessions', db.execute(best.format('new_' + model)).fetchall() == rows != [])
        check(f'{model}: renamed: trains on',
              train(db, 'n_epochs=1', 'new_' + model)['version'] == active_version(db, 'new_' + model) > 1)
    check('all their tables are renamed', left(db) == {'new_' + name for name in names}, left(db))


def dropped(directory):
    db = copy(directory)
    check('tables of three models and a view', len(left(db)) == 3 * 6 + 1, left(db))
    for i, model in enumerate(MODELS):
        db.execute(f'DROP TABLE {model}')
        check(f'{model}: dropped', not any(n.startswith(model) for n in left(db)), left(db))
        check(f'{model}: dropped: the others serve', all(serves(db, m) for m in MODELS[i + 1:]))
    check('nothing is left', left(db) == set() and value(db, 'PRAGMA integrity_check') == 'ok', left(db))


def unknown_format(directory):
    """Of a version that is not known yet."""
    for model in MODELS:
        db = copy(directory, model + '.db')
        db.execute(f"UPDATE {model}_config SET value = '99' WHERE key = 'format'")
        db.close()
        db = connect(f'{directory}/{model}.db')
        for sql in ('SELECT * FROM {}', "SELECT * FROM gru4rec_recommend('{}', '[1004]')", "SELECT gru4rec_info('{}')",
                    "SELECT gru4rec_step('{}', NULL, 1004)", "SELECT gru4rec_export('{}')",
                    "SELECT gru4rec_train('{}')"):
            message = error(db, sql.format(model))
            check(f'{model}: format 99: {sql}', 'has a storage format that gru4rec' in message and
                  'use the extension that wrote it, or drop the model' in message, message)
        check(f'{model}: format 99: the others serve', all(serves(db, m) for m in MODELS if m != model))
        db.execute(f'DROP TABLE {model}')
        check(f'{model}: format 99: dropped', not any(n.startswith(model) for n in left(db)) and
              value(db, 'PRAGMA integrity_check') == 'ok', left(db))
        db.close()


for test in whole, serving_writes_nothing, cards, exports, deployed, trained, resumed, nightly, moved, renamed, dropped, \
        unknown_format:
    run(test)
finish()
