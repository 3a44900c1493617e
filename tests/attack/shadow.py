"""shadow.py - a database whose shadow tables somebody has changed; see hostile.py.

One to three changes: values of other types and sizes, rows that are missing or doubled or exchanged, forged options,
weights with and without their checksum, tables replaced by views, virtual tables, tables with generated columns or of
another schema, triggers, another definition of the model, another source.
"""
import json
import sqlite3
import struct
import time

import hostile

TABLES = 'config', 'version', 'epoch', 'item', 'tensor', 'blend'  # the last one: if the model blends

# ---- values ----

VALUES = [
    None, -1, 0, 1, 2, 3, -2 ** 63, 2 ** 63 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1.5, 1e308, -1e308, float('inf'), '', 'x',
    '0', '1', '2', '3', 'abc' * 1000, 'a' * 31, 'g' * 32, '\x01' * 32, b'', b'\0', b'\xff' * 16, bytes(4000), 'é中🍋', '{', '[',
    '\'"', '(SELECT 1)', 'm', 'm_item', 'sqlite_schema', 'clicks', 'ready', 'training', 'failed', 'retired', '1e999', '%s%n%d',
    '1 0 0 localhost', '1 0 3 x', '99999999999999999999 1 1 x', '"\\u0000"',
]
NUMBERS = [0, -1, 1, 2, 7, 9, 65535, 65536, 65537, 10 ** 6, 2 ** 31, 2 ** 53, 2 ** 63, 1e18, 1e308, 1e-300, 0.5, -0.0]
FORGED = NUMBERS + [None, True, False, '', 'x', 'auto', 'layersize', 'softmax', 'bpr-max', 'elu-100', 'relu', [], {}, [0], [8, 8],
                    [65536] * 32, [65536], '65536/65536', 'x' * 10000, [[1]], {'a': 1}]
BROKEN = ['', '{', '[]', 'null', '{' * 2000, '[' * 100000, '{"layers":[8],"layers":[4]}', 'layers=8', 'layers=100000', '{"x":1}',
          '{"layers":' + '[' * 500 + ']' * 500 + '}', b'\xff\xfe{}', '{"layers":[8]\0}', '\ufeff{"layers":[8]}']


def raw(value):
    """SQL for a value that may be text in bytes that are no UTF-8."""
    return f"CAST(x'{value.hex()}' AS TEXT)" if isinstance(value, bytes) else None


# ---- the checksum of a chunk of weights ----

MASK, PRIME = (1 << 64) - 1, 0x100000001b3


