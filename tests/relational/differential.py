#!/usr/bin/env python3
"""differential.py - random queries on a model's tables, and the same on plain copies of them.

    /usr/bin/python3 tests/relational/differential.py EXTENSION
        [--queries N] [--seed S] [--seconds T] [--only CASE/I]

Both tables are relations: every query must give what SQLite gives on a table that was filled
once with a full scan. Arguments (history, k, exclude_seen, candidates, version) say which relation it
is; each value that is used has a copy of its own, with the hidden columns as ordinary ones. One part
of SQLite's planner is off, because its results depend on the plan (planner.py).

A query is a function of the seed, the case and its number: --only repeats one. With --seconds,
rounds of N queries with seeds S, S + 1, ... until the time is over.
"""
import argparse
import collections
import copy
import itertools
import json
import random
import re
import sqlite3
import struct
import sys
import time

import planner

BUSY_SECONDS = 1  # a query that takes longer, or gives more, is left out and counted
MOST_ROWS = 20000
MOST_ERRORS = 0.1  # share of the queries that may be errors on both sides
MOST_SHOWN = 10  # mismatches that are shown in full
OPTIONS = 'layers=8, n_epochs=1, n_sample=8, batch_size=4, threads=1, keep_empty=true'

# Half of the models blend their scores with those of the nearest sessions.
BLENDS = '', '', ', blend=1', ', blend=0.25, state_items=2'

# ---- values ----

BIG = 2 ** 53
EDGES = (None, 0, -1, 1, 2, 2.5, 3.0, '3', '3.0', ' 3', '3 ', '3e0', '', 'x', 'A', 'a', b'', b'3',
         2 ** 63 - 1, -2 ** 63, 2.0 ** 63, 9.3e18, -1e99, 1e99, float('inf'), BIG, float(BIG), BIG + 1)
INTEGERS = [3, 1, 10, -5, 42, 0, BIG, BIG + 1, BIG - 1, 7]
TEXTS = ['3', '03', '3.0', ' 3', 'a', 'A', 'b', 'B', '', '10', '9', '\u00e9', 'x']
MIXED = [3, '3', 3.5, b'3', 'a', 'A', -1, '3.0', 1e300, '03', b'', BIG, BIG + 1, 10, '\u00e9', 0]
LOOK_ALIKES = ['5', '05', '5.0', ' 5', 'Ab', 'ab', 'AB', '', '50', '6', 'b', '\u00e9', '5e0']

# name: declared type of session and item, values, how many of them, share of the queries. 400
# items are more than the first block of a ranking (32) and the second (256).
CASES = {
    'integer': ('INTEGER', 'INTEGER', INTEGERS, [5, 50, -6, BIG + 1, 0], 9, 12, 20),
    'text': ('TEXT', 'TEXT', TEXTS, LOOK_ALIKES, 11, 14, 20),
    'none': ('', '', MIXED, LOOK_ALIKES + [5, 50, -6, 6], 11, 14, 20),
    'real': ('REAL', 'NUMERIC', [3, 2.5, '3', 'a', 'A', b'3', -1, 1e18, BIG], LOOK_ALIKES + [5], 8, 13, 14),
    'numeric': ('NUMERIC', 'VARCHAR(9)', MIXED, LOOK_ALIKES + [5], 9, 13, 14),
    'larger': ('INT', 'INT', INTEGERS, [5, -6], 30, 40, 6),
    'blocks': ('INTEGER', '', INTEGERS, LOOK_ALIKES, 5, 400, 6),
}


def literal(value):
    if value is None:
        return 'NULL'
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value).replace('inf', '9e999')


def disguised(value, rng):
    """The value, or one that looks like it."""
    text = value.decode() if isinstance(value, bytes) else '' if value is None else str(value)
    forms = [value, value, value, text, ' ' + text, text + '.0', text.encode(), text.swapcase()]
    try:
        number = float(text)
        forms += [number, number + 0.5, -number, repr(number), int(number), int(number) + 1]
    except (ValueError, OverflowError):
        pass
    forms = [v for v in forms if not isinstance(v, int) or -2 ** 63 <= v < 2 ** 63]
    return rng.choice(forms)


def typed(value, is_loose=False):
    """What tells values apart, floats by their bits. Loosely, 3 and 3.0 are one, and so are 'a'
    and 'A': which of them stands for both in a DISTINCT or a GROUP BY is SQLite's choice."""
    if is_loose and isinstance(value, str):
        value = value.encode().lower()
    if is_loose and isinstance(value, float) and value == int(min(max(value, -1e18), 1e18)):
        value = int(value)
    return type(value).__name__, value.hex() if isinstance(value, float) else value


def key(value, is_nocase):
    """What ORDER BY sorts by."""
    return typed(value, True) if is_nocase or isinstance(value, float) else (type(value).__name__, value)


# ---- a model, and its copies ----

def each(value):
    return value if isinstance(value, tuple) else (value,)


def function_columns(db):
    """The table-valued functions that this extension has: columns as (rank, item, score), the
    hidden columns of the arguments, and which may be left out."""
    functions = {
        'recommend': (('rank', 'item', 'score', 'basis'), ('history', 'k')),
        'similar': (('rank', 'item', 'similarity'), ('target', 'k')),
        'explain': (('position', 'event', 'contribution'), ('history', 'item')),
    }
    found = {}
    for name, (columns, arguments) in functions.items():
        try:
            db.execute(f'EXPLAIN SELECT {", ".join(columns + arguments)} FROM gru4rec_{name}')
        except sqlite3.Error:
            continue
        found[name] = columns, arguments
    return found


