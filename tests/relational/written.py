#!/usr/bin/env python3
"""written.py - statements that read a model's table and write its source.

    /usr/bin/python3 tests/relational/written.py EXTENSION

Each must do what it does where the model's table is a plain table that was filled before. A
statement that does not end is an error after SECONDS. Then triggers, which see the source as it
is when they fire; and hosts that write between the steps of a SELECT, which must end.
"""
import sqlite3
import sys
import time

from checks import check, finish

SECONDS = 10
OPTIONS = 'layers=4, n_epochs=1, n_sample=4, batch_size=4, threads=1'
N_SESSIONS = 30

# name: how clicks is made, and the source of the model
SOURCES = {
    'table': ('session_id INTEGER, item_id INTEGER, ts INTEGER', '', False, 'clicks'),
    'indexed': ('session_id INTEGER, item_id INTEGER, ts INTEGER', '', True, 'clicks'),
    'untyped': ('session_id, item_id, ts', '', True, 'clicks'),
    'text': ('session_id TEXT, item_id TEXT, ts INTEGER', '', True, 'clicks'),
    'keyed': ('session_id INTEGER, item_id INTEGER, ts INTEGER, PRIMARY KEY (session_id, ts, item_id)',
              'WITHOUT ROWID', False, 'clicks'),
    'view': ('session_id INTEGER, item_id INTEGER, ts INTEGER', '', True, 'viewed'),
    'select': ('session_id INTEGER, item_id INTEGER, ts INTEGER', '', True,
               '(SELECT session_id, item_id, ts, -rowid AS n FROM clicks WHERE ts >= 0), order=n'),
}

# {rec} is the model's table or its copy
STATEMENTS = [
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank = 1',
    'INSERT INTO clicks SELECT session, item, 1000000 FROM {rec} WHERE rank = 1',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank <= 3 ORDER BY session, rank',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank <= 3 ORDER BY session, rank LIMIT 40 OFFSET 3',
    'INSERT INTO clicks SELECT session + 1000, item, rank FROM {rec}',
    'INSERT INTO clicks SELECT session + 1, item, 1000000 FROM {rec} WHERE rank = 1',
    "INSERT INTO clicks SELECT session || 'x', item, 5 FROM {rec} WHERE rank = 1",
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE session = 7 AND rank <= 4',
    'INSERT INTO clicks SELECT session, item, 1000000 + rank FROM {rec} WHERE session = 7',
    'INSERT INTO clicks SELECT session + 1, item, 1000000 FROM {rec} WHERE session IN (5, 6, 7, 30) AND rank = 2',
    'INSERT INTO clicks SELECT session + 1, item, 1000000 FROM {rec} WHERE session IN (SELECT session_id FROM clicks) AND rank = 2',
    'INSERT INTO clicks SELECT session + 1000, item, 1 FROM {rec} WHERE (session = 5 OR session = 6) AND rank = 1',
    'INSERT OR REPLACE INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank <= 2',
    'INSERT OR IGNORE INTO clicks SELECT session + 1, item, 5 FROM {rec} WHERE rank <= 2',
    'REPLACE INTO clicks SELECT session + 1, item, 1000000 FROM {rec} WHERE rank = 20 OR rank = 1',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank <= 2 RETURNING session_id, item_id',
    'WITH best AS (SELECT session, item FROM {rec} WHERE rank = 1) INSERT INTO clicks SELECT session + 1000, item, 5 FROM best',
    'INSERT INTO clicks SELECT max(session) + 1000 + count(*), item, 5 FROM {rec} WHERE rank <= 2 GROUP BY item',
    'INSERT INTO clicks SELECT r.session + 1000, p.item, p.stock FROM {rec} AS r JOIN products AS p ON p.item = r.item WHERE r.rank <= 2',
    'INSERT INTO clicks SELECT v.session + 1000, r.item, 5 FROM visitors AS v JOIN {rec} AS r ON r.session = v.session AND r.rank <= 2',
    'INSERT INTO clicks SELECT v.session, r.item, 1000000 FROM visitors AS v LEFT JOIN {rec} AS r ON r.session = v.session AND r.rank = 1',
    'INSERT INTO clicks SELECT a.session + 1000, b.item, 5 FROM {rec} AS a JOIN {rec} AS b ON b.session = a.session AND b.rank = 2 WHERE a.rank = 1',
    # several scans in one statement
    'INSERT INTO clicks SELECT session, item, 1000000 + rank FROM {rec} WHERE rank IN (1, 3)',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank IN (1, 3)',
    'INSERT INTO clicks SELECT session, item, 1000000 + rank FROM {rec} WHERE session = 7 AND rank IN (1, 2, 5)',
    'INSERT INTO clicks SELECT session, item, 1000000 + rank FROM {rec} WHERE session = 7 AND (rank = 1 OR rank = 3)',
    'INSERT INTO clicks SELECT session + 1, item, 1000000 + rank FROM {rec} WHERE session IN (6, 7) AND rank IN (1, 3)',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE item = 105 OR item = 107 OR rank = 1',
    'INSERT INTO clicks SELECT session + 1000, item, 5 FROM {rec} WHERE rank = 1 UNION ALL '
    'SELECT session + 2000, item, 5 FROM {rec} WHERE rank = 2',
    'INSERT INTO clicks SELECT r.session + 1000 * v.column1, r.item, 5 FROM (VALUES (1), (2), (3)) AS v CROSS JOIN {rec} AS r '
    'WHERE r.rank = v.column1',
    'INSERT INTO clicks SELECT a.session + 1000, b.item, b.session FROM {rec} AS a CROSS JOIN {rec} AS b WHERE a.rank = 1 AND b.rank = 2',
    'WITH best AS (SELECT session, item, rank FROM {rec} WHERE rank <= 2) INSERT INTO clicks '
    'SELECT a.session + 1000, b.item, 5 FROM best AS a JOIN best AS b ON b.session = a.session AND b.rank > a.rank',
    'INSERT INTO clicks SELECT session + 1000, (SELECT item FROM {rec} AS b WHERE b.session = a.session AND b.rank = 2), 5 '
    'FROM {rec} AS a WHERE rank = 1',
    'INSERT INTO visitors SELECT session, item FROM {rec} WHERE rank = 1',
    'CREATE TABLE made AS SELECT session, rank, item FROM {rec} WHERE rank <= 2 ORDER BY session, rank',
    'UPDATE clicks SET item_id = r.item FROM {rec} AS r WHERE r.session = clicks.session_id AND r.rank = 1 AND ts % 7 = 0',
    'UPDATE clicks SET session_id = session_id + 1000 WHERE session_id IN (SELECT session FROM {rec} WHERE rank = 1 AND item < 110)',
    'UPDATE visitors SET next = (SELECT item FROM {rec} WHERE session = visitors.session AND rank = 1)',
    'DELETE FROM clicks WHERE session_id IN (SELECT session FROM {rec} WHERE rank = 1 AND item < 110)',
    'DELETE FROM clicks WHERE EXISTS (SELECT 1 FROM {rec} AS r WHERE r.session = clicks.session_id AND r.item = clicks.item_id AND r.rank <= 5)',
    'DELETE FROM clicks WHERE session_id > (SELECT max(session) - 5 FROM {rec} WHERE rank = 1) RETURNING session_id',
]

