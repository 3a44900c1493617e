import sys

import apsw

VALUES = 1, 1.0, 1.5, '1', b'1', None

db = apsw.Connection(sys.argv[2])
db.enableloadextension(True)
db.loadextension(sys.argv[1])
for statement in sys.stdin:
    for values in [(value,) for value in VALUES] if '?' in statement else [()]:
        try:
            for row in db.cursor().execute(statement, values).fetchall():
                print(row[0])
        except apsw.Error as error:
            print('error', error)
db.close()
