"""loading.py - a large model, loaded with threads beside the reading: whole or an error that names what is damaged."""
import array
import ctypes
import itertools
from common import *

LAYERS = 200  # a row of Wy.weight: chunks of 1 MiB begin within rows
N_ITEMS = 30011
CHUNK = 1 << 20
LIMIT_BYTES = 16 << 20  # from which on there are threads
SHAPE = f'layers={LAYERS}, embedding=20, n_sample=16, batch_size=512, n_epochs=1, blend=0'
TOP = "SELECT item, score FROM gru4rec_recommend('rec', ?, 20)"
BACKUP = 'restore the database from a backup or train again'

large = []  # the answers of the large model

sqlite = ctypes.CDLL('libsqlite3.so.0')  # the one that the sqlite3 module uses
libc = ctypes.CDLL('libc.so.6')
sqlite.sqlite3_memory_used.restype = ctypes.c_int64


def resident():
    libc.malloc_trim(0)
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def tensor_error(name, what):
    return f"gru4rec: model 'rec' is damaged: tensor {name} {what}; {BACKUP}"


def sum_error(name):
    return tensor_error(name, 'does not match its checksum')


def size_error(name):
    return tensor_error(name, 'is incomplete or has a wrong size')


def finite_error(name):
    return tensor_error(name, 'has values that are not finite')


ITEMS = f"gru4rec: model 'rec' is damaged: its items are not distinct ids in rows 0, 1, ...; {BACKUP}"


# ---- models ----

