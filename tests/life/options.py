"""options.py - each option of gru4rec_options in each function that takes options but not all of them: it is used, or
refused with a message that names it. What each uses stands here once more, by hand."""
from common import *

EVENTS = set('since until session_gap collapse_repeats keep_empty max_length long_sessions min_support min_length '
             'single_events bad_rows validation'.split())
BATCHES = {'preset', 'batch_size', 'n_sample', 'memory_limit'}
COLUMNS = {'session', 'item', 'time', 'order'}
SCHEDULE = {'time_sort', 'whole_sessions', 'groups'}
LISTS = {'exclude_seen', 'candidates'}
QUERIES = {'test', 'label', 'titles'}
VALUES = {'since': '100', 'until': '1e9', 'feedforward': '4', 'adapt_params': '0.9', 'session': 'session', 'item': 'item', 'time': 'ts',
          'order': 'ts', 'candidates': [1001, 1002], 'test': 'later', 'label': 'names', 'titles': 'names', 'space': 'default'}
REFUSALS = ('does not use the option {}; ', "option '{}' belongs to ", "option '{}' is a JSON array", 'option {} is for baseline ', 'instead of {}', 'leave out {}', 'the baseline is the second argument')


def shop(directory):
    db = connect(directory + '/shop.db')
    db.execute('CREATE TABLE clicks(session, item, ts)')
    db.execute('CREATE TABLE later(session, item, ts)')
    db.executemany('INSERT INTO clicks VALUES (?, ?, ?)', [(s, i, 1714521600 + 4000 * s + t % 4000) for s, i, t in clicks(40, 12, 5)])
    db.execute('INSERT INTO later SELECT session + 100, item, ts + 200000 FROM clicks WHERE session < 15')
    db.execute('CREATE VIEW names AS SELECT DISTINCT item, item FROM clicks')
    db.execute("CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=4, n_sample=4, n_epochs=1, batch_size=4, blend=0)")
    db.execute("SELECT gru4rec_train('rec')").fetchall()
    return db


def is_refused(db, sql, name, value, others):
    message = error(db, sql, json.dumps({**others, name: value}))
    return message is not None and any(form.format(name) in message for form in REFUSALS), message


def sweep(directory):
    db = shop(directory)
    options = {name: (default, scope) for name, default, scope in db.execute('SELECT name, default_value, scope FROM gru4rec_options')}
    for name in COLUMNS:
        options[name] = (None, 'column')
    of_measures = {n for n, (_, scope) in options.items() if 'evaluate' in scope}
    measured = of_measures - {'segment', 'ranks'} | COLUMNS
    always = LISTS | QUERIES | {'version', 'seed', 'memory_limit'}
    a_test, all_of_them = {'test': 'later'}, {'test': 'later', 'baselines': 'all'}
    picture = "SELECT gru4rec_plot('rec', '{}', ?)"
    cases = [
        ("SELECT count(*) FROM gru4rec_batches('clicks', 4, ?)", EVENTS | BATCHES | SCHEDULE | COLUMNS, {}),
        ("SELECT count(*) FROM gru4rec_audit('clicks', ?)", EVENTS | BATCHES | COLUMNS, {}),
        ("SELECT count(*) FROM gru4rec_audit('rec', NULL, ?)", EVENTS | BATCHES | COLUMNS | {'version'}, {}),
        ("SELECT count(*) FROM gru4rec_compare('rec', 'baseline:pop', 'later', ?)", {
            'cutoffs', 'mode', 'last_only', 'seed', 'segment', 'memory_limit', 'version_a'} | LISTS | COLUMNS, {}),
        ("SELECT length(gru4rec_report('rec', ?))", always, {}),
        ("SELECT length(gru4rec_report('rec', ?))", measured | QUERIES, all_of_them),
        *((picture.format(what), uses, {}) for what, uses in (
            ('learning', set()), ('methods', {'test'}), ('positions', {'test'}), ('cutoffs', {'test'}), ('lengths', {'memory_limit'}),
            ('popularity', {'version', 'seed', 'memory_limit'}), ('days', {'test', 'version', 'memory_limit'}),
            ('items', {'label', 'titles', 'version', 'memory_limit'}), ('trials', set()))),
        *((picture.format(what), measured | {'test'}, all_of_them) for what in ('methods', 'positions', 'cutoffs')),
        (picture.format('days'), {'test', 'version', 'memory_limit'} | COLUMNS, a_test),
    ]
    for sql, uses, others in cases:
        for name, (default, scope) in options.items():
            value = VALUES.get(name, default)
            refused, message = is_refused(db, sql, name, value, {k: v for k, v in others.items() if k != name})
            what = f'{sql} {others}: {name}={value} is {"used" if name in uses else "refused"}'
            check(what, refused == (name not in uses), message)


run(sweep)
finish()