class Shop:
    """Clicks, a model of them, and a copy of all that the model's table gives."""

    def __init__(self, name, encoding):
        columns, suffix, is_indexed, source = SOURCES[name]
        self.db = sqlite3.connect(':memory:', isolation_level=None)
        self.db.execute(f"PRAGMA encoding = '{encoding}'")
        self.db.enable_load_extension(True)
        self.db.load_extension(sys.argv[1])
        self.db.execute(f'CREATE TABLE clicks({columns}) {suffix}')
        if is_indexed:
            self.db.execute('CREATE INDEX clicks_session ON clicks(session_id, ts)')
        self.db.execute('CREATE VIEW viewed AS SELECT * FROM clicks WHERE item_id IS NOT NULL')
        self.db.executemany('INSERT INTO clicks VALUES (?, ?, ?)',
                            [(s, 101 + (s * 7 + e * (s % 3 + 1)) % 20, 100 * s + e)
                             for s in range(1, N_SESSIONS + 1) for e in range(2 + s % 5)])
        self.db.execute('CREATE TABLE products(item INTEGER, stock INTEGER)')
        self.db.executemany('INSERT INTO products VALUES (?, ?)', [(i, i % 3) for i in range(101, 115)])
        self.db.execute('CREATE TABLE visitors(session INTEGER, next)')
        self.db.executemany('INSERT INTO visitors VALUES (?, 0)', [(s,) for s in (3, 9, 27, 11, 30)])
        self.db.execute(f'CREATE VIRTUAL TABLE rec USING gru4rec({source}, {OPTIONS})')
        self.rows("SELECT gru4rec_train('rec')")
        types = [t for t, in self.rows("SELECT type FROM pragma_table_xinfo('rec')")]
        self.db.execute(f'CREATE TABLE copy(session {types[0]}, rank INTEGER, item {types[2]}, score REAL)')
        self.rows('INSERT INTO copy SELECT session, rank, item, score FROM rec')
        self.rows('PRAGMA max_page_count = 3000')
        self.end = 0
        self.db.set_progress_handler(lambda: time.monotonic() > self.end, 1000)

    def rows(self, sql):
        self.end = time.monotonic() + SECONDS
        return self.db.execute(sql).fetchall()

    def outcome(self, sql):
        """What the statement gives and leaves behind; it is taken back."""
        self.rows('BEGIN')
        try:
            given = sorted(map(repr, self.rows(sql)))
        except sqlite3.Error as e:
            given = str(e)
        tables = [t for t, in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN "
                                        "('clicks', 'visitors', 'made') ORDER BY name")]
        left = [sorted(map(repr, self.rows(f'SELECT * FROM {t}'))) for t in tables]
        if self.db.in_transaction:
            self.rows('ROLLBACK')
        return given, left


