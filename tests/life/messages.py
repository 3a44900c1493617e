"""messages.py - an error's message is valid UTF-8 on one line, whatever was given: else Python raises
UnicodeDecodeError in place of the error."""
from common import *

# Each takes one text, T. What they give does not matter, only how they fail.
CALLS = [
    "SELECT * FROM gru4rec_recommend('rec', {T})",
    "SELECT * FROM gru4rec_recommend('rec', '[' || {T})",
    "SELECT * FROM gru4rec_recommend('rec', '{{' || {T})",
    "SELECT * FROM gru4rec_recommend('rec', '[1001, ' || json_quote({T}) || ', true]')",
    "SELECT * FROM gru4rec_recommend('rec', 1001, {T})",
    "SELECT * FROM gru4rec_recommend('rec', 1001, {B})",
    "SELECT * FROM gru4rec_recommend('rec', 1001) WHERE candidates = '[' || {T}",
    "SELECT * FROM gru4rec_recommend('rec', 1001) WHERE candidates = ' {{' || {T}",
    "SELECT * FROM gru4rec_recommend('rec', 1001) WHERE candidates = {B}",
    "SELECT * FROM gru4rec_recommend('rec', 1001) WHERE exclude_seen = {T}",
    "SELECT * FROM gru4rec_recommend('rec', 1001) WHERE exclude_seen = {B}",
    "SELECT * FROM gru4rec_recommend({T}, 1001)",
    "SELECT * FROM gru4rec_similar({T}, 1001)",
    "SELECT * FROM gru4rec_similar('rec', 1001, {T})",
    "SELECT * FROM gru4rec_explain('rec', '[' || {T}, 1001)",
    "SELECT * FROM rec WHERE exclude_seen = {T}",
    "SELECT * FROM rec WHERE candidates = '[' || {T}",
    "SELECT gru4rec_score('rec', '[1001, ' || {T}, 1001)",
    "SELECT gru4rec_score({T}, 1001, 1001)",
    "SELECT gru4rec_step('rec', {B}, 1001)",
    "SELECT gru4rec_step('rec', NULL, {B})",
    "SELECT gru4rec_state(name, 1001) FROM (SELECT 'rec' AS name UNION ALL SELECT {T})",
    "SELECT gru4rec_info({T})",
    "SELECT gru4rec_check({T})",
    "SELECT gru4rec_deploy('rec', {T})",
    "SELECT gru4rec_deploy('rec', {B})",
    "SELECT gru4rec_deploy({T}, 1)",
    "SELECT gru4rec_configure({T}, 'seed=1')",
    "SELECT gru4rec_configure('rec', {T})",
    "SELECT gru4rec_configure('rec', {B})",
    "SELECT gru4rec_configure('rec', 'source=' || {T})",
    "SELECT gru4rec_configure('rec', 'item=' || {T})",
    "SELECT gru4rec_configure('rec', '{{\"source\":' || json_quote({T}) || '}}')",
    "SELECT gru4rec_configure('rec', '{{' || json_quote({T}) || ':null}}')",
    "SELECT gru4rec_export({T})",
    "SELECT gru4rec_export('rec', '/nowhere/' || {T})",
    "SELECT gru4rec_import('new', '/nowhere/' || {T})",
    "SELECT gru4rec_import('new', {B})",
    "SELECT gru4rec_train({T})",
    "SELECT gru4rec_train('rec', {T})",
    "SELECT gru4rec_train('rec', {T}, 'n_epochs=1')",
    "SELECT gru4rec_train('rec', '(SELECT ' || {T})",
    "SELECT gru4rec_train('rec', 'clicks', 'loss=' || {T})",
    "SELECT gru4rec_train('rec', 'clicks', {T} || '=1')",
    "SELECT gru4rec_train('rec', 'clicks', '{{\"a\":' || {T})",
    "SELECT gru4rec_train('rec', 'clicks', '{{' || json_quote({T}) || ':null}}')",
    "SELECT gru4rec_train('rec', 'clicks', '{{\"loss\":' || json_quote({T}) || '}}')",
    "SELECT gru4rec_train('rec', 'clicks', 'item=' || {T})",
    "SELECT gru4rec_train('rec', 'clicks', 'since=' || {T})",
    "SELECT gru4rec_tune({T})",
    "SELECT gru4rec_tune('rec', 'trials=1, n_epochs=1, ' || {T})",
    "SELECT gru4rec_tune('rec', 'trials=1, n_epochs=1, objective=' || {T})",
    "SELECT gru4rec_tune('rec', 'trials=1, n_epochs=1, space=' || {T})",
    "SELECT gru4rec_tune('rec', 'trials=1, n_epochs=1, space={{' || {T})",
    "SELECT gru4rec_tune('rec', '{{\"space\":{{' || json_quote({T}) || ':[1]}}}}')",
    "SELECT gru4rec_tune('rec', '{{\"space\":{{\"loss\":' || json_quote({T}) || '}}}}')",
    "SELECT gru4rec_tune('rec', '{{\"space\":{{\"loss\":[' || json_quote({T}) || ']}}}}')",
    "SELECT gru4rec_tune('rec', '{{\"space\":{{\"loss\":{{' || json_quote({T}) || ':[1,2]}}}}}}')",
    "SELECT * FROM gru4rec_evaluate('rec', {T})",
    "SELECT * FROM gru4rec_evaluate('rec', 'clicks', 'cutoffs=' || {T})",
    "SELECT * FROM gru4rec_evaluate('rec', 'times')",
    "SELECT * FROM gru4rec_compare('rec', {T}, 'clicks')",
    "SELECT * FROM gru4rec_compare('rec', 'pop', {T})",
    "SELECT * FROM gru4rec_compare('rec', 'pop', 'clicks', 'version_a=' || {T})",
    "SELECT gru4rec_train('new', 'blobs')",
    "SELECT * FROM gru4rec_batches({T}, 2)",
    "SELECT * FROM gru4rec_audit({T})",
    "SELECT * FROM gru4rec_audit('clicks', {T})",
    "SELECT * FROM gru4rec_audit('rec', 'clicks', {T})",
    "SELECT * FROM gru4rec_batches('clicks', {T})",
    "SELECT * FROM gru4rec_batches('clicks', {B})",
    "SELECT * FROM gru4rec_batches('(SELECT 1 AS session, ' || quote({T}) || ' AS item, ? AS ts)', 2)",
    "SELECT * FROM gru4rec_batches('clicks', 2, {T})",
]
# Bytes of a text: some, then 200 characters of two, three and four bytes.
LENGTHS = [*range(0, 301, 7 if QUICK else 1), 400, 600, 800]
# These hold a text that SQL can spell.
STATEMENTS = [
    'CREATE VIRTUAL TABLE new USING gru4rec({T})',
    'CREATE VIRTUAL TABLE new USING gru4rec("{T}")',
    'CREATE VIRTUAL TABLE new USING gru4rec((SELECT {T}))',
    'CREATE VIRTUAL TABLE new USING gru4rec(clicks, {T})',
    'CREATE VIRTUAL TABLE new USING gru4rec(clicks, {T}=1)',
    'CREATE VIRTUAL TABLE new USING gru4rec(clicks, loss={T})',
    'CREATE VIRTUAL TABLE new USING gru4rec(clicks, item="{T}")',
    'CREATE VIRTUAL TABLE "nowhere{T}"."x" USING gru4rec(clicks)',
    'CREATE VIRTUAL TABLE "new{T}" USING gru4rec(clicks, layers=0)',
    "SELECT gru4rec_train('new', '(SELECT 1 AS session, 1 AS \"{T}\", 1 AS ts)')",
    "SELECT gru4rec_train('new', '(SELECT 1 AS session, :x{T} AS item, 1 AS ts)')",
    "SELECT gru4rec_train('new', '(SELECT 1 AS session, x''00'' AS \"x{T}\", 1 AS ts)', 'item=x{T}')",
]