def make(path, quantize='true', n_items=N_ITEMS, shape=SHAPE):
    """Every third item is text."""
    rows = ((i // 4, 1000 + i % n_items, i) for i in range(n_items + n_items // 5))
    db = make_shop(path, 'delete', [(s, f'item {x}' if x % 3 == 0 else x, t) for s, x, t in rows],
                   f'{shape}, quantize={quantize}')
    train(db, 'n_epochs=1')
    return db


def open_fast(path):
    db = connect(path)
    db.execute('PRAGMA synchronous = off')
    return db


def histories(n=60):
    rng = random.Random(7)
    for length in range(n):
        items = [1000 + rng.randrange(N_ITEMS) for _ in range(1 + length % 7)]
        yield json.dumps([f'item {x}' if x % 3 == 0 else x for x in items])


def answers(db, n=60):
    return [db.execute(TOP, (history,)).fetchall() for history in histories(n)]


def chunks(db):
    """How many chunks each tensor has, in the order in which they are read."""
    return dict(db.execute('SELECT name, count(*) FROM rec_tensor GROUP BY name ORDER BY min(id)'))


# ---- damage ----

def error_of_check(db):
    try:
        return value(db, "SELECT gru4rec_check('rec')")
    except sqlite3.Error as e:
        return str(e)


turns = itertools.count()


def is_found(path, what, message, *statements, good=None):
    """In a transaction that is rolled back: the error, and from the same connection the right rows afterwards. In quick
    mode the latter, and what gru4rec_check() says, one time in three."""
    turn = next(turns) if QUICK else None
    db = open_fast(path)
    db.execute('BEGIN')
    for sql, *arguments in statements:
        n = db.execute(sql, arguments).rowcount
        check(f'{what}: there is something to damage', n > 0, (sql, arguments[1:], n))
    said = error(db, TOP, HISTORIES[0])
    check(f'{what}: found', said == message, said)
    if not QUICK or turn % 3 == 1:
        checked = error_of_check(db)
        check(f'{what}: and by gru4rec_check', message.split(';')[0].split(': ')[-1] in checked, checked)
    db.execute('ROLLBACK')
    if not QUICK or turn % 3 == 2:
        check(f'{what}: repaired, it works', answers(db, 1) == (good or large)[:1])
    db.close()


def change(name, chunk, data):
    return 'UPDATE rec_tensor SET data = ? WHERE name = ? AND chunk = ?', data, name, chunk


def get(db, name, chunk):
    return value(db, 'SELECT data FROM rec_tensor WHERE name = ? AND chunk = ?', name, chunk)


def flipped(data, at, bits=1):
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


def with_value(name, chunk, data, at, number):
    """A value that is another, and a checksum that is right."""
    values = array.array('f', data)
    values[at] = number
    data = values.tobytes()
    return ('UPDATE rec_tensor SET data = ?, checksum = ? WHERE name = ? AND chunk = ?', data,
            checksum(name, chunk, data), name, chunk)


def tensors(directory, path):
    db = open_fast(path)
    n_chunks = chunks(db)
    check('the tensor is large', 20 << 20 < value(
        db, "SELECT sum(length(data)) FROM rec_tensor WHERE name = 'Wy.weight'") < 30 << 20)
    check('several tensors have several chunks', sum(n > 2 for n in n_chunks.values()) == 2, n_chunks)
    check('the first is the widest', list(n_chunks)[0] == 'Wy.weight', n_chunks)

    def found(*arguments):
        is_found(path, *arguments)

    for name, n in n_chunks.items():
        for chunk in sorted({0, n // 2, n - 1}):
            where = f'{name}, chunk {chunk}'
            data = get(db, name, chunk)
            if chunk == 0:
                right = value(db, 'SELECT checksum FROM rec_tensor WHERE name = ? AND chunk = 0', name)
                check(f'{where}: the checksum is that of here', checksum(name, 0, data) == right)
            for at, bits in ((0, 1), (len(data) // 2, 128), (len(data) - 1, 64)):
                if at == 0 or chunk == 0 or not QUICK:
                    found(f'{where}: byte {at} flipped', sum_error(name), change(name, chunk, flipped(data, at, bits)))
            found(f'{where}: missing', size_error(name),
                  ('DELETE FROM rec_tensor WHERE name = ? AND chunk = ?', name, chunk))
            found(f'{where}: a value too few', size_error(name), change(name, chunk, data[:-4]))
            if chunk in (0, n - 1) and (n > 1 or name == list(n_chunks)[-1] or not QUICK):
                found(f'{where}: a byte too many', size_error(name), change(name, chunk, data + b'x'))
                for what in (None, 5, 'text', b'', 2.5, '')[:4 if QUICK else 6]:
                    found(f'{where}: {what!r}', size_error(name), change(name, chunk, what))
                found(f'{where}: zeros', sum_error(name), change(name, chunk, bytes(len(data))))
                found(f'{where}: text of its length', size_error(name), change(name, chunk, 'x' * len(data)))
                for number in (float('nan'), float('inf'), float('-inf'))[:1 + (name == 'Wy.weight' or not QUICK) * 2]:
                    at = random.Random(n + chunk).randrange(len(data) // 4)
                    found(f'{where}: {number} with its checksum', finite_error(name),
                          with_value(name, chunk, data, at, number))
                found(f'{where}: another checksum', sum_error(name),
                      ('UPDATE rec_tensor SET checksum = checksum + 1 WHERE name = ? AND chunk = ?', name, chunk))
        copy = ('INSERT INTO rec_tensor(version, name, chunk, shape, checksum, data) '
                'SELECT version, name, ?, shape, checksum, data FROM rec_tensor WHERE name = ? AND chunk = ?')
        found(f'{name}: a chunk too many', size_error(name), (copy, n, name, n - 1))
        found(f'{name}: a chunk before the first', size_error(name), (copy, -1, name, 0))
    for name, a, b in ('Wy.weight', 0, 1), ('Wy.weight', 3, 17), ('E.weight', 0, 1):
        found(f'{name}: chunks {a} and {b} swapped', sum_error(name),
              change(name, a, get(db, name, b)), change(name, b, get(db, name, a)))
        sums = [value(db, 'SELECT checksum FROM rec_tensor WHERE name = ? AND chunk = ?', name, i) for i in (a, b)]
        found(f'{name}: and their checksums', sum_error(name),
              *(change(name, to, get(db, name, of)) for to, of in ((a, b), (b, a))),
              *(('UPDATE rec_tensor SET checksum = ? WHERE name = ? AND chunk = ?', s, name, to)
                for s, to in zip(sums, (b, a))))
    found('two tensors of one size changed places', sum_error('G.0.bias_ih'),
          *(('UPDATE rec_tensor SET name = ? WHERE name = ?', *names)
            for names in (('x', 'G.0.bias_ih'), ('G.0.bias_ih', 'G.0.bias_hh'), ('G.0.bias_hh', 'x'))))
    db.close()


def two_at_once(directory, path):
    """The first in reading order is named; items are read before all tensors."""
    db = open_fast(path)
    names = list(chunks(db))
    last = chunks(db)['Wy.weight'] - 1

    def gone(name, chunk):
        return 'DELETE FROM rec_tensor WHERE name = ? AND chunk = ?', name, chunk

    def bad(name, chunk):
        return change(name, chunk, flipped(get(db, name, chunk), 8))

    def infinite(name, chunk):
        return with_value(name, chunk, get(db, name, chunk), 11, float('inf'))

    twice = ('UPDATE rec_item SET item = (SELECT item FROM rec_item WHERE row = 0) WHERE row = ?', N_ITEMS - 1)
    for what, message, *statements in (
            ('flipped, then missing', sum_error('Wy.weight'), bad('Wy.weight', 2), gone('Wy.weight', 3)),
            ('flipped in the last, then missing', sum_error('Wy.weight'), bad('Wy.weight', last), gone('By.weight', 0)),
            ('flipped, the last missing', sum_error('Wy.weight'), bad('Wy.weight', 0), gone('Wy.weight', last)),
            ('missing, then flipped', size_error('Wy.weight'), gone('Wy.weight', 2), bad('Wy.weight', 3)),
            ('missing, another flipped', size_error('Wy.weight'), gone('Wy.weight', last), bad(names[-1], 0)),
            ('flipped, another infinite', sum_error('By.weight'), bad('By.weight', 0), infinite('E.weight', 0)),
            ('infinite, then flipped', finite_error('Wy.weight'), infinite('Wy.weight', 7), bad('Wy.weight', 8)),
            ('flipped, then infinite', sum_error('Wy.weight'), bad('Wy.weight', 7), infinite('Wy.weight', 8)),
            ('infinite, another missing', finite_error('E.weight'), infinite('E.weight', 1), gone(names[-1], 0)),
            ('missing, another infinite', size_error('E.weight'), gone('E.weight', 1), infinite(names[-1], 0)),
            ('an item twice and a byte', sum_error('Wy.weight'), twice, bad('Wy.weight', last)),
            ('an item twice and a chunk less', size_error(names[-1]), twice, gone(names[-1], 0)),
            ('an item NULL and a byte', ITEMS, ('UPDATE rec_item SET item = NULL WHERE row = 5',),
             bad('Wy.weight', 0)),
            ('a gap and a chunk less', ITEMS, ('DELETE FROM rec_item WHERE row = 5',), gone('Wy.weight', 0))):
        is_found(path, what, message, *statements)
    # all there is
    is_found(path, 'no tensor', f"gru4rec: model 'rec' is damaged: its tensors have 0 bytes and its options ask "
             f"for {value(db, 'SELECT sum(length(data)) FROM rec_tensor')}; {BACKUP}", ('DELETE FROM rec_tensor',))
    db.close()


def items(directory, path):
    last = N_ITEMS - 1
    db = open_fast(path)
    kinds = dict(db.execute('SELECT row, typeof(item) FROM rec_item'))
    db.close()
    rows = {kind: [row for row in range(N_ITEMS) if kinds[row] == kind] for kind in ('integer', 'text')}
    copy = 'UPDATE rec_item SET item = (SELECT item FROM rec_item WHERE row = ?) WHERE row = ?'
    for kind, of in rows.items():
        for a, b in ((of[0], of[-1]), (of[0], of[1]), (of[-2], of[-1]), (of[9], of[N_ITEMS // 6])):
            is_found(path, f'{kind}: rows {a} and {b} the same', ITEMS, (copy, a, b))
    set_item = 'UPDATE rec_item SET item = ? WHERE row = ?'
    for row in 0, N_ITEMS // 2, last:
        for what in None, 1.5, b'blob', float('inf'):
            is_found(path, f'row {row}: {what!r}', ITEMS, (set_item, what, row))
        if row < last:
            is_found(path, f'row {row}: missing', ITEMS, ('DELETE FROM rec_item WHERE row = ?', row))
        else:
            # One row less: another model, of which the first tensor has another size.
            is_found(path, f'row {row}: missing', size_error('Wy.weight'),
                     ('DELETE FROM rec_item WHERE row = ?', row))
    # a real that is an integer is that integer
    integer = rows['integer']
    is_found(path, 'a real and an integer', ITEMS, (set_item, 4.0, integer[3]), (set_item, 4, integer[-1]))
    is_found(path, 'all shifted', ITEMS, ('UPDATE rec_item SET row = -row',))
    is_found(path, 'a row before the first', ITEMS, ('UPDATE rec_item SET row = -1 WHERE row = 5',))
    is_found(path, 'a row far away', size_error('Wy.weight'),
             ("INSERT INTO rec_item(version, row, item, support) VALUES (1, ?, 'new', 1)", N_ITEMS))
    is_found(path, 'a gap before the last', ITEMS, ('UPDATE rec_item SET row = row + 1 WHERE row = ?', last))


# ---- whole ----

def make_border_rows_large(db):
    """Rows that stand in two chunks are checked and copied when the second is there: they are to be among the best."""
    values = array.array('f')
    for i in range(chunks(db)['Wy.weight']):
        values.frombytes(get(db, 'Wy.weight', i))
    for border in range(CHUNK // 4, len(values), CHUNK // 4):
        row = border // LAYERS * LAYERS
        for k in range(row, row + LAYERS):
            values[k] *= 16
    for i in range(chunks(db)['Wy.weight']):
        data = values[i * CHUNK // 4:(i + 1) * CHUNK // 4].tobytes()
        db.execute('UPDATE rec_tensor SET data = ?, checksum = ? WHERE name = ? AND chunk = ?',
                   (data, checksum('Wy.weight', i, data), 'Wy.weight', i))
    return {row[0] for row in db.execute('SELECT item FROM rec_item WHERE row * ? % ? > ? - ?',
                                         (LAYERS, CHUNK // 4, CHUNK // 4, LAYERS))}


def same_rows(directory, path):
    """With the copy in bytes and without, to the bit; from a fresh connection each time."""
    db = open_fast(path)
    blob = value(db, "SELECT gru4rec_export('rec')")
    check('the copy in bytes is there', json.loads(value(db, "SELECT gru4rec_info('rec')"))['quantized'] in (1, True))
    for quantize in 'false', 'true':
        other = make_shop(f'{directory}/{quantize}.db', options=f'{SHAPE}, quantize={quantize}')
        value(other, "SELECT gru4rec_import('rec', ?)", blob)
        other.close()
        other = open_fast(f'{directory}/{quantize}.db')
        check(f'quantize={quantize}: the same bits', answers(other) == large)
        card = json.loads(value(other, "SELECT gru4rec_info('rec')"))
        check(f'quantize={quantize}: as asked for', bool(card['quantized']) == (quantize == 'true'), card['quantized'])
        check(f'quantize={quantize}: the same file',
              value(other, "SELECT gru4rec_check('rec')") == 'ok' and
              value(other, 'SELECT group_concat(checksum) FROM rec_tensor') ==
              value(db, 'SELECT group_concat(checksum) FROM rec_tensor'))
        other.close()
    of_both = []
    for quantize in 'false', 'true':
        other = open_fast(f'{directory}/{quantize}.db')
        borders = make_border_rows_large(other)
        of_both.append(answers(other))
        n_borders = sum(item in borders for rows in of_both[-1] for item, _ in rows)
        check(f'quantize={quantize}: rows in two chunks are among the best', n_borders > 200, n_borders)
        other.close()
    check('rows in two chunks: the same bits', of_both[0] == of_both[1])
    # the k best of all
    whole = db.execute("SELECT item, score FROM gru4rec_recommend('rec', ?)", (next(histories(1)),)).fetchall()
    check('the top 20 are those of the whole ranking', len(whole) == N_ITEMS and whole[:20] == large[0])
    check('every item can be asked for', value(
        db, "SELECT count(*) FROM rec_item WHERE gru4rec_score('rec', item, item) IS NOT NULL") == N_ITEMS)
    db.close()


def around_the_limit(directory):
    """A few values less and more than 16 MiB, and chunks that end where a tensor does; damage is found all the same."""
    for width in (256, 64)[:1 if QUICK else 2]:
        shape = f'layers={width}, constrained_embedding=true, n_sample=16, batch_size=512, n_epochs=1, blend=0'
        rest = 4 * (2 * 3 * width * width + 2 * 3 * width)
        limit = (LIMIT_BYTES - rest) // (4 * (width + 1))
        for n_items in (limit, limit + 1, LIMIT_BYTES // (4 * width)):
            path = f'{directory}/{width}-{n_items}.db'
            make(path, 'true', n_items, shape).close()
            db = open_fast(path)
            n_bytes = value(db, 'SELECT sum(length(data)) FROM rec_tensor')
            what = f'width {width}, {n_items} items'
            check(f'{what}: the size is as thought', n_bytes == rest + 4 * n_items * (width + 1), n_bytes)
            check(f'{what}: on that side', (n_bytes >= LIMIT_BYTES) == (n_items > limit or n_bytes == LIMIT_BYTES))
            good = answers(db, 10)
            check(f'{what}: rows', all(len(rows) == 20 for rows in good))
            check(f'{what}: the whole ranking begins so', db.execute(
                "SELECT item, score FROM gru4rec_recommend('rec', ?)", (next(histories(1)),)).fetchmany(20) == good[0])
            names = chunks(db)
            data = {name: get(db, name, n - 1) for name, n in names.items()}
            db.close()
            for name in ('Wy.weight', list(names)[-1]):
                n = names[name]
                is_found(path, f'{what}, {name}', sum_error(name),
                         change(name, n - 1, flipped(data[name], len(data[name]) - 4)), good=good)
                is_found(path, f'{what}, {name}: not finite', finite_error(name),
                         with_value(name, n - 1, data[name], len(data[name]) // 4 - 1, float('nan')), good=good)
                is_found(path, f'{what}, {name}: missing', size_error(name),
                         ('DELETE FROM rec_tensor WHERE name = ? AND chunk = ?', name, n - 1), good=good)
            is_found(path, f'{what}: an item twice', ITEMS,
                     ('UPDATE rec_item SET item = (SELECT item FROM rec_item WHERE row = 1) WHERE row = ?',
                      n_items - 1), good=good)
            os.remove(path)


# ---- interrupts, threads, memory ----

def interrupted(directory, path):
    """At any moment of a load: it says so or gives the right rows, and the next query works."""
    start = time.monotonic()
    db = open_fast(path)
    answers(db, 1)
    db.close()
    whole = time.monotonic() - start
    n = 25 if QUICK else 100
    said = []
    for i in range(n):
        db = open_fast(path)
        answer = []
        call = Thread(lambda: answer.extend(db.execute(TOP, (next(histories(1)),)).fetchall()))
        time.sleep(whole * i / n)
        db.interrupt()
        try:
            call.join()
            message = ''
            check('not interrupted: the right rows', answer == large[0])
        except sqlite3.Error as e:
            message = str(e)
        said.append(message)
        check('interrupted: the next query works', answers(db, 2) == large[:2])
        db.close()
    known = '', 'vtable constructor failed: gru4rec_recommend'  # SQLite's, before there is anything of ours
    check('interrupted: says so', all(m in known or 'interrupted' in m for m in said), sorted(set(said)))
    check('interrupted: some were', sum(m != '' for m in said) >= 2, said)

    # by the progress handler, which is asked while rows are read
    for every in 1, 100, 10000:
        for after in 0, 1, 3, 9:
            db = open_fast(path)
            error(db, 'SELECT count(*) FROM rec_tensor')
            calls = []
            db.set_progress_handler(lambda: calls.append(1) or len(calls) > after, every)
            message = error(db, TOP, next(histories(1)))
            check(f'stopped after {after} x {every}', 'interrupted' in message, message)
            db.set_progress_handler(None, 0)
            check(f'stopped after {after} x {every}: the next works', answers(db, 1) == large[:1])
            db.close()


def at_once(directory, path):
    """Connections of several threads load, one of them what is damaged."""
    bad = f'{directory}/bad.db'
    shutil.copy(path, bad)
    db = open_fast(bad)
    sql, *arguments = change('Wy.weight', 20, flipped(get(db, 'Wy.weight', 20), 99))
    db.execute(sql, arguments)
    db.close()

    def serve(path):
        said = []
        for _ in range(4 if QUICK else 20):
            db = connect(path)
            said.append(error(db, TOP, HISTORIES[0]) or answers(db, 2))
            db.close()
        return said

    for paths in (path, path), (path, bad), (bad, bad, path, path):
        threads = [Thread(serve, each) for each in paths]
        for each, thread in zip(paths, threads):
            right = sum_error('Wy.weight') if each == bad else large[:2]
            said = thread.join()
            check(f'{len(paths)} at once: each as if alone', all(x == right for x in said),
                  [x if isinstance(x, str) else x == right for x in said])


def given_back(directory, path):
    """Whatever goes wrong, nothing is left of it: in SQLite's memory and in the process's."""
    def gone(name, chunk):
        return f"DELETE FROM rec_tensor WHERE name = '{name}' AND chunk = {chunk}"

    flip = "UPDATE rec_tensor SET checksum = checksum + 1 WHERE name = '{}' AND chunk = {}"
    damages = ('SELECT 1', flip.format('Wy.weight', 0), flip.format('Wy.weight', 22), flip.format('E.weight', 1),
               gone('Wy.weight', 5), gone('G.0.bias_hh', 0), 'UPDATE rec_item SET item = NULL WHERE row = 20000',
               'UPDATE rec_item SET item = 7 WHERE row > 30000', 'DELETE FROM rec_item', 'DELETE FROM rec_tensor')

    def once(damage):
        db = open_fast(path)
        db.execute('BEGIN')
        db.execute(damage).fetchall()
        said = error(db, TOP, HISTORIES[0])
        check(f'{damage}: an error', (said == '') == (damage == 'SELECT 1'), said)
        error(db, TOP, HISTORIES[0])
        db.execute('ROLLBACK')
        db.close()

    def stopped():
        db = open_fast(path)
        db.set_progress_handler(lambda: 1, 2000)
        check('stopped: an error', error(db, TOP, HISTORIES[0]) != '')
        db.close()

    for damage in damages:
        once(damage)
        before = sqlite.sqlite3_memory_used()
        once(damage)
        left = sqlite.sqlite3_memory_used() - before
        check(f'{damage}: nothing of SQLite\'s memory is left', left <= 0, left)
    stopped()
    before, size = sqlite.sqlite3_memory_used(), resident()
    for _ in range(3):
        stopped()
        for damage in damages[1:8]:
            once(damage)
    left = sqlite.sqlite3_memory_used() - before
    check('all of them: nothing of SQLite\'s memory is left', left <= 0, left)
    grown = resident() - size
    check('all of them: and the process has not grown', grown < 150 << 20, grown)  # forty models of 30 MiB
    # by the raw interface: closing finds nothing open
    raw = ctypes.c_void_p()
    sqlite.sqlite3_open(path.encode(), ctypes.byref(raw))
    sqlite.sqlite3_enable_load_extension(raw, 1)
    check('raw: loads', sqlite.sqlite3_load_extension(raw, EXTENSION.encode(), None, None) == 0)
    for sql, rc in ((b'BEGIN', 0), (damages[2].encode(), 0),
                    (b"SELECT * FROM gru4rec_recommend('rec', 1)", 267), (b'ROLLBACK', 0)):
        check(f'raw: {sql}', sqlite.sqlite3_exec(raw, sql, None, None, None) & 0x3ff in (rc, rc & 0xff))
    check('raw: closes', sqlite.sqlite3_close(raw) == 0)


if __name__ == '__main__':
    shared = tempfile.mkdtemp(prefix='gru4rec-life-')
    try:
        path = shared + '/large.db'
        make(path).close()
        db = open_fast(path)
        large.extend(answers(db))
        db.close()
        for test in same_rows, tensors, two_at_once, items, interrupted, at_once, given_back:
            run(test, path)
        run(around_the_limit)
    finally:
        shutil.rmtree(shared, ignore_errors=True)
    finish()