def statements_equal_those_on_a_copy(name, encoding):
    shop = Shop(name, encoding)
    for sql in STATEMENTS:
        ours = shop.outcome(sql.format(rec='rec'))
        theirs = shop.outcome(sql.format(rec='copy'))
        check(f'{name} {encoding}: {sql}', ours == theirs,
              '' if ours[0] == theirs[0] else f'{str(ours[0])[:200]} but {str(theirs[0])[:200]}')
    shop.db.close()


def triggers_see_the_row_that_fires_them(name, encoding):
    shop = Shop(name, encoding)
    order = 'ts, -rowid' if name == 'select' else 'ts, item_id' if name in ('keyed', 'view') else 'ts, rowid'
    shop.db.execute('CREATE TABLE log(history, item)')
    shop.db.execute(f'''CREATE TRIGGER t AFTER INSERT ON clicks BEGIN INSERT INTO log
        SELECT (SELECT json_group_array(item_id) FROM (SELECT item_id FROM clicks WHERE session_id = new.session_id ORDER BY {order})),
        item FROM rec WHERE session = new.session_id AND rank = 1; END''')
    shop.rows('INSERT INTO clicks SELECT session, item, 1000000 FROM rec WHERE rank = 1')
    shop.rows('INSERT INTO clicks SELECT session + 500, item, 1000000 + rank FROM rec WHERE rank <= 2')
    log = shop.rows('SELECT history, item FROM log')
    check(f'{name} {encoding}: the trigger fires once a row', len(log) == 3 * N_SESSIONS, len(log))
    wrong = [h for h, item in log if shop.db.execute(
        "SELECT item FROM gru4rec_recommend('rec', ?, 1)", (h,)).fetchone()[0] != item]
    check(f'{name} {encoding}: the trigger reads what was there', not wrong, wrong[:3])
    shop.db.close()


def a_trigger_writes_what_it_reads(name, encoding):
    """Each new click brings its best item as another one, and that one no more."""
    shop = Shop(name, encoding)
    before = shop.rows('SELECT count(*) FROM clicks')[0][0]
    shop.db.execute('PRAGMA recursive_triggers = on')
    shop.db.execute('''CREATE TRIGGER t AFTER INSERT ON clicks WHEN new.ts < 2000000 BEGIN INSERT INTO clicks
        SELECT session + 1, item, 2000000 + new.ts FROM rec WHERE rank = 1 AND session >= new.session_id; END''')
    shop.rows('INSERT INTO clicks VALUES (20, 105, 1000000)')
    n = shop.rows('SELECT count(*) FROM clicks')[0][0] - before
    check(f'{name} {encoding}: a trigger ends', n == 1 + N_SESSIONS - 20 + 1, n)
    shop.db.close()


def hosts_write_between_steps(name, encoding, write):
    shop = Shop(name, encoding)
    first = [r[0] for r in shop.rows('SELECT session FROM copy WHERE rank = 1')]
    shop.end = time.monotonic() + SECONDS
    given, held = [], []
    cursor = shop.db.execute('SELECT session, item FROM rec WHERE rank = 1')
    for session, item in cursor:
        given.append(session)
        held.append(write(shop.db, session, item))
        if len(given) > 10 * N_SESSIONS:
            break
    check(f'{name} {encoding}: {write.__name__} ends', len(given) <= 3 * N_SESSIONS, len(given))
    if write in (inserts_behind, inserts_and_holds, inserts_elsewhere):
        check(f'{name} {encoding}: {write.__name__}: all that was there',
              [s for s in given if s in first] == first, given)
    held.clear()
    cursor.close()
    shop.db.close()


def inserts_behind(db, session, item):
    db.execute('INSERT INTO clicks VALUES (?, ?, 5)', (f'{session}9', item))


def inserts_and_holds(db, session, item):
    """The statement is left on its first row."""
    cursor = db.execute('INSERT INTO clicks VALUES (?, ?, 5), (?, ?, 6) RETURNING 1',
                        (f'{session}9', item, f'{session}8', item))
    cursor.fetchone()
    return cursor


def inserts_elsewhere(db, session, item):
    db.execute('INSERT INTO visitors VALUES (?, ?)', (session, item))


def deletes_behind(db, session, item):
    db.execute('DELETE FROM clicks WHERE session_id = (SELECT max(session_id) FROM clicks)')


def deletes_all(db, session, item):
    db.execute('DELETE FROM clicks')


def renames_behind(db, session, item):
    db.execute("UPDATE clicks SET session_id = session_id || '9' WHERE session_id = ?", (session,))


def main():
    for encoding in ('UTF-8', 'UTF-16le', 'UTF-16be'):
        for name in SOURCES:
            statements_equal_those_on_a_copy(name, encoding)
            triggers_see_the_row_that_fires_them(name, encoding)
            if name != 'text':
                a_trigger_writes_what_it_reads(name, encoding)
            for write in (inserts_behind, inserts_and_holds, inserts_elsewhere, deletes_behind,
                          deletes_all, renames_behind):
                hosts_write_between_steps(name, encoding, write)
    finish()


main()