def small_shop(directory):
    db = make_shop(directory + '/shop.db', 'memory', clicks(60, 20, 4), 'layers=4, n_sample=4, n_epochs=1, threads=1')
    db.execute('PRAGMA synchronous = off')  # thousands of commits
    db.execute('CREATE TABLE times(session, item, ts)')
    db.execute('CREATE TABLE blobs(session, item, ts)')
    train(db, 'n_epochs=1')
    return db


class Sweep:
    """Runs statements and looks at their messages; one check for all, with the first that is wrong."""

    def __init__(self, db, what):
        self.db, self.what = db, what
        self.n = self.n_errors = 0
        self.bad = ''

    def run(self, sql, *arguments):
        self.n += 1
        try:
            self.db.execute(sql, arguments).fetchall()
            return
        except UnicodeDecodeError as e:  # of a message; results of ours are no texts here
            message = None
            self.bad = self.bad or f'{sql} {arguments}: {e}'
        except sqlite3.Error as e:
            message = str(e)
        self.n_errors += 1
        if message and message.startswith('gru4rec: ') and any(ord(c) < 32 or ord(c) == 127 for c in message):
            self.bad = self.bad or f'{sql} {arguments}: {message!r}'

    def finish(self):
        check(f'{self.what}: {self.n} statements, {self.n_errors} errors', self.n_errors > self.n / 2 and not self.bad,
              self.bad)


