"""host.py MODULE DATABASE: runs the statements of standard input by sqlite3 or apsw; prints the first column."""
import importlib
import os
import sys

import gru4rec

module = importlib.import_module(sys.argv[1])
if sys.argv[1] == 'apsw':
    db = module.Connection(sys.argv[2])
    execute = db.cursor().execute
else:
    if not hasattr(module.Connection, 'enable_load_extension'):
        try:
            gru4rec.load(module.connect(':memory:'))
        except RuntimeError as error:
            for word in 'apsw', '/usr/bin/python3', 'auto_load', sys.executable:
                assert word in str(error), error
        gru4rec.auto_load()
    db = module.connect(sys.argv[2], isolation_level=None)
    execute = db.execute
    if hasattr(module.Connection, 'enable_load_extension'):
        gru4rec.load(db)
        try:
            execute('SELECT load_extension(?)', (gru4rec.loadable_path(),)).fetchall()
            sys.exit('SQL may load extensions')
        except module.Error as error:
            assert 'not authorized' in str(error), error
if sys.argv[1] == 'apsw':
    gru4rec.load(db)
assert os.path.isfile(gru4rec.loadable_path())
for statement in sys.stdin:
    for row in execute(statement).fetchall():
        print(row[0])
db.close()
