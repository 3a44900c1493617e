"""Session-based recommendations inside SQLite: finds the extension gru4rec, which this package has in it, and loads it.

    db = sqlite3.connect('shop.db')
    gru4rec.load(db)
    db.execute("SELECT gru4rec_train('rec', 'clicks')")
"""
import ctypes
import os
import sys

_SUFFIX = {'win32': '.dll', 'darwin': '.dylib'}.get(sys.platform, '.so')


def loadable_path():
    """The path of the extension's file."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), 'gru4rec' + _SUFFIX)


def load(connection):
    """Loads the extension into a connection of sqlite3 or of apsw. SQL cannot load others: that is switched off again."""
    if hasattr(connection, 'enableloadextension'):  # apsw
        enable, load_extension = connection.enableloadextension, connection.loadextension
    elif hasattr(connection, 'enable_load_extension'):
        enable, load_extension = connection.enable_load_extension, connection.load_extension
    else:
        raise RuntimeError(
            f'gru4rec: the sqlite3 module of this Python ({sys.executable}) was built without loading of extensions; '
            'use a Python that has it (/usr/bin/python3 of Debian), or a connection of the package apsw, or call '
            'gru4rec.auto_load() once, before the connection is opened')
    enable(True)
    try:
        load_extension(loadable_path())
    finally:
        enable(False)


_keep = []  # what SQLite calls by its address must stay


def auto_load():
    """Gives the extension to each connection of sqlite3 that this process opens from now on.

    For a Python whose sqlite3 cannot load extensions: it hands the extension to the SQLite library behind the module.
    """
    if _keep:
        return
    import _sqlite3
    sqlite = ctypes.CDLL(getattr(_sqlite3, '__file__', None))  # None: sqlite3 is a part of the program
    if not hasattr(sqlite, 'sqlite3_auto_extension'):
        raise RuntimeError(
            'gru4rec: the SQLite library of this Python hides sqlite3_auto_extension(); use another Python, or a '
            'connection of the package apsw')
    init = ctypes.CDLL(loadable_path()).sqlite3_gru4rec_init
    init.argtypes = [ctypes.c_void_p] * 3

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    def entry(db, message, api):
        rc = init(db, message, api)
        return 0 if rc == 256 else rc  # SQLITE_OK_LOAD_PERMANENTLY, which sqlite3_open() would take for an error

    sqlite.sqlite3_auto_extension.argtypes = [ctypes.c_void_p]
    rc = sqlite.sqlite3_auto_extension(ctypes.cast(entry, ctypes.c_void_p))
    if rc != 0:
        raise RuntimeError(f'gru4rec: sqlite3_auto_extension() failed with code {rc}')
    _keep.append(entry)
