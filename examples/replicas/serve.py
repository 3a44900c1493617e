"""serve.py LINK: reads histories, a line each, and recommends from the copy that LINK names at that moment.

The process opens the copy read-only and never waits for a lock. Before each answer it looks whether LINK names another
file by now; then it opens that one. A history that comes as a JSON array is answered by a JSON line.
"""
import json
import os
import pathlib
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ['GRU4REC_READONLY'] = '1'       # before the extension is loaded


class Copy:
    """The database that a path names, opened anew when the path names another file. One for each thread."""

    def __init__(self, path, extension):
        self.path, self.extension = path, extension
        self.file = self.db = None

    def open(self):
        name = os.path.realpath(self.path)
        status = os.stat(name)
        file = name, status.st_dev, status.st_ino     # an inode stays taken while the old copy is open
        if file != self.file:
            db = sqlite3.connect(pathlib.Path(name).as_uri() + '?mode=ro&immutable=1', uri=True)
            db.enable_load_extension(True)
            db.load_extension(self.extension)
            self.file, self.db = file, db             # the old connection closes with its last cursor
        return self.db


def main(path):
    copy = Copy(path, os.environ.get('GRU4REC', HERE + '/../../gru4rec'))
    for history in sys.stdin:
        db = copy.open()
        version = db.execute("SELECT value FROM rec_config WHERE key = 'version'").fetchone()[0]
        items = db.execute("SELECT item, score FROM gru4rec_recommend('rec', ?, 5)", (history.strip(),)).fetchall()
        print(json.dumps({'version': version, 'items': items}), flush=True)


if __name__ == '__main__':
    main(sys.argv[1])
