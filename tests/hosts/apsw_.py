import sys

import apsw

db = apsw.Connection(sys.argv[2])
db.enableloadextension(True)
db.loadextension(sys.argv[1])
for statement in sys.stdin:
    for row in db.cursor().execute(statement):
        print(row[0])
db.close()
