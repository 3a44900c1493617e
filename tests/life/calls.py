"""calls.py - a call of each function and table of ours: those that read, and those that write. Shared by scripts that
check what all of them have in common."""
from common import check, clicks, make_shop, train

# By name and number of arguments, and by the name of a table. ? is a file that may be written.
READERS = {
    ('gru4rec_check', 1): "SELECT gru4rec_check('rec')",
    ('gru4rec_embedding', 2): "SELECT hex(gru4rec_embedding('rec', 1001))",
    ('gru4rec_embedding', 3): "SELECT hex(gru4rec_embedding('rec', 1001, 'previous'))",
    ('gru4rec_export', 1): "SELECT hex(gru4rec_export('rec'))",
    ('gru4rec_export', 2): "SELECT gru4rec_export('rec', ?)",
    ('gru4rec_export', 3): "SELECT gru4rec_export('rec', ?, 'version=1')",
    ('gru4rec_info', 0): "SELECT json_remove(gru4rec_info(), '$.readonly')",
    ('gru4rec_info', 1): "SELECT gru4rec_info('rec')",
    ('gru4rec_plot', 2): "SELECT gru4rec_plot('rec', 'popularity')",
    ('gru4rec_plot', 3): "SELECT gru4rec_plot('rec', 'methods', 'test=clicks,baselines=pop')",
    ('gru4rec_report', 1): "SELECT gru4rec_report('rec')",
    ('gru4rec_report', 2): "SELECT gru4rec_report('rec', ?)",
    ('gru4rec_report', 3): "SELECT gru4rec_report('rec', ?, 'test=clicks')",
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


def small_shop(directory, name='shop.db', journal='delete'):
    """Two versions, small, with a blend and what a tuning needs."""
    db = make_shop(f'{directory}/{name}', journal, clicks(150, 30, 5),
                   'layers=4, n_sample=4, n_epochs=1, threads=1, blend=0.5')
    train(db, 'n_epochs=1')
    train(db, 'n_epochs=2')
    return db


def every_function_is_listed(db):
    """A new function or table must be put into one of the two lists."""
    functions = set(db.execute("SELECT name, narg FROM pragma_function_list WHERE name LIKE 'gru4rec%'"))
    modules = {name for name, in db.execute("SELECT name FROM pragma_module_list WHERE name LIKE 'gru4rec%'")}
    called = {key for key in {**READERS, **WRITERS} if isinstance(key, tuple)}
    read = {key for key in READERS if isinstance(key, str)}
    check('READERS and WRITERS have every function', functions == called, functions ^ called)
    check('READERS has every table', modules == read, modules ^ read)


def parameters(sql, path):
    """What a call of the lists needs: ? is the path."""
    return (path,) if '?' in sql else ()