class Case:
    def __init__(self, extension, name, seed):
        self.name, self.rng = name, random.Random(f'{seed}/{name}')
        self.db = sqlite3.connect(':memory:', isolation_level=None)
        planner.infer_nothing(self.db)
        self.db.enable_load_extension(True)
        self.db.load_extension(extension)
        self.end = 0
        self.copies = {}
        self.make_model(*CASES[name][:6])
        self.functions = function_columns(self.db)
        self.is_wide = name in ('larger', 'blocks')
        self.check_relation()
        self.look_at_values()
        self.make_tables()
        # long queries end: not left to chance, and not for ever
        if hasattr(self.db, 'set_progress_handler'):
            self.db.set_progress_handler(lambda: time.monotonic() > self.end, 1000)

    def execute(self, sql, parameters=()):
        self.end = time.monotonic() + 60 * BUSY_SECONDS
        return self.db.execute(sql, parameters).fetchall()

    # -- the model --

    def make_model(self, session_type, item_type, sessions, items, n_sessions, n_items):
        rng, db = self.rng, self.db
        sessions = rng.sample(sessions, min(len(sessions), n_sessions))
        sessions += [100 + i for i in range(n_sessions - len(sessions))]
        items = rng.sample(items, min(len(items), n_items))
        items += [1000 + i for i in range(n_items - len(items))]
        if session_type == '' and rng.random() < 0.5:
            sessions.append(float(BIG))  # beside BIG and BIG + 1
        collation = 'COLLATE NOCASE' if session_type == 'TEXT' and rng.random() < 0.5 else ''
        db.execute(f'CREATE TABLE events(session {session_type} {collation}, '
                   f'item {item_type} {collation}, ts INTEGER)')
        if rng.random() < 0.5:
            db.execute('CREATE INDEX events_session ON events(session)')
        rows = [(rng.choice(sessions), item) for item in items]
        rows += [(session, rng.choice(items)) for session in sessions
                 for _ in range(rng.choice((1, 2, 4, 6)))]
        db.executemany('INSERT INTO events VALUES (?, ?, ?)',
                       [row + (rng.randrange(50),) for row in rows])
        source = rng.choice(('events', '(SELECT session, item, ts FROM events)',
                             '(SELECT session, item, ts + 1 AS ts FROM events WHERE ts >= 0)'))
        blend = rng.choice(BLENDS)
        db.execute(f'CREATE VIRTUAL TABLE m USING gru4rec({source}, {OPTIONS}{blend})')
        db.execute("SELECT gru4rec_train('m')").fetchall()
        self.make_ties(", NULL, 'sessions=true'" if blend else '')
        # sessions that the training has not seen: of one event, and of unknown items only
        late = [(900, items[0]), (901, 9999), (902, 9999), (902, 9998), (903, 9999),
                (903, items[-1]), ('z', 9999), (b'z', items[1])]
        if session_type in ('INTEGER', 'INT'):
            late = late[:-2]
        db.executemany('INSERT INTO events VALUES (?, ?, 60)', late)

    def make_ties(self, arguments):
        """Gives items the weights of others, so that the network gives them the same scores always."""
        blob = self.db.execute(f"SELECT gru4rec_export('m'{arguments})").fetchone()[0]
        n = struct.unpack('<Q', blob[:8])[0]
        header = json.loads(blob[8:8 + n])
        body = bytearray(blob[8 + n:])
        n_items = header['Wy.weight']['shape'][0]
        for _ in range(n_items // 4):
            a, b = self.rng.randrange(n_items), self.rng.randrange(n_items)
            for name in ('Wy.weight', 'By.weight'):
                begin, end = header[name]['data_offsets']
                size = (end - begin) // n_items
                body[begin + b * size:begin + (b + 1) * size] = \
                    body[begin + a * size:begin + (a + 1) * size]
        self.db.execute("SELECT gru4rec_import('m', ?)", (blob[:8 + n] + body,)).fetchall()

    # -- copies --

    def make_copy(self, table, scans, arguments):
        """A table with the columns of the given one, all declared as they are there, filled
        with the rows of the scans [(sql, parameters)]. arguments: values of hidden columns;
        those that are None are not given, and may not be read."""
        name = f'c{len(self.copies)}'
        columns = self.execute('SELECT name, type FROM pragma_table_xinfo(?)', (table,))
        names = ', '.join('NULL' if arguments.get(c, '') is None else f'"{c}"' for c, _ in columns)
        self.execute(f'CREATE TABLE {name}(' + ', '.join(f'"{c}" {t}' for c, t in columns) + ')')
        for sql, parameters in scans:
            rows = self.execute(sql.replace('*', names), parameters)
            self.db.executemany(f'INSERT INTO {name} VALUES ({", ".join("?" * len(columns))})', rows)
            kept = self.execute(f'SELECT * FROM {name} ORDER BY rowid DESC LIMIT {len(rows)}')[::-1]
            # a value that the declared type would not keep is none that a table could have
            if [[typed(v) for v in row] for row in kept] != [[typed(v) for v in row] for row in rows]:
                raise ValueError(f'{sql} {parameters}: values do not fit their declared types')
        return name

    def copied(self, key, make):
        if key not in self.copies:
            self.copies[key] = None  # takes a number
            self.copies[key] = make()
        return self.copies[key]

    def copy_of_relation(self, exclude_seen, candidates, version=None):
        """exclude_seen and version may be tuples: the rankings of both are there."""
        def make():
            scans = []
            for value, number in itertools.product(each(exclude_seen), each(version)):
                where = ['exclude_seen = :e'] * (value is not None) + \
                        ['candidates = :c'] * (candidates is not None) + ['version = :v'] * (number is not None)
                scans.append(('SELECT * FROM m' + (' WHERE ' if where else '') + ' AND '.join(where),
                              {'e': value, 'c': candidates, 'v': number}))
            return self.make_copy('m', scans, {'exclude_seen': exclude_seen, 'candidates': candidates, 'version': version})
        return self.copied(('m', exclude_seen, candidates, version), make)

    def check_relation(self):
        """The copy that all is compared with has the sessions of the events, each has all items,
        and scores fall."""
        name = self.copy_of_relation(None, None)
        count = lambda sql: self.execute(sql)[0][0]
        n_sessions = count('SELECT count(*) FROM (SELECT DISTINCT session COLLATE BINARY FROM events)')
        n_items = count('SELECT count(DISTINCT item) FROM m_item')
        found = count(f'SELECT count(*) FROM (SELECT DISTINCT session, item FROM {name})')
        if found != n_sessions * n_items:
            raise ValueError(f'{n_sessions} sessions and {n_items} items, but {found} pairs in m')
        order = self.execute(f'SELECT session, rank, score FROM {name} ORDER BY session, rank')
        for i, (session, rank, score) in enumerate(order):
            if rank != i % n_items + 1 or (rank > 1 and score > order[i - 1][2]):
                raise ValueError(f'session {session}: rank {rank} is wrong')

    def copy_of_function(self, function, firsts, second, exclude_seen=None, candidates=None, version=None):
        """firsts: the values of the first argument, whose relations are all there. version may be a tuple."""
        def make():
            _, (a, b) = self.functions[function]
            scans = []
            for first, number in itertools.product(firsts, each(version)):
                where = ["model = 'm'", f'{a} = :a'] + [f'{b} = :b'] * (second is not None) + \
                        ['exclude_seen = :e'] * (exclude_seen is not None) + \
                        ['candidates = :c'] * (candidates is not None) + ['version = :v'] * (number is not None)
                scans.append((f'SELECT * FROM gru4rec_{function} WHERE ' + ' AND '.join(where),
                              {'a': first, 'b': second, 'e': exclude_seen, 'c': candidates, 'v': number}))
            return self.make_copy('gru4rec_' + function, scans, {b: second, 'exclude_seen': exclude_seen,
                                                                 'candidates': candidates, 'version': version})
        return self.copied((function, firsts, second, exclude_seen, candidates, version), make)

    # -- what queries are made of --

    def look_at_values(self):
        name = self.copy_of_relation(None, None)
        column = lambda c: [row[0] for row in self.execute(f'SELECT DISTINCT {c} FROM {name}')]
        self.values = {'session': column('session'), 'item': column('item'),
                       'score': self.rng.sample(column('score'), 20),
                       'rank': [1, 2, 3, 5, 10, 31, 32, 33, 287, 288, 289] + column('rank')[-1:],
                       'basis': ['session', 'popularity']}
        rng, items = self.rng, [i for i in self.values['item']]
        some = lambda n: json.dumps(rng.choices(items, k=n), ensure_ascii=False)
        self.histories = (some(1), some(4), some(7), '[]', '[9999]', some(2)[:-1] + ', 9999]',
                          rng.choice([i for i in items if i != '']))
        self.targets = tuple({str(i): i for i in rng.sample(items, 4)}.values())
        self.candidates = (some(3), some(8), '[]', some(2)[:-1] + ', 9999]')

    def make_tables(self):
        """Plain tables to join with, and views; the same on both sides but for what is in m."""
        rng, db = self.rng, self.db
        types = ['INTEGER', 'TEXT', '', 'REAL', 'NUMERIC', 'TEXT COLLATE NOCASE']
        db.execute(f'CREATE TABLE p(item {rng.choice(types)}, rank {rng.choice(types)}, stock INTEGER)')
        db.execute(f'CREATE TABLE s(session {rng.choice(types)}, rank INTEGER, flag)')
        db.execute('CREATE TABLE h(id INTEGER PRIMARY KEY, history, target, session)')
        for table, role in (('p', 'item'), ('s', 'session')):
            values = rng.sample(self.values[role], min(len(self.values[role]), 8)) + [None, 'x']
            values += [disguised(v, rng) for v in values[:4]]
            db.executemany(f'INSERT INTO {table} VALUES (?, ?, ?)',
                           [(v, rng.choice((1, 2, 3, 7, None)), rng.randrange(2)) for v in values])
        self.has_nocase = any('NOCASE' in sql for sql, in self.execute(
            "SELECT sql FROM sqlite_master WHERE name IN ('p', 's')"))
        for i, history in enumerate(self.histories + (None, self.histories[0])):
            db.execute('INSERT INTO h VALUES (?, ?, ?, ?)', (i, history, rng.choice(self.targets),
                                                             rng.choice(self.values['session'])))
        if rng.random() < 0.5:
            db.execute('CREATE INDEX p_item ON p(item)')
        limit = rng.choice((2, 3, 5))
        session = literal(rng.choice(self.values['session']))
        copies = self.copy_of_relation(None, None), self.copy_of_relation(1, None)
        for prefix, plain, seen in (('v_', 'm', 'm'), ('cv_',) + copies):
            db.execute(f'CREATE VIEW {prefix}top AS SELECT * FROM {plain} WHERE rank <= {limit}')
            db.execute(f'CREATE VIEW {prefix}one AS SELECT session, item, rank, score FROM {seen} '
                       f'WHERE exclude_seen = 1 AND session = {session} ORDER BY score DESC')
        joined = self.copy_of_function('recommend', self.histories + (None,), None)
        db.execute('CREATE VIEW v_recommend AS SELECT h.id AS session, r.rank, r.item, r.score '
                   "FROM h JOIN gru4rec_recommend('m', h.history) AS r")
        db.execute('CREATE VIEW cv_recommend AS SELECT h.id AS session, r.rank, r.item, r.score '
                   f'FROM h JOIN {joined} AS r ON r.history IS h.history')


# ---- queries ----

Source = collections.namedtuple('Source', 'alias text columns pins is_model')
# text: of the FROM clause; columns: {role: expression}; pins: terms that say which relation it
# is, never left out


class Query:
    """Clauses as lists, so that a mismatch can be made smaller. Texts hold @N@ where the two
    sides differ: pairs[N] has both."""

    def __init__(self):
        self.ctes, self.joins, self.where, self.pins = [], [], [], []
        self.is_distinct, self.select, self.group, self.having = False, [], [], []
        self.order = []  # (expression, is_hidden, suffix, is_nocase, place in the result or None)
        self.limit = self.offset = ''
        self.compound = []  # (operator, Query)
        self.is_loose = False

    def text(self, with_limit=True):
        keys = [o[0] for o in self.order if o[4] is None]
        sql = 'WITH ' + ', '.join(self.ctes) + ' ' if self.ctes else ''
        sql += 'SELECT ' + 'DISTINCT ' * self.is_distinct + ', '.join(self.select + keys)
        for i, (kind, source, terms) in enumerate(self.joins):
            sql += f' FROM {source.text}' if i == 0 else f' {kind} {source.text}'
            sql += ' ON ' + ' AND '.join(terms) if terms else ''
        terms = self.pins + self.where
        sql += ' WHERE ' + ' AND '.join(terms) if terms else ''
        sql += ' GROUP BY ' + ', '.join(self.group) if self.group else ''
        sql += ' HAVING ' + ' AND '.join(self.having) if self.having else ''
        for operator, query in self.compound:
            sql += f' {operator} {query.text()}'
        sql += ' ORDER BY ' + ', '.join(o[1] + o[2] for o in self.order) if self.order else ''
        if with_limit and self.limit:
            sql += f' LIMIT {self.limit}' + (f' OFFSET {self.offset}' if self.offset else '')
        return sql

    def key_places(self):
        n = len(self.select)
        places = []
        for o in self.order:
            places.append((n if o[4] is None else o[4], o[3]))
            n += o[4] is None
        return places

    def smaller(self):
        """The query with one thing less, in every way."""
        for name in ('ctes', 'joins', 'where', 'having', 'order', 'compound'):
            for i in range(len(getattr(self, name))):
                q = copy.deepcopy(self)
                del getattr(q, name)[i]
                yield q
        for i, (kind, source, terms) in enumerate(self.joins):
            for j in range(len(terms)):
                q = copy.deepcopy(self)
                if terms[j] not in source.pins:
                    del q.joins[i][2][j]
                    yield q
        for name in ('limit', 'offset'):
            if getattr(self, name):
                q = copy.deepcopy(self)
                setattr(q, name, '')
                yield q
        if all(o[4] is None for o in self.order):
            for i in range(len(self.select) if len(self.select) > 1 else 0):
                q = copy.deepcopy(self)
                del q.select[i]
                yield q


class Generator:
    def __init__(self, case, rng):
        self.case, self.rng = case, rng
        self.pairs, self.parameters = [], {}
        self.n_aliases = 0

    # -- small things --

    def chance(self, share):
        return self.rng.random() < share

    def pair(self, live, plain):
        self.pairs.append((live, plain))
        return f'@{len(self.pairs) - 1}@'

    def render(self, text, side):
        while '@' in text:
            text = re.sub(r'@(\d+)@', lambda match: self.pairs[int(match[1])][side], text)
        return text

    def alias(self):
        self.n_aliases += 1
        return 'abcdefghijklmnopqrstuvwxyz'[self.n_aliases % 26] + str(self.n_aliases)

    def value(self, value):
        """A literal or a bound parameter."""
        if self.chance(0.7):
            return literal(value)
        self.parameters[f'p{len(self.parameters)}'] = value
        return f':p{len(self.parameters) - 1}'

    def constant(self, role):
        rng = self.rng
        pool = self.case.values.get(role)
        if self.chance(0.3 if role == 'rank' else 0.2) or not pool:
            value = rng.choice(EDGES)
        else:
            value = disguised(rng.choice(pool), rng)
        text = self.value(value)
        if self.chance(0.05):
            text = rng.choice((f'+{text}', f'({text})', f'({text} || \'\')', f'CAST({text} AS TEXT)',
                               f'CAST({text} AS INTEGER)', f'coalesce(NULL, {text})',
                               f'(SELECT {text})', f'{text} COLLATE NOCASE'))
        return text

    def bound(self):
        return self.value(self.rng.choice((1, 2, 3, 4, 5, 8, 33, 40, 300, 2.5, 3.0)))

    # -- sources --

    def version(self, alias, pins):
        """At times a version, or both that there are; None: none is given."""
        if not self.chance(0.15):
            return None
        version = self.rng.choice((1, 1, '1', 2.0, 'previous', 'NEWEST', 'active', (1, 2), (1, 2)))
        pins.append(f'{alias}.version IN (1, 2)' if version == (1, 2) else f'{alias}.version = {self.value(version)}')
        return version

    def relation(self, supplier=None):
        """m, with arguments at times. supplier: the source whose flag is exclude_seen."""
        rng, alias = self.rng, self.alias()
        exclude_seen = candidates = None
        pins = []
        if supplier and 'flag' in supplier.columns and self.chance(0.5):
            exclude_seen = 0, 1
            pins.append(f'{alias}.exclude_seen = {supplier.columns["flag"]}')
        elif self.chance(0.25):
            exclude_seen = rng.choice((0, 0, 1, 1, 1, 1, 1, '1', (0, 1), (0, 1)))
            pins.append(f'{alias}.exclude_seen IN (0, 1)' if exclude_seen == (0, 1) else
                        f'{alias}.exclude_seen = {self.value(exclude_seen)}')
        if self.chance(0.15):
            candidates = rng.choice(self.case.candidates)
            pins.append(f'{alias}.candidates = {self.value(candidates)}')
        version = self.version(alias, pins)
        name = self.pair('m', self.case.copy_of_relation(exclude_seen, candidates, version))
        columns = {c: f'{alias}.{c}' for c in ('session', 'rank', 'item', 'score', 'basis')}
        if exclude_seen is not None:
            columns['hidden'] = f'{alias}.exclude_seen'
        if exclude_seen == (0, 1) or isinstance(version, tuple):
            columns['many'] = '1'  # a session and a rank are no key
        return Source(alias, f'{name} AS {alias}', columns, pins, True)

    def function(self, supplier=None, has_form=True):
        """A table-valued function; supplier: the source h that gives its first argument."""
        rng, case, alias = self.rng, self.case, self.alias()
        function = rng.choice(('recommend',) * 3 + tuple(case.functions))
        outputs, (a, b) = case.functions[function]
        pool = case.targets if a == 'target' else case.histories
        second = rng.choice((None, None, None, 3, 5, 0, 40, -1)) if b == 'k' else \
            rng.choice(case.targets)
        exclude_seen = candidates = None
        pins = []
        if function == 'recommend' and self.chance(0.15):
            exclude_seen = rng.choice((0, 1, 1))
            pins.append(f'{alias}.exclude_seen = {self.value(exclude_seen)}')
        if function == 'recommend' and self.chance(0.15):
            candidates = rng.choice(case.candidates)
            pins.append(f'{alias}.candidates = {self.value(candidates)}')
        version = self.version(alias, pins)
        is_call = self.chance(0.75)
        if supplier:
            firsts = pool + (None,) if a == 'history' else pool
            first = supplier.columns[a]
        elif not is_call and self.chance(0.3):
            firsts = tuple(rng.sample(pool, 2))
            first = None  # IN
        else:
            firsts = (rng.choice(pool),)
            first = self.value(firsts[0])
        plain = case.copy_of_function(function, firsts, second, exclude_seen, candidates, version)
        if is_call:
            arguments = ["'m'", first] + ([self.value(second)] if second is not None else
                                          ['NULL'] * (self.chance(0.2)))
            name = self.pair(f'gru4rec_{function}({", ".join(arguments)})', plain)
            if supplier:
                pins.append(self.pair('1', f'{alias}.{a} IS +{first}'))
        else:
            name = self.pair(f'gru4rec_{function}', plain)
            pins.append(f"{alias}.model = 'm'")
            if supplier:  # a NULL is an argument too, or finds nothing, as the version of SQLite has it
                pins.append(self.pair(f'{alias}.{a} = {first}', f'{alias}.{a} IS {first}'))
                pins.append(f'{first} IS NOT NULL')
            elif first:
                pins.append(f'{alias}.{a} = {first}')
            else:
                pins.append(f'{alias}.{a} IN ({", ".join(literal(v) for v in firsts)})')
            pins += [f'{alias}.{b} = {self.value(second)}'] * (second is not None)
        columns = dict(zip(('rank', 'item', 'score', 'basis'), (f'{alias}.{c}' for c in outputs)))
        columns['hidden'] = f'{alias}.{a}'
        if len(firsts) > 1 or isinstance(version, tuple):
            columns['many'] = '1'
        return Source(alias, f'{name} AS {alias}', columns, pins, True)

    def view(self):
        alias = self.alias()
        name = self.rng.choice(('top', 'one', 'recommend'))
        columns = {c: f'{alias}.{c}' for c in ('session', 'rank', 'item', 'score')}
        if name == 'recommend':
            columns['many'] = '1'  # two rows of h have one history, but their ids differ
        text = self.pair(f'v_{name}', f'cv_{name}')
        return Source(alias, f'{text} AS {alias}', columns, [], True)

    def subquery(self, query=None):
        """A source, filtered and cut, in parentheses or as a common table expression."""
        inner = self.relation() if self.chance(0.6) else self.function()
        alias = self.alias()
        names = [c for c in ('session', 'rank', 'item', 'score') if c in inner.columns]
        sql = 'SELECT ' + ', '.join(f'{inner.columns[c]} AS {c}' for c in names) + f' FROM {inner.text}'
        terms = inner.pins + self.terms([inner], 1)
        sql += ' WHERE ' + ' AND '.join(terms) if terms else ''
        columns = {c: f'{alias}.{c}' for c in names}
        if 'many' in inner.columns:
            columns['many'] = '1'
        elif self.chance(0.3):
            sql += ' ORDER BY ' + ', '.join(inner.columns[c] for c in ('session', 'rank') if c in names)
            sql += f' LIMIT {self.rng.choice((1, 3, 10, 40))} OFFSET {self.rng.choice((0, 0, 2))}'
        if query is None or self.chance(0.4):
            return Source(alias, f'({sql}) AS {alias}', columns, [], True)
        hint = self.rng.choice(('', '', 'MATERIALIZED ', 'NOT MATERIALIZED '))
        query.ctes.append(f'w{alias} AS {hint}({sql})')
        return Source(alias, f'w{alias} AS {alias}', columns, [], True)

    def plain(self, name):
        alias = self.alias()
        columns = {'p': ('item', 'rank', 'stock'), 's': ('session', 'rank', 'flag'),
                   'h': ('id', 'history', 'target', 'session')}[name]
        return Source(alias, f'{name} AS {alias}', {c: f'{alias}.{c}' for c in columns}, [], False)

    def source(self, query=None):
        kind = self.rng.random()
        if kind < 0.55:
            return self.relation()
        if kind < 0.8:
            return self.function()
        return self.view() if kind < 0.88 else self.subquery(query)

    # -- terms --

    def column(self, sources):
        source = self.rng.choice(sources)
        # (another flag than 0 and 1 is an error where it is an argument)
        roles = [r for r in source.columns if r not in ('many', 'hidden', 'history', 'target', 'flag')]
        weights = [{'rank': 4, 'session': 4, 'item': 3, 'score': 1.5}.get(r, 0.7) for r in roles]
        role = self.rng.choices(roles, weights)[0]
        return role, source.columns[role]

    def terms(self, sources, most=4):
        return [self.term(sources) for _ in range(self.rng.choice(range(most + 1)))]

    def term(self, sources, depth=0):
        rng = self.rng
        kind = rng.random()
        if depth < 2 and kind < 0.12:
            parts = [self.term(sources, depth + 1) for _ in range(rng.choice((2, 2, 3)))]
            if self.chance(0.3):
                parts[0] = f'({parts[0]} AND {self.term(sources, depth + 1)})'
            return '(' + rng.choice((' OR ', ' OR ', ' OR ', ' AND ')).join(parts) + ')'
        if depth < 2 and kind < 0.15:
            return f'NOT {self.term(sources, depth + 1)}'
        if depth == 0 and kind < 0.20:
            return self.correlated(sources)
        role, x = self.column(sources)
        y = lambda: self.constant(role)
        if kind < 0.25:
            x = rng.choice((f'+{x}', f'{x} + 0', f'{x} || \'\'', f'{x} COLLATE NOCASE', f'-{x}',
                            f'CAST({x} AS TEXT)', f'CAST({x} AS INTEGER)', f'({x} COLLATE NOCASE)'))
        if kind < 0.29:  # another collation than the column's
            letters = [v for v in self.case.values.get(role, ()) if isinstance(v, str) and v.isalpha()]
            z = self.value(rng.choice(letters).swapcase()) if letters else y()
            return rng.choice((f'{x} = {z} COLLATE NOCASE', f'{x} COLLATE NOCASE IN ({z}, {y()})',
                               f'{x} COLLATE NOCASE = {z}', f'{x} <= {z} COLLATE NOCASE'))
        if kind < 0.62:
            operator = rng.choice(('=', '=', '=', '==', '<', '<', '<=', '<=', '>', '>=', '!=', '<>', 'IS', 'IS NOT'))
            return f'{y()} {operator} {x}' if self.chance(0.1) else f'{x} {operator} {y()}'
        if kind < 0.68:
            return f'{x} {rng.choice(("", "", "NOT "))}BETWEEN {y()} AND {y()}'
        if kind < 0.80:
            values = ', '.join(y() for _ in range(rng.choice((0, 1, 2, 2, 3, 5))))
            return f'{x} {rng.choice(("", "", "", "NOT "))}IN ({values})'
        if kind < 0.87:
            return f'{x} {rng.choice(("", "", "NOT "))}IN ({self.list_of(role)})'
        if kind < 0.90:
            return f'{x} {rng.choice(("IS NULL", "IS NOT NULL", "NOTNULL"))}'
        if kind < 0.92:
            return f'{x} {rng.choice(("LIKE", "NOT LIKE"))} {literal(rng.choice(("3%", "a%", "%5%", "_", "A_")))}'
        if kind < 0.95:
            role2, x2 = self.column(sources)
            return f'({x}, {x2}) {rng.choice(("=", "=", "<", "<=", ">", "IS", "!="))} ({y()}, {self.constant(role2)})'
        if kind < 0.97:
            role2, x2 = self.column(sources)
            return f'{x} {rng.choice(("=", "<=", "<", ">", "!=", "IS"))} {x2}'
        return f'{x} {rng.choice(("=", "<=", "<", ">"))} (SELECT {rng.choice(("min", "max"))}(rank) FROM {rng.choice("ps")})'

    def list_of(self, role):
        """A subquery that gives values for IN."""
        rng = self.rng
        if self.chance(0.6):
            table, column = rng.choice({'session': [('s', 'session'), ('h', 'session')],
                                        'item': [('p', 'item'), ('h', 'target')]}
                                       .get(role, [('p', 'rank'), ('s', 'rank'), ('p', 'item')]))
            where = rng.choice(('', '', ' WHERE rank <= 2', f' WHERE {column} IS NOT NULL'))
            return f'SELECT {column} FROM {table}' + (where if table != 'h' else '')
        inner = self.source()
        column = inner.columns.get(role, inner.columns['rank'])
        terms = inner.pins + self.terms([inner], 2) + [f'{inner.columns["rank"]} <= {self.bound()}']
        return f'SELECT {column} FROM {inner.text} WHERE ' + ' AND '.join(terms)

    def inner(self, sources):
        """The FROM and WHERE of a correlated subquery, and its source."""
        rng = self.rng
        outer = rng.choice(sources)
        if 'history' in outer.columns and self.chance(0.7):
            source = self.function(outer)
        else:
            source = rng.choice((self.relation, self.relation, self.view, self.function,
                                 lambda: self.plain('p'), lambda: self.plain('s')))()
        terms = list(source.pins)
        shared = [r for r in ('session', 'item', 'rank') if r in source.columns and r in outer.columns]
        for role in rng.sample(shared, min(len(shared), rng.choice((1, 1, 2)))):
            terms.append(f'{source.columns[role]} {rng.choice(("=", "=", "=", "=", "<", "IS"))} '
                         f'{outer.columns[role]}')
        terms += self.terms([source], 2)
        return f'FROM {source.text}' + (' WHERE ' + ' AND '.join(terms) if terms else ''), source

    def correlated(self, sources):
        sql, source = self.inner(sources)
        if self.chance(0.6):
            return f'{self.rng.choice(("", "", "NOT "))}EXISTS (SELECT 1 {sql})'
        role, x = self.column(sources)
        return f'{x} {self.rng.choice(("=", "<=", ">", "IS NOT"))} {self.scalar(sql, source)}'

    def scalar(self, sql, source):
        column = source.columns['rank'] if not source.is_model or self.chance(0.6) else self.column([source])[1]
        if source.is_model and self.chance(0.4):
            order = [source.columns[r] for r in ('score', 'rank', 'session', 'item')
                     if r in source.columns]
            suffix = self.rng.choice(('', ' DESC'))
            # its own column first, so that the first row is one value whatever the ties
            return f'(SELECT {column} {sql} ORDER BY {", ".join(o + suffix for o in [column] + order)} LIMIT 1)'
        return f'(SELECT {self.rng.choice(("min", "max", "count"))}({column}) {sql})'

    # -- ORDER BY, LIMIT --

    def suffix(self):
        return self.rng.choice(('', '', '', '', ' ASC', ' DESC', ' DESC', ' NULLS FIRST', ' NULLS LAST',
                                ' DESC NULLS FIRST', ' DESC NULLS LAST'))

    def order_by(self, query, sources):
        """Terms whose values become the last columns of the result, so that the order can be
        checked where it leaves a choice."""
        rng = self.rng
        if self.chance(0.35):  # what comes for nothing when all is well
            source = sources[0]
            order = rng.choice((('rank',), ('score',), ('session', 'rank'), ('session', 'score'),
                                ('session',), ('score', 'item'), ('rank', 'session')))
            for role in order:
                if role in source.columns:
                    suffix = ' DESC' if self.chance(0.8 if role == 'score' else 0.1) else ''
                    query.order.append((source.columns[role], source.columns[role], suffix, False, None))
            return
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
            role, x = self.column(sources)
            is_nocase = False
            if self.chance(0.1):
                x = rng.choice((f'+{x}', f'-{x}', f'{x} + 1', f'lower({x})'))
            elif self.chance(0.1):
                is_nocase = True
            text = x + ' COLLATE NOCASE' * is_nocase
            query.order.append((x, text, self.suffix(), is_nocase, None))

    def order_by_place(self, query):
        for place in self.rng.sample(range(len(query.select)),
                                     self.rng.choice(range(len(query.select) + 1))):
            text = str(place + 1)
            if not query.compound and self.chance(0.5):
                text = query.select[place]
            query.order.append((text, text, self.suffix(), False, place))

    def cut(self, query, share=0.5):
        if not self.chance(share):
            return
        query.limit = self.number((0, 1, 1, 2, 3, 3, 5, 10, 33, 40, 300, -1, -5, '3', 2.0,
                                   2 ** 63 - 1), (None, 2.5, 'x'))
        if self.chance(0.5):
            query.offset = self.number((0, 1, 2, 3, 5, 20, 40, -1, -7, '2', 2 ** 62), (None, b'1'))

    def number(self, good, bad):
        text = self.value(self.rng.choice(bad if self.chance(0.03) else good))
        return self.rng.choice((f'({text})', f'(SELECT {text})')) if self.chance(0.1) else text

    # -- kinds of queries --

    def outputs(self, sources):
        rng = self.rng
        outputs = []
        for source in sources:
            roles = [r for r in source.columns if r not in ('many', 'history', 'target')]
            outputs += [source.columns[r] for r in roles if self.chance(0.7)]
        if self.chance(0.2):
            role, x = self.column(sources)
            outputs.append(rng.choice((f'typeof({x})', f'quote({x})', f'{x} * 2', f'{x} IS NULL',
                                       f"{x} || '/'", f'{x} = {self.constant(role)}')))
        if self.chance(0.06):
            outputs.append(self.scalar(*self.inner(sources)))
        return outputs or [self.column(sources)[1]]

    def from_one(self, query):
        source = self.source(query)
        query.joins = [('', source, [])]
        query.pins = list(source.pins)
        query.where = self.terms([source])
        return [source]

    def from_join(self, query):
        """Two or three sources. What pins a source of a LEFT JOIN stands in its ON."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.30:
            sources = [self.plain('h')]
            sources.append(self.function(sources[0]))
        elif kind < 0.40:
            sources = [self.plain('s')]
            sources.append(self.relation(sources[0]))
        else:
            first = self.plain(rng.choice('sp')) if self.chance(0.3) else self.source(query)
            second = self.source(query) if not first.is_model or self.chance(0.5) else \
                self.plain(rng.choice('sp'))
            sources = [first, second]
        if self.chance(0.2):
            sources.append(rng.choice((lambda: self.plain('p'), lambda: self.plain('s'), self.relation))())
        is_long = len(sources) > 2
        query.joins = [('', sources[0], [])]
        query.pins = list(sources[0].pins)
        for i, source in enumerate(sources[1:]):
            join = rng.choice(('JOIN', 'JOIN', 'JOIN', 'CROSS JOIN', ',', 'LEFT JOIN', 'LEFT JOIN'))
            on = list(source.pins)
            # at times by the other columns: they do not say which relation it is
            outer = rng.choice(sources[:i + 1])
            shared = [r for r in ('session', 'item', 'rank') if r in source.columns and r in outer.columns]
            if shared and self.chance(0.9):
                for role in rng.sample(shared, rng.choice(range(1, len(shared) + 1))):
                    x, y = source.columns[role], outer.columns[role]
                    if self.chance(0.2):
                        x, y = y, x
                    on.append(f'{x} {rng.choice(("=",) * 8 + ("<", "<=", "IS", "= +", "= 1 +"))} {y}')
            if self.chance(0.3):
                on.append(self.term([source]))
            if source.is_model and (self.case.is_wide or is_long or self.chance(0.4)):
                on.append(f'{source.columns["rank"]} <= {3 if is_long else self.bound()}')
            if join == ',':
                query.pins += on[:len(source.pins)]
                query.where += on[len(source.pins):]
                on = []
            query.joins.append((join, source, on))
        if sources[0].is_model and (self.case.is_wide or is_long or self.chance(0.4)):
            query.where.append(f'{sources[0].columns["rank"]} <= {3 if is_long else self.bound()}')
        query.where += self.terms(sources, 2)
        return sources

    def rows(self):
        query = Query()
        sources = self.from_join(query) if self.chance(0.3) else self.from_one(query)
        query.select = self.outputs(sources)
        if self.chance(0.08):
            query.select += self.windows(sources)
        self.order_by(query, sources)
        self.cut(query)
        return query

    def windows(self, sources):
        """Over peers, or over what is a key, so that ties leave no choice."""
        rng = self.rng
        source = sources[0]
        columns = source.columns
        partition = rng.choice([columns[r] for r in ('session', 'item', 'rank') if r in columns])
        order = rng.choice([columns[r] for r in ('rank', 'score', 'item') if r in columns] or [partition])
        rank = columns.get('rank', '1')
        windows = [f'rank() OVER (ORDER BY {order})',
                   f'dense_rank() OVER (PARTITION BY {partition} ORDER BY {order} DESC)',
                   f'sum({rank}) OVER (PARTITION BY {partition} ORDER BY {order})',
                   f'count(*) OVER (PARTITION BY {partition})']
        if len(sources) == 1 and 'many' not in columns and source.is_model:
            key = ', '.join(columns[r] for r in ('session', 'rank') if r in columns)
            windows += [f'row_number() OVER (ORDER BY {key})',
                        f'lag({columns["item"]}) OVER (ORDER BY {key})',
                        f'sum({rank}) OVER (ORDER BY {key} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)']
        return rng.sample(windows, rng.choice((1, 1, 2)))

    def aggregate(self):
        rng, query = self.rng, Query()
        sources = self.from_join(query) if self.chance(0.25) else self.from_one(query)
        query.is_loose = True
        query.group = [self.column(sources)[1] for _ in range(rng.choice((0, 1, 1, 1, 2)))]
        query.select = list(query.group)
        for _ in range(rng.choice((1, 2, 3))):
            x = self.column(sources)[1]
            rank = next((s.columns['rank'] for s in sources if 'rank' in s.columns), '1')
            query.select.append(rng.choice(('count(*)', f'count({x})', f'count(DISTINCT {x})', f'min({x})',
                                            f'max({x})', f'sum({rank})', f'avg({rank})',
                                            f'count(*) FILTER (WHERE {self.term(sources)})')))
        if query.group and self.chance(0.4):
            query.having = [rng.choice((f'count(*) > {self.bound()}', f'min({x}) < {self.constant("rank")}',
                                        f'{query.group[0]} <= {self.constant("session")}'))]
        self.order_by_place(query)
        self.cut(query, 0.3)
        return query

    def distinct(self):
        query = Query()
        sources = self.from_join(query) if self.chance(0.25) else self.from_one(query)
        query.is_loose = query.is_distinct = True
        query.select = [self.column(sources)[1] for _ in range(self.rng.choice((1, 1, 2, 3)))]
        self.order_by_place(query)
        self.cut(query, 0.3)
        return query

    def compound(self):
        rng, query = self.rng, Query()
        parts = [query, Query()]
        if self.chance(0.2):
            parts.append(Query())
        roles = None
        for part in parts:
            source = self.from_one(part)[0]
            have = [r for r in ('session', 'rank', 'item', 'score') if r in source.columns]
            if roles is None:
                roles = [r for r in have if self.chance(0.6)] or ['rank']
            part.select = [source.columns.get(r, 'NULL') for r in roles]
        query.ctes = [cte for part in parts for cte in part.ctes]
        for part in parts[1:]:
            part.ctes = []
            query.compound.append((rng.choice(('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT')), part))
        query.is_loose = True
        self.order_by_place(query)
        self.cut(query, 0.3)
        return query

    def found_rows(self):
        """A join that filters finds the rows of its LIMIT."""
        query = Query()
        source = self.function() if self.chance(0.6) else self.relation()
        products = self.plain('p')
        query.joins = [('', source, []), (self.rng.choice(('JOIN', 'CROSS JOIN', ',')), products, [])]
        query.pins = list(source.pins)
        query.where = [f'{products.columns["item"]} = {source.columns["item"]}',
                       f'{products.columns["stock"]} = {self.rng.randrange(2)}'] + self.terms([source], 1)
        query.select = [source.columns['item'], products.columns['item'], source.columns['score']]
        order = [source.columns['rank']]
        if 'session' in source.columns and self.chance(0.7):
            order.insert(0, source.columns['session'])
        query.order = [(x, x, '', False, None) for x in order]
        query.limit = self.value(self.rng.choice((1, 2, 3, 5)))
        return query

    def either_argument(self):
        """OR of terms with different arguments: SQLite merges the scans by their rowids. Where
        it reads the table once instead, it has no argument to give, so nothing here may lead
        it to that: a session in each part, no IN () and nothing outside of the OR."""
        rng, query, case, alias = self.rng, Query(), self.case, self.alias()
        if self.chance(0.6):
            name = self.pair('gru4rec_recommend', case.copy_of_function('recommend', case.histories, None))
            parts = [f"{alias}.model = 'm' AND {alias}.history = {self.value(v)}"
                     for v in rng.sample(case.histories, 2)]
            roles = 'rank', 'item', 'score', 'basis'
        else:
            name = self.pair('m', case.copy_of_relation((0, 1), None))
            parts = [f'{alias}.session = {literal(session)} AND {alias}.exclude_seen = {i}'
                     for i, session in enumerate(rng.sample(case.values['session'], 2))]
            roles = 'session', 'rank', 'item', 'score'
        columns = {r: f'{alias}.{r}' for r in roles}
        source = Source(alias, f'{name} AS {alias}', columns, [], True)
        parts = [f'({p} AND {alias}.rank {rng.choice(("=", "<=", "<", ">", ">=", "!="))} {self.bound()})'
                 if self.chance(0.7) else f'({p})' for p in parts]
        query.joins = [('', source, [])]
        query.pins = [f'({" OR ".join(parts)})']
        query.select = self.outputs([source])
        self.order_by(query, [source])
        self.cut(query)
        return query

    def query(self):
        kinds = (self.rows, 60), (self.aggregate, 10), (self.distinct, 8), (self.compound, 7), \
                (self.found_rows, 6), (self.either_argument, 4)
        return self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()


# ---- comparison ----

def result(case, sql, parameters):
    """(rows, '') or (None, message); 'interrupted' when it is too long."""
    case.end = time.monotonic() + BUSY_SECONDS
    try:
        cursor = case.db.execute(sql, parameters)
        rows = cursor.fetchmany(MOST_ROWS)
        cursor.close()
        return (rows, '') if len(rows) < MOST_ROWS else (None, 'interrupted')
    except sqlite3.Error as e:
        return None, str(e) or 'error'


def differ(case, generator, query):
    """'equal', 'error', 'slow', or what differs."""
    live_sql, plain_sql = (generator.render(query.text(), side) for side in (0, 1))
    plain, plain_error = result(case, plain_sql, generator.parameters)
    live, live_error = result(case, live_sql, generator.parameters)
    if 'interrupted' in live_error + plain_error:
        return 'slow'
    if ('needs a model and a history' in live_error or 'read here but not given' in live_error) and 'IN ()' in live_sql:
        return 'error'  # SQLite makes x AND 0 a 0: the arguments are gone before it asks for a plan
    if 'a number may equal several sessions' in live_error:
        return 'error'  # the extension asks for a CAST, see docs/serving.md
    if 'basis is compared with' in live_error:
        return 'error'  # what no row of m can have, as m(17) asks for, see docs/serving.md
    if live is None or plain is None:
        return 'error' if live is plain else f'error on one side: {live_error or plain_error}'
    if len(live) != len(plain):
        return f'{len(live)} rows, not {len(plain)}'
    for place, is_nocase in query.key_places():
        is_loose = is_nocase or case.has_nocase
        if [key(row[place], is_loose) for row in live] != [key(row[place], is_loose) for row in plain]:
            return f'not in the order of column {place + 1}'
    count = lambda rows: collections.Counter(tuple(typed(v, query.is_loose) for v in row) for row in rows)
    if query.limit:  # any rows that SQLite could have taken
        plain, _ = result(case, generator.render(query.text(False), 1), generator.parameters)
        if plain is None:
            return 'slow'
        return 'rows that are not in the relation' if count(live) - count(plain) else 'equal'
    return 'equal' if count(live) == count(plain) else 'other rows'


def shrunk(case, generator, query):
    end = time.monotonic() + 5
    is_smaller = True
    while is_smaller and time.monotonic() < end:
        is_smaller = False
        for candidate in query.smaller():
            try:
                outcome = differ(case, generator, candidate)
            except Exception:  # no longer a query
                continue
            if outcome not in ('equal', 'error', 'slow'):
                query, is_smaller = candidate, True
                break
    return query


def show(case, generator, query, where):
    query = shrunk(case, generator, query)
    print(f'FAIL  {where}: {differ(case, generator, query)}')
    for side, name in enumerate(('extension', 'copy')):
        sql = generator.render(query.text(), side)
        used = {k: v for k, v in generator.parameters.items() if re.search(rf':{k}\b', sql)}
        rows, message = result(case, sql, generator.parameters)
        print(f'      {name}: {sql};' + (f'  -- {used}' if used else ''))
        print(f'        {message}' if rows is None else
              ''.join(f'        {row}\n' for row in rows[:12]) + f'        ({len(rows)} rows)')
    print(flush=True)


class Totals(collections.Counter):
    def rate(self, name):
        return self[name] / max(1, sum(self[n] for n in ('equal', 'error', 'slow', 'differs')))


def run_round(extension, seed, n_queries, only, end, totals):
    share = sum(c[6] for c in CASES.values())
    for name, facts in CASES.items():
        if only and only[0] != name:
            continue
        try:
            case = Case(extension, name, seed)
        except (ValueError, sqlite3.Error) as e:
            totals['differs'] += 1
            print(f'FAIL  --seed {seed} --only {name}: {e}', flush=True)
            continue
        for i in range(n_queries * facts[6] // share):
            if only and only[1] not in ('', str(i)):
                continue
            if end and time.monotonic() > end:
                return
            generator = Generator(case, random.Random(f'{seed}/{name}/{i}'))
            query = generator.query()
            if only and only[1]:
                print(*(generator.render(query.text(), side) for side in (0, 1)),
                      generator.parameters, sep='\n')
            outcome = differ(case, generator, query)
            is_known = outcome in ('equal', 'error', 'slow')
            totals[outcome if is_known else 'differs'] += 1
            if not is_known and totals['differs'] <= MOST_SHOWN:
                show(case, generator, query, f'--seed {seed} --only {name}/{i}')
        case.db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('extension')
    parser.add_argument('--queries', type=int, default=2500, help='in a round')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seconds', type=float, help='rounds until then')
    parser.add_argument('--only', help='one case, or one of its queries: CASE or CASE/I')
    options = parser.parse_args()
    only = (options.only + '/').split('/')[:2] if options.only else None
    totals = Totals()
    for order, where, types in planner.wrong_orders()[:MOST_SHOWN]:
        totals['differs'] += 1
        print(f'FAIL  SQLite itself, joining {order}, types {types}: other rows than without a plan: {where}')
    start = time.monotonic()
    end = start + options.seconds if options.seconds else None
    seed = options.seed
    while True:
        run_round(options.extension, seed, options.queries, only, end, totals)
        seed += 1
        if end is None or time.monotonic() > end:
            break
    print(f'seeds {options.seed} to {seed - 1}, SQLite {sqlite3.sqlite_version}, '
          f'{time.monotonic() - start:.0f} s: {100 * totals.rate("error"):.1f} % errors on both sides, '
          f'{totals["slow"]} too slow')
    if totals.rate('error') > MOST_ERRORS:
        print('FAIL  too many queries are errors')
        totals['differs'] += 1
    print(f'{totals["equal"] + totals["error"]} passed, {totals["differs"]} failed')
    sys.exit(totals['differs'] > 0)


main()
