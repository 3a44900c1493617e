import sqlite3
import sys

VALUES = 1, 1.0, 1.5, '1', b'1', None

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
for statement in sys.stdin:
    for values in [(value,) for value in VALUES] if '?' in statement else [()]:
        try:
            for row in db.execute(statement, values).fetchall():
                print(row[0])
        except sqlite3.Error as error:
            print('error', error)
db.close()
