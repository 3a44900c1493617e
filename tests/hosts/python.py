import sqlite3
import sys

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
for statement in sys.stdin:
    for row in db.execute(statement):
        print(row[0])
db.close()