def checksum(name, chunk, data):
    """As ext_sum.c has it: Fletcher's over words in four lanes, then the name."""
    words = struct.unpack(f'<{len(data) // 4}I', data[:len(data) // 4 * 4])
    low, high = [1, 2, 3, 4], [0] * 4
    for i, word in enumerate(words):
        low[i % 4] = (low[i % 4] + word) & MASK
        high[i % 4] = (high[i % 4] + low[i % 4]) & MASK
    total = (len(words) * PRIME & MASK) ^ chunk
    for byte in name:
        total = (total ^ byte) * PRIME & MASK
    for a, b in zip(low, high):
        total = ((total * PRIME & MASK) ^ a) * PRIME & MASK ^ b
    return total - (1 << 64) if total >> 63 else total


# ---- changes ----

def is_summed(table, column):
    """Is it among what a version's checksum is of? Then a change of it is told of, or changes no answer."""
    return table == 'item' or table == 'version' and column in ('options', 'run')


class Changer:
    """Changes the shadow tables through a connection that does not know the extension."""

    def __init__(self, case):
        self.case, self.rng = case, case.rng
        self.db = hostile.connect(case.path)
        self.db.execute('PRAGMA writable_schema = on')
        has_blend = self.db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'm_blend'").fetchone()[0]
        self.tables = TABLES if has_blend else TABLES[:-1]
        self.must_tell = False  # is it something that a checksum covers?

    def columns(self, table):
        rows = self.db.execute(f'PRAGMA table_xinfo(m_{table})').fetchall()
        if not rows:
            raise sqlite3.OperationalError(f'no table m_{table}: a change before has dropped it')
        if any(row[6] >= 2 for row in rows):  # all rows of it would be stored
            raise sqlite3.OperationalError(f'm_{table} has a generated column')
        return [row[1].decode() for row in rows]

    def some(self, table):
        """SQL that chooses rows: one, some or all."""
        if table == 'config':
            keys = 'format', 'version', 'options', 'defaults', 'source', 'session', 'item', 'time', 'previous', 'tables'
            return f"key = '{self.rng.choice(keys)}'"
        return self.rng.choice(('1', '(SELECT abs(random()) % 4) = 0', 'version = (SELECT max(version) FROM m_version)',
                                f'(SELECT count(*) FROM m_{table}) - {self.rng.randrange(3)} > 1'))

    def rebuild(self, table, definition=None):
        """The same rows in a table without constraints, or in one that is defined otherwise."""
        self.columns(table)
        self.db.execute(f'CREATE TABLE saved AS SELECT * FROM m_{table}')
        self.db.execute(f'DROP TABLE m_{table}')
        if definition:
            self.db.execute(definition)
            self.db.execute(f'INSERT INTO m_{table} SELECT * FROM saved')
            self.db.execute('DROP TABLE saved')
        else:
            self.db.execute(f'ALTER TABLE saved RENAME TO m_{table}')

    def set_value(self):
        table = self.rng.choice(self.tables)
        column, value, where = self.rng.choice(self.columns(table)), self.rng.choice(VALUES), self.some(table)
        if self.rng.random() < 0.3:
            self.rebuild(table)
        expression = raw(value) if isinstance(value, bytes) and self.rng.random() < 0.5 else None
        self.db.execute(f'UPDATE OR REPLACE m_{table} SET "{column}" = {expression or "?"} WHERE {where}',
                        () if expression else (value,))
        self.must_tell = is_summed(table, column)
        return f'{table}.{column} = {ascii(value)[:40]} where {where}'

    def delete_rows(self):
        table = self.rng.choice(self.tables)
        where = self.some(table)
        self.db.execute(f'DELETE FROM m_{table} WHERE {where}')
        self.must_tell = table in ('item', 'tensor', 'blend')
        return f'no {table} where {where}'

    def double_rows(self):
        table = self.rng.choice(self.tables)
        where = self.some(table)
        self.rebuild(table)
        self.db.execute(f'INSERT INTO m_{table} SELECT * FROM m_{table} WHERE {where}')
        self.must_tell = table == 'item'
        return f'twice {table} where {where}'

    def exchange(self):
        table = self.rng.choice([t for t in self.tables if t != 'config'])
        column = self.rng.choice(self.columns(table))
        self.rebuild(table)
        rows = self.db.execute(f'SELECT rowid, "{column}" FROM m_{table}').fetchall()
        if len(rows) < 2:
            return 'nothing'
        (a, its_a), (b, its_b) = self.rng.sample(rows, 2)
        for rowid, value in (a, its_b), (b, its_a):
            value = value.decode('utf-8', 'replace') if isinstance(value, bytes) and column != 'data' else value
            self.db.execute(f'UPDATE m_{table} SET "{column}" = ? WHERE rowid = ?', (value, rowid))
        self.must_tell = is_summed(table, column)
        return f'{table}.{column} of two rows'

    def forge_options(self):
        key = self.rng.choice(('options', 'options', 'defaults'))
        sql = self.rng.choice((f"SELECT value FROM m_config WHERE key = '{key}'",
                               'SELECT options FROM m_version ORDER BY version DESC LIMIT 1',
                               'SELECT summary FROM m_version ORDER BY version DESC LIMIT 1'))
        try:
            options = json.loads(self.db.execute(sql).fetchone()[0])
            options[self.rng.choice(sorted(options))] = self.rng.choice(FORGED)
            text = json.dumps(options)
        except (TypeError, ValueError, IndexError, RecursionError):
            text = self.rng.choice(BROKEN)
        if self.rng.random() < 0.25:
            text = self.rng.choice(BROKEN)
        if 'config' in sql:
            self.db.execute("REPLACE INTO m_config VALUES (?, ?)", (key, text))
        else:
            column = 'summary' if 'summary' in sql else 'options'
            self.db.execute(f'UPDATE m_version SET {column} = ?', (text,))
            self.must_tell = is_summed('version', column)
        return f'forged {sql}: {ascii(text)[:200]}'

    def change_weights(self):
        self.columns('tensor')
        rows = self.db.execute('SELECT rowid, name, chunk, data FROM m_tensor').fetchall()
        if not rows:
            return 'no weights'
        rowid, name, chunk, data = self.rng.choice(rows)
        data = bytearray(data if isinstance(data, bytes) else b'')
        how = self.rng.randrange(6)
        if how == 0 and data:
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        elif how == 1 and data:
            data[:4] = struct.pack('<f', self.rng.choice((float('nan'), float('inf'), 3e38, -3e38, 1e-45)))
        elif how == 2:
            del data[self.rng.randrange(len(data) + 1):]
        elif how == 3:
            data += bytes(self.rng.randrange(1, 100))
        elif how == 4:
            data = bytearray(struct.pack('<f', 3e38) * (len(data) // 4))
        else:
            data = bytearray(len(data))
        self.db.execute('UPDATE m_tensor SET data = ? WHERE rowid = ?', (bytes(data), rowid))
        is_forged = self.rng.random() < 0.7
        if is_forged and isinstance(name, bytes) and isinstance(chunk, int):
            self.db.execute('UPDATE m_tensor SET checksum = ? WHERE rowid = ?', (checksum(name, chunk, bytes(data)), rowid))
        self.must_tell = not is_forged
        return f'weights {name}, way {how}, checksum {"forged" if is_forged else "as it was"}'

    def change_sessions(self):
        """A word of what the version blends with, in the header or behind it."""
        if 'blend' not in self.tables:
            return self.change_weights()
        self.columns('blend')
        rows = self.db.execute('SELECT rowid, chunk, data FROM m_blend').fetchall()
        if not rows:
            return 'no sessions'
        rowid, chunk, data = self.rng.choice(rows)
        data = bytearray(data if isinstance(data, bytes) else b'')
        if len(data) >= 4:
            at = 4 * self.rng.randrange(min(len(data) // 4, self.rng.choice((6, 10, 10 ** 6))))
            word = self.rng.choice((0, 1, 2, 17, 18, 255, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 0x7ff00000, 0xfff80000))
            data[at:at + 4] = struct.pack('<I', word)
        self.db.execute('UPDATE m_blend SET data = ? WHERE rowid = ?', (bytes(data), rowid))
        is_forged = self.rng.random() < 0.8
        if is_forged and isinstance(chunk, int):
            self.db.execute('UPDATE m_blend SET checksum = ? WHERE rowid = ?', (checksum(b'blend', chunk, bytes(data)), rowid))
        return f'sessions, {"forged" if is_forged else "as it was"}'

    def replace_table(self):
        """By a view, a virtual table, or a table of another kind."""
        table = self.rng.choice(self.tables)
        columns = self.columns(table)
        names = ', '.join(columns)
        self.db.execute(f'CREATE TABLE kept AS SELECT * FROM m_{table}')
        self.db.execute(f'DROP TABLE m_{table}')
        last = columns[-1]
        sql = self.rng.choice((
            f'CREATE VIEW m_{table} AS SELECT * FROM kept',
            f"CREATE VIEW m_{table} AS SELECT * FROM kept WHERE gru4rec_score('m', '[1]', 2) IS NOT 1",
            f"CREATE VIEW m_{table} AS SELECT kept.* FROM kept, (SELECT gru4rec_check('m'))",
            f'CREATE VIEW m_{table} AS SELECT kept.* FROM kept, m',
            f'CREATE VIEW m_{table} AS WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT kept.* FROM n, kept',
            f'CREATE VIEW m_{table} AS SELECT * FROM m_{table}',
            f'CREATE VIRTUAL TABLE m_{table} USING gru4rec(clicks)',
            f'CREATE VIRTUAL TABLE m_{table} USING gru4rec(m)',
            f"CREATE TABLE m_{table}({', '.join(columns[:-1])}, {last} AS (zeroblob(900000000)))",
            f"CREATE TABLE m_{table}({', '.join(columns[:-1])}, {last} AS (gru4rec_score('m', '[1]', 2)))",
            f"CREATE TABLE m_{table}({', '.join(columns[:-1])}, {last} AS (printf('%.*c', 300000, 'x')) STORED)",
            f'CREATE TABLE m_{table}({", ".join(reversed(columns))})',
            f'CREATE TABLE m_{table}({", ".join(c + " TEXT COLLATE NOCASE" for c in columns)})',
            f'CREATE TABLE m_{table}({names}, PRIMARY KEY({names})) WITHOUT ROWID',
            f'CREATE TABLE m_{table}({", ".join(columns[:-1])})',
            f'CREATE TABLE m_{table}(x)',
            'SELECT 1'))
        self.db.execute(sql)
        if sql.startswith('CREATE TABLE'):
            there = [row[1].decode() for row in self.db.execute(f'PRAGMA table_info(m_{table})')]  # not the generated one
            there = [c for c in there if c in columns]
            if there:
                self.db.execute(f'INSERT OR IGNORE INTO m_{table}({", ".join(there)}) SELECT {", ".join(there)} FROM kept')
        return sql

    def add_trigger(self):
        table = self.rng.choice(self.tables)
        what = self.rng.choice(("SELECT raise(ABORT, 'no')", "SELECT raise(IGNORE)", "SELECT raise(ROLLBACK, 'no')",
                                f'DELETE FROM m_{table}', 'DELETE FROM m_config', 'DELETE FROM m_version',
                                "SELECT gru4rec_check('m')", "SELECT count(*) FROM m"))
        sql = f"CREATE TRIGGER t {self.rng.choice(('BEFORE', 'AFTER'))} {self.rng.choice(('INSERT', 'UPDATE', 'DELETE'))} " \
              f'ON m_{table} BEGIN {what}; END'
        self.db.execute(sql)
        return sql

    def redefine_model(self):
        sql = self.rng.choice((
            'gru4rec(nowhere)', 'gru4rec(m)', 'gru4rec(m_item)', 'gru4rec(clicks, layers=999)', 'gru4rec()', 'gru4rec((SELECT 1))',
            'gru4rec(clicks, ' + 'x' * 5000 + ')', 'gru4rec(clicks, session=ts, item=ts, time=ts)', 'gru4rec(other.clicks)',
            'gru4rec("")', "gru4rec('clicks')"))
        self.db.execute("UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE m USING ' || ? WHERE name = 'm'", (sql,))
        return f'm USING {sql[:60]}'

    def replace_source(self):
        sql = self.rng.choice((
            'SELECT session AS session_id, item AS item_id, rank AS ts FROM m',
            "SELECT 1 AS session_id, item AS item_id, rank AS ts FROM gru4rec_recommend('m', '[1]')",
            'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i / 5 AS session_id, i AS item_id, i AS ts FROM n',
            'SELECT NULL AS session_id, NULL AS item_id, NULL AS ts',
            "SELECT 1 AS session_id, CAST(x'fffe80' AS TEXT) AS item_id, 1 AS ts UNION ALL SELECT 1, zeroblob(10000000), 2",
            'SELECT 1 AS session_id, 2.5 AS item_id, 9e999 AS ts UNION ALL SELECT 1, 1, -9e999',
            'SELECT 1 AS x', "SELECT *, gru4rec_check('m') FROM b", 'SELECT * FROM b WHERE 0',
            'SELECT session_id, session_id AS item_id, session_id AS ts FROM b'))
        self.db.execute('ALTER TABLE clicks RENAME TO b')
        self.db.execute(f'CREATE VIEW clicks AS {sql}')
        return sql

    KINDS = (set_value,) * 6 + (forge_options, change_weights, change_sessions, replace_table) * 3 + \
        (delete_rows, double_rows, exchange) * 2 + (add_trigger, redefine_model, replace_source)

    def change(self):
        """Makes a change; SQLite may refuse it, and a change before it may have made a view without end."""
        end = time.monotonic() + hostile.STATEMENT_SECONDS
        self.db.set_progress_handler(lambda: time.monotonic() > end, 1000)
        self.must_tell = False
        try:
            self.db.execute('BEGIN')
            what = self.rng.choice(self.KINDS)(self)
            self.db.execute('COMMIT')
            return what
        except sqlite3.Error as e:
            self.must_tell = False
            if self.db.in_transaction:
                self.db.execute('ROLLBACK')
            return f'refused: {e}'


def try_case(case):
    case.take_base(case.rng.choice(list(hostile.BASES)))
    changer = Changer(case)
    n = case.rng.choice((1, 1, 1, 2, 3))
    for _ in range(n):
        case.say('CHANGE', changer.change())
    changer.db.close()
    db = case.open()
    if db is not None:
        different = case.read_all(db)
        if different and n == 1 and changer.must_tell and case.ask(db, hostile.CHECK) == [(b'ok',)]:
            case.wrong(f'another answer in silence: {different}')
        case.write_all(db)
    case.end(db)


hostile.main('shadow tables', try_case, hostile.BASES)
