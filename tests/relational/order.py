#!/usr/bin/env python3
"""order.py - one order of events everywhere: random logs with many ties, sorted by hand.

    /usr/bin/python3 tests/relational/order.py EXTENSION [--seed S] [--rounds N]

Times are of all types, some of them unreadable (bad_rows). The same rows as a table, a view, a table WITHOUT ROWID and a SELECT, in UTF-8 and in UTF-16; ties
broken by the rowid, by a column of integers, reals, texts or all of them, or by the item alone.
Batches, the catalogue, what the model's table gives and what an evaluation measures must all be
those of the order in which Python sorts.
"""
import argparse
import json
import random
import sqlite3
from fractions import Fraction

from checks import check, finish

OPTIONS = ('bad_rows=0.5,single_events=count,keep_empty=true,layers=4,n_epochs=2,n_sample=4,batch_size=4,'
           'threads=1')
# in UTF-16 (either one), some of these sort otherwise
TEXTS = ['a', 'B', 'b', 'a ', 'a\t', 'a  ', '10', '9', '', 'é', 'ā', 'Ā', '\uff5e', '\ue000', '\U0001f600', '\U00010000', 'ab',
         '日本', 'a\u0301']
INTEGERS = [9, 10, 100, -3, 7, 2 ** 53 + 1, 2 ** 53, -2 ** 63]
ITEMS = {
    'any': ('', TEXTS + INTEGERS + [5, 50]),
    'integer': ('INTEGER', list(range(90, 110)) + [9, 10]),
    'text': ('TEXT', TEXTS + [str(i) for i in range(90, 105)]),
}
# times of all types, and where they stand
SECOND = Fraction(1, 10 ** 9)
TIMES = [(100, 100), (100, 100), (100.0, 100), (100.5, Fraction(201, 2)), (101, 101), ('100', 100), (' 1.005e2 ', Fraction(201, 2)),
         ('1970-01-01 00:01:40', 100), ('1970-01-01T00:01:40.000000001Z', 100 + SECOND), ('1970-01-01 02:01:40.5 +02', Fraction(201, 2)),
         ('1970-01-01 00:01:40.499999999 UTC', Fraction(201, 2) - SECOND), ('1970-01-01 00:01:40.500000001+0000', Fraction(201, 2) + SECOND),
         (2 ** 60, 2 ** 60), (2 ** 60 + 1, 2 ** 60 + 1), (float(2 ** 60), 2 ** 60), (-5, -5), ('9999-12-31', 253402214400)]
BAD_TIMES = 'never', b'100', '2024-13-01'
ORDERS = (None, 'n', 'i', 'r', 't', 'c')
ENCODINGS = 'UTF-8', 'UTF-16le', 'UTF-16be'
FORMS = 'table', 'view', 'keyed', 'select'

def item_key(item):
    """As SQLite orders values, texts by UTF-8."""
    return (1, item.encode()) if isinstance(item, str) else (0, item)


class Log:
    """Rows of (session, item, ts, n, i, r, t, c, k) in three tables and a view; k is unique."""

    def __init__(self, db, name, rng, item_type, items, first_session, n_sessions):
        self.db, self.name = db, name
        columns = f'session INTEGER, item {item_type}, ts, n, i INTEGER, r REAL, t TEXT, c TEXT COLLATE NOCASE'
        db.execute(f'CREATE TABLE {name}({columns}, k INTEGER)')
        db.execute(f'CREATE TABLE {name}_keyed({columns}, k INTEGER, PRIMARY KEY (k)) WITHOUT ROWID')
        db.execute(f'CREATE VIEW {name}_view AS SELECT * FROM {name} ORDER BY k')
        any_of = [None, 0, 1, -1, 0.5, 'x', 'Y', b'z', 2 ** 62]
        rows = [(first_session + s, rng.choice(items), rng.choice(TIMES)[0] if rng.random() < 0.95 else rng.choice(BAD_TIMES), rng.choice(any_of),
                 rng.choice((None, 1, 2, -5, 2 ** 62)),
                 rng.choice((None, 0.5, 1.5, -1e300)), rng.choice((None, 'a', 'b', 'B', 'aa')), rng.choice((None, 'a', 'A', 'b')))
                for s in range(n_sessions) for _ in range(rng.choice((1, 2, 3, 5, 8)))]
        keys = list(range(len(rows)))
        rng.shuffle(rows)
        rng.shuffle(keys)
        rows = [row + (key,) for row, key in zip(rows, keys)]
        for table in (name, name + '_keyed'):
            db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', rows)
        if rng.random() < 0.5:
            db.execute(f'CREATE INDEX {name}_session ON {name}(session, item)')
        places = {(type(ts), ts): place for ts, place in TIMES}
        self.rows = [(session, item, places[type(ts), ts], rowid) for session, item, ts, rowid in
                     db.execute(f'SELECT session, item, ts, rowid FROM {name} ORDER BY rowid') if ts not in BAD_TIMES]

    def source(self, form):
        return {'table': self.name, 'view': self.name + '_view', 'keyed': self.name + '_keyed',
                'select': f'(SELECT * FROM {self.name})'}[form]

    def sessions(self, form, order):
        """{session: its items in order}, sessions in visiting order."""
        if order is not None:
            ties = dict(self.db.execute(f'SELECT rowid, dense_rank() OVER (ORDER BY {order}) FROM {self.name}'))
        elif form == 'table':
            ties = {row[3]: row[3] for row in self.rows}
        else:
            ties = {row[3]: 0 for row in self.rows}
        rows = sorted(self.rows, key=lambda row: (row[2], ties[row[3]], item_key(row[1])))
        first = {}
        for session, _, ts, _ in rows:
            first.setdefault(session, ts)
        return {s: [row[1] for row in rows if row[0] == s] for s in sorted(first, key=lambda s: (first[s], s))}


