"""checks.py - counts what passed and failed, for the programs beside it and those of tests/replicas and tests/mpi."""
import sqlite3
import sys
import time

passed = failed = 0
start = time.monotonic()


def check(what, is_ok, detail=''):
    global passed, failed
    passed += bool(is_ok)
    failed += not is_ok
    if not is_ok:
        print(f'FAIL  {what}  {detail}', flush=True)


def finish():
    print(f'SQLite {sqlite3.sqlite_version}, {time.monotonic() - start:.1f} s')
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)