def texts(n):
    """Of n bytes: characters of two, three and four bytes that begin anywhere, and what is no UTF-8."""
    for character in 'ш', '靴', '𝄞':
        encoded = character.encode()
        yield b'a' * (n % len(encoded)) + encoded * (n // len(encoded))
    yield (b'\xff' * n)[:n]
    yield ('靴' * n).encode()[:n]  # its end may be cut
    yield bytes((7 * i + n) % 256 for i in range(n))


def any_text(directory):
    db = small_shop(directory)
    sweep = Sweep(db, 'any text')
    for n in LENGTHS:
        for text in texts(n):
            sql_text = 'CAST(?1 AS TEXT)'
            for table in 'times', 'blobs':
                db.execute(f'DELETE FROM {table}')
            db.execute(f'INSERT INTO times VALUES (1, 1001, {sql_text})', (text,))
            db.execute('INSERT INTO blobs VALUES (1, ?1, 1)', (text,))
            for call in CALLS:
                sql = call.format(T=sql_text, B='?1')
                sweep.run(sql, *([text] if '?1' in sql else []))
    sweep.finish()
    check('any text: the file is whole', is_whole(db))


def spelled_text(directory):
    db = small_shop(directory)
    sweep = Sweep(db, 'a text in SQL')
    for n in LENGTHS[1:]:
        for character in 'ш', '靴', '𝄞', '\x1b', '\n', '\u202e', '\u0085':
            for statement in STATEMENTS:
                for text in (character * n, ('a' + character * n)[:n]):
                    sweep.run(statement.format(T=text))
    sweep.finish()


def messages_are_kept(directory):
    """What m_version keeps of an error, and what gru4rec_check() finds, can be read too."""
    db = small_shop(directory)
    db.execute("UPDATE rec_version SET options = CAST(x'7b2261ff223a317d' AS TEXT)")
    found = value(db, "SELECT gru4rec_check('rec')")
    check('a finding shows bytes', "no option 'a\\xFF'" in found, found)
    names = '靴' * 30
    db.execute(f"""SELECT gru4rec_train('{names}', 'clicks', 'layers=4,n_epochs=1')""").fetchall()
    db.execute(f"""UPDATE "{names}_version" SET status = 'x'""")
    for sql in (f"SELECT gru4rec_deploy('{names}', 1)", f"SELECT gru4rec_deploy('{names}', 'best')"):
        check('a model of a long name', names in error(db, sql), error(db, sql))


def shown(directory):
    """The beginning of what was given is in the message, and the advice behind it."""
    db = small_shop(directory)
    names = ['шапка', 'перчатки', 'шарф', '靴子', '外套']
    message = error(db, "SELECT * FROM gru4rec_recommend('rec', ?)", str(names)[:-1])
    check('the end of a Python list', message.startswith(
        "gru4rec: history is not a JSON array of item ids (malformed JSON): ['шапка', "), message)
    long = 'ш' * 1000
    for sql, advice in (
            ("SELECT gru4rec_train('rec', 'clicks', 'loss=' || ?)", "...'; it takes cross-entropy"),
            ("SELECT gru4rec_train('rec', 'clicks', ? || '=1')", "...'; SELECT * FROM gru4rec_options lists all"),
            ("SELECT gru4rec_train('rec', 'clicks', ?)", "...' is not name=value; write options as"),
            ("SELECT * FROM gru4rec_help(?)", "...'; SELECT * FROM gru4rec_options lists all"),
            ("SELECT * FROM gru4rec_recommend('rec', 1001, ?)", "...'; give the number of items"),
            ("SELECT gru4rec_deploy('rec', ?)", "...' is not a whole number, 'active', 'previous', 'newest' or 'best'; see the model's table m_version"),
            ("SELECT gru4rec_train('rec', 'clicks', 'item=' || ?)", "...' for item; its columns are session, item, ts"),
            ("SELECT gru4rec_export('rec', '/nowhere/' || ?)", "...': "),
            ("SELECT gru4rec_import('rec', '/nowhere/' || ?)", "...': ")):
        message = error(db, sql, long)
        check(sql, 'шшшш' in message and advice in message, message)


run(any_text)
run(spelled_text)
run(messages_are_kept)
run(shown)
finish()