def with_order(text, order):
    return text if order is None else f'{text},order={order}' if text else f'order={order}'


def check_batches(db, what, source, order, sessions):
    found = {}
    rows = db.execute('SELECT session, input, target FROM gru4rec_batches(?, 3, ?) ORDER BY step, lane',
                      (source, with_order('n_sample=1,bad_rows=0.5,keep_empty=true', order)))
    for session, item, target in rows:
        found.setdefault(session, [item]).append(target)
    check(f'{what}: batches', found == {s: items for s, items in sessions.items() if len(items) > 1})


def check_model(db, what, source, order, sessions):
    db.execute('SELECT gru4rec_train(?, ?, ?)', ('m', source, with_order(OPTIONS, order))).fetchall()
    catalogue = [i for i, in db.execute('SELECT item FROM m_item ORDER BY row')]
    check(f'{what}: catalogue', catalogue == list(dict.fromkeys(i for items in sessions.values() for i in items)))
    rows = db.execute('SELECT session, item, score FROM m WHERE rank <= 4').fetchall()
    for session, items in sessions.items():
        expected = db.execute("SELECT item, score FROM gru4rec_recommend('m', ?, 4)",
                              (json.dumps(items),)).fetchall()
        one = db.execute('SELECT item, score FROM m WHERE session = ? AND rank <= 4', (session,)).fetchall()
        check(f'{what}: session {session}', one == expected and
              [row[1:] for row in rows if row[0] == session] == expected, (items, one, expected))


def check_evaluation(db, what, source, order, sessions):
    known = {(type(i).__name__, i): i for i, in db.execute('SELECT item FROM m_item')}
    texts = {str(i): i for i in known.values()}
    hits, reciprocals, n = 0, 0.0, 0
    for items in sessions.values():
        rows = [known.get((type(i).__name__, i), texts.get(str(i))) for i in items]
        rows = [i for i in rows if i is not None]
        for at in range(1, len(rows)):
            rank, = db.execute("SELECT rank FROM gru4rec_recommend('m', ?) WHERE item = ?",
                               (json.dumps(rows[:at]), rows[at])).fetchone()
            hits += rank <= 3
            reciprocals += 1 / rank if rank <= 3 else 0
            n += 1
    recall, mrr, events = db.execute('SELECT recall, mrr, events FROM gru4rec_evaluate(?, ?, ?)',
                                     ('m', source, with_order('cutoffs=3,mode=standard', order))).fetchone()
    check(f'{what}: evaluation', events == n and abs(recall - hits / n) < 1e-9 and
          abs(mrr - reciprocals / n) < 1e-9, (events, n, recall, hits / n))


def run(extension, seed, encoding, kind):
    rng = random.Random(f'{seed}/{encoding}/{kind}')
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.enable_load_extension(True)
    db.load_extension(extension)
    item_type, items = ITEMS[kind]
    log = Log(db, 'log', rng, item_type, items, 1, 12)
    later = Log(db, 'later', rng, item_type, items, 100, 12)
    # what is integer to the model is text here, and the other way round; some are unknown
    other = Log(db, 'other', rng, '', [i if rng.random() < 0.3 else str(i) for i in items] + ['unknown', 12345], 200, 12)
    for form in FORMS:
        for order in ORDERS:
            what = f'--seed {seed}: {encoding} {kind} {form} order={order}'
            check_batches(db, what, log.source(form), order, log.sessions(form, order))
            check_model(db, what, log.source(form), order, log.sessions(form, order))
            for test in (later, other):
                check_evaluation(db, f'{what} {test.name}', test.source(form), order, test.sessions(form, order))
            db.execute('DROP TABLE m')
    db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=1)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        for encoding in ENCODINGS:
            for kind in ITEMS:
                run(options.extension, seed, encoding, kind)
    finish()


main()
