"""publish.py DATABASE LINK, or --whole FILE LINK: puts a copy of the database where serving processes look for it.

The model is called rec, and the database must exist. The copy gets a name that no file ever had, beside LINK. Then LINK, a symlink, is switched to it by a rename: whoever
opens LINK finds the old copy or the new one, whole. The two latest copies stay: a process that has just read LINK may
still open the one before. With --whole, FILE is a copy already (one that Litestream restored), and only moves.
"""
import os
import re
import sqlite3
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
EXTENSION = os.environ.get('GRU4REC', HERE + '/../../gru4rec')
KEEP = 2


def sync(path):
    """Waits until a file, or what a directory lists, is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def seal(path):
    """No -wal and no -journal beside the copy: all of it is in the one file, which nobody writes any more."""
    db = sqlite3.connect(path)
    assert db.execute('PRAGMA journal_mode = delete').fetchone() == ('delete',)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    found = db.execute("SELECT gru4rec_check('rec')").fetchone()[0]
    db.close()
    if found != 'ok':
        sys.exit(f'the copy is not published: {found}')
    os.chmod(path, 0o444)
    sync(path)


def switch(link, path):
    directory = os.path.dirname(path)
    os.symlink(os.path.basename(path), path + '.link')
    os.rename(path + '.link', link)
    sync(directory)
    copy = re.compile(re.escape(os.path.basename(link)) + r'-\d{19}')
    copies = sorted(name for name in os.listdir(directory) if copy.fullmatch(name))
    for name in copies[:-KEEP]:
        os.unlink(os.path.join(directory, name))


def publish(database, link, is_whole=False):
    link = os.path.abspath(link)
    path = f'{link}-{time.time_ns()}'
    if is_whole:
        os.rename(database, path)
    else:
        db = sqlite3.connect(f'file:{urllib.request.pathname2url(os.path.abspath(database))}?mode=rw', uri=True)
        db.execute('VACUUM INTO ?', (path,))
        db.close()
    try:
        seal(path)
    except BaseException:  # a copy that was not checked must not count as one
        os.unlink(path)
        raise
    switch(link, path)
    return path


if __name__ == '__main__':
    is_whole = sys.argv[1] == '--whole'
    print(publish(*sys.argv[1 + is_whole:], is_whole))
