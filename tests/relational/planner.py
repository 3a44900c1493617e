"""planner.py - for differential.py: a SQLite whose results do not depend on the order of a join.

From a.x = b.y AND b.y = 'k', SQLite infers a.x = 'k', and tests that in place of b.y = 'k'. It
does so also where the two terms compare by different collations, as far as 3.54.1 at least. Then
rows are lost, of ordinary tables too, in some orders of the join and not in others. SQLite may
choose one order for a model's table and another for its copy, so this part of it is switched off.
"""
import ctypes
import itertools
import sqlite3

# sqlite3.h and sqliteInt.h: the operation of sqlite3_test_control() that switches parts of the
# planner off, and the part that infers terms
TESTCTRL_OPTIMIZATIONS, TRANSITIVE = 15, 0x80

TYPES = '', 'TEXT', 'TEXT COLLATE NOCASE', 'NUMERIC'
VALUES = 'a', 'A', 'b', 3, '3'
TERMS = [f'{x} {operator} {y}' for x, y in itertools.permutations(('a.x', 'b.x', 'c.x'), 2)
         for operator in ('=', 'IS')]
TERMS += [term for x in ('a.x', 'b.x') for term in (f"{x} = 'a'", f"{x} IN ('A', '3')",
                                                    f"{x} COLLATE NOCASE = 'A'", f"{x} = 'A' COLLATE NOCASE")]


def infer_nothing(db):
    """Switches it off for this connection, whose object begins with its sqlite3 *."""
    handle = ctypes.c_void_p.from_address(id(db) + object.__basicsize__)
    ctypes.CDLL('libsqlite3.so.0').sqlite3_test_control(TESTCTRL_OPTIMIZATIONS, handle, TRANSITIVE)


def wrong_orders():
    """The joins of ordinary tables that give other rows in some order than without a plan."""
    db = sqlite3.connect(':memory:', isolation_level=None)
    infer_nothing(db)
    count = lambda tables, where: db.execute(
        f'SELECT count(*) FROM {" CROSS JOIN ".join(tables)} WHERE {where}').fetchone()[0]
    wrong = []
    for types in itertools.product(TYPES, repeat=3):
        for name, declared in zip('abc', types):
            db.execute(f'DROP TABLE IF EXISTS {name}')
            db.execute(f'CREATE TABLE {name}(x {declared})')
            db.executemany(f'INSERT INTO {name} VALUES (?)', [(v,) for v in VALUES])
        for terms in itertools.combinations(TERMS, 2):
            names = [n for n in 'abc' if any(f'{n}.x' in t for t in terms)]
            expected = count(names, ' AND '.join(f'+({t})' for t in terms))  # no plan sees into +()
            wrong += [(order, ' AND '.join(terms), types) for order in itertools.permutations(names)
                      if count(order, ' AND '.join(terms)) != expected]
    db.close()
    return wrong
