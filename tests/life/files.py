"""files.py - gru4rec_export() and gru4rec_import() touch a file only where ATTACH may, and never half of one."""
import contextlib
import ctypes
import socket
import stat
import struct
from common import *

SMALL = 'layers=8, n_sample=16, n_epochs=1, threads=1'
ATTACH = sqlite3.SQLITE_ATTACH
ALLOW, DENY, IGNORE = sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY, sqlite3.SQLITE_IGNORE
SANDBOX = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
EXPORT = "SELECT gru4rec_export('rec', ?)"
IMPORT = "SELECT gru4rec_import('new', ?)"

sqlite = ctypes.CDLL('libsqlite3.so.0')  # the one that the sqlite3 module uses
libc = ctypes.CDLL('libc.so.6', use_errno=True)


def small(directory):
    db = make_shop(directory + '/shop.db', rows=clicks(60, 40), options=SMALL)
    train(db, 'n_epochs=1')
    return db, value(db, "SELECT gru4rec_export('rec')")


def content(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data=b''):
    with open(path, 'wb') as file:
        file.write(data)
    return path


# ---- may it be touched? ----

class Watch:
    """What happens to files of a folder, by inotify: opened, read, made, written, renamed, removed."""
    ALL = 0xfff

    def __init__(self, directory):
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self.fd, directory.encode(), self.ALL)

    def events(self):
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return b''

    def close(self):
        os.close(self.fd)


def kinds_of_files(directory):
    """Names of all kinds; each is there or not, and what it is must not show."""
    os.mkdir(directory + '/folder')
    os.mkfifo(directory + '/pipe')
    write(directory + '/file', b'precious')
    os.symlink(directory + '/file', directory + '/link')
    os.symlink(directory + '/nowhere', directory + '/dangling')
    os.symlink(directory + '/loop', directory + '/loop')
    names = ['none', 'folder', 'folder/none', 'none/none', 'pipe', 'file', 'file/none', 'link', 'dangling', 'loop',
             "it's", '"quoted"', '); --', 'ä 日', '%s%n', ' ', '?1', "'||x||'"]
    return [directory + '/' + name for name in names] + ['relative', '/etc/passwd', '/dev/zero', '/dev/null', '', '/',
                                                         '/proc/self/mem', '.', '..']


@contextlib.contextmanager
def restriction(db, kind, asked):
    """Whatever forbids ATTACH: an authorizer for it alone, one for all but SELECT, one that fails, a limit."""
    def authorizer(action, name, *rest):
        if action == ATTACH:
            asked.append(name)
        if kind == 'sandbox':
            return ALLOW if action in SANDBOX else DENY
        if kind == 'exception':
            return None if action == ATTACH else ALLOW
        return {'deny': DENY, 'ignore': IGNORE}[kind] if action == ATTACH else ALLOW
    if kind == 'limit':
        before = db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    else:
        db.set_authorizer(authorizer)
    yield
    if kind == 'limit':
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, before)
    else:
        db.set_authorizer(None)


def forbidden(directory):
    db, blob = small(directory)
    folder = directory + '/files'
    os.mkdir(folder)
    paths = kinds_of_files(folder)
    watch = Watch(folder)
    for kind in 'deny', 'ignore', 'sandbox', 'exception', 'limit':
        asked = []
        with restriction(db, kind, asked):
            for sql, verb in (EXPORT, 'write'), (IMPORT.replace('new', 'rec'), 'read'):
                texts = {error(db, sql, path).replace(path, '') if path else '' for path in paths}
                said = ''.join(sorted(texts))
                check(f'{kind}, {verb}: refused, and nothing shows what is there', len(texts - {''}) == 1 and
                      said.startswith(f"gru4rec: not authorized to {verb} ''"), texts)
                check(f'{kind}, {verb}: no name', 'not authorized' in error(db, sql, ''))
            check(f'{kind}: a BLOB is fine', kind == 'sandbox' or value(db, "SELECT gru4rec_export('rec')") == blob)
        check(f'{kind}: asked by the names', kind == 'limit' or set(asked) == set(paths), asked)
    check('no file was touched', watch.events() == b'' and content(folder + '/file') == b'precious')
    check('a watch sees what is touched', os.listdir(folder) and watch.events() != b'')
    watch.close()
    check('no file was made', not os.path.exists('relative'))
    check('no version was made', active(db) == 1)
    db.close()


def allowed(directory):
    """Where the host lets ATTACH have some names, or has nothing against it, these and no others are written and read."""
    db, blob = small(directory)
    names = [directory + '/' + name for name in ('plain', "it's", 'ä 日', '); DROP TABLE clicks; --', 'q"q', "''")]
    asked = []

    def authorizer(action, name, *rest):
        if action != ATTACH:
            return ALLOW
        asked.append(name)
        return ALLOW if name in names else DENY
    for what, handler in ('allowed by name', authorizer), ('no authorizer', None):
        db.set_authorizer(handler)
        for path in names:
            check(f'{what}: {path} written', value(db, EXPORT, path) == len(blob) and content(path) == blob)
            check(f'{what}: {path} read', value(db, IMPORT, path) >= 1)
    check('asked once each time', asked == [name for name in names for _ in (1, 2)], asked)
    db.set_authorizer(authorizer)
    check('another name', 'not authorized' in error(db, EXPORT, names[0] + 'x') and
          'not authorized' in error(db, EXPORT, directory + '/./plain'))
    db.set_authorizer(None)
    # its limit used up, or in a transaction: that is ATTACH's own affair
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)
    db.execute("ATTACH ':memory:' AS other")
    db.execute('BEGIN')
    check('in a transaction', value(db, EXPORT, names[0]) == len(blob) and value(db, IMPORT, names[0]) > 1)
    db.execute('ROLLBACK')
    check('nothing is attached', [row[1] for row in db.execute('PRAGMA database_list')] == ['main', 'other'])
    reader = connect(f'file:{directory}/shop.db?mode=ro', uri=True)
    check('of a read-only database', value(reader, EXPORT, names[0]) == len(blob))
    reader.close()
    db.close()


def handle(db):
    """The sqlite3* of a connection of this Python: the first field behind the object's head."""
    return ctypes.c_void_p.from_address(id(db) + object.__basicsize__)


def switches(directory):
    """What newer SQLites can switch off: ATTACH that makes files, and that writes them."""
    db, blob = small(directory)
    there = write(directory + '/there', blob)
    for name, option in ('ATTACH_CREATE', 1020), ('ATTACH_WRITE', 1021):
        if sqlite.sqlite3_db_config(handle(db), option, 0, None) != 0:
            print(f'note: SQLite {sqlite3.sqlite_version} has no {name}')
            continue
        for path in there, directory + '/none':
            check(f'{name} off: no export', 'not authorized to write' in error(db, EXPORT, path))
        check(f'{name} off: import', value(db, IMPORT, there) >= 1)
        sqlite.sqlite3_db_config(handle(db), option, 1, None)
        check(f'{name} on: export', value(db, EXPORT, there) == len(blob))
    check('nothing was made', sorted(os.listdir(directory)) == ['shop.db', 'there'], os.listdir(directory))
    db.close()


# ---- writing ----

def links(directory):
    db, blob = small(directory)
    path = directory + '/model'
    victim = write(directory + '/victim', b'precious')
    os.symlink(victim, path + '.part')
    check('a link in the place of the part', value(db, EXPORT, path) == len(blob) and content(path) == blob)
    check('is not followed', content(victim) == b'precious' and os.readlink(path + '.part') == victim)
    os.remove(path + '.part')
    # an ordinary file is replaced: who has it open, or by another name, keeps the old one
    write(path, b'old')
    os.chmod(path, 0o640)
    os.link(path, directory + '/hard')
    with open(path, 'rb') as reader:
        value(db, EXPORT, path)
        check('an open file stays', reader.read() == b'old' and content(directory + '/hard') == b'old')
    check('its rights stay', content(path) == blob and stat.S_IMODE(os.stat(path).st_mode) == 0o640)
    # a link to one stays a link, also over several, from another folder
    os.mkdir(directory + '/folder')
    os.symlink('../model', directory + '/folder/one')
    os.symlink('folder/one', directory + '/two')
    write(path, b'old')
    value(db, EXPORT, directory + '/two')
    check('a link stays one', content(path) == blob and os.path.islink(directory + '/two') and
          os.path.islink(directory + '/folder/one'))
    check('nothing is left beside it', os.listdir(directory + '/folder') == ['one'])
    # a link to nothing is replaced: what it names is not made
    os.symlink(directory + '/elsewhere', directory + '/dangling')
    value(db, EXPORT, directory + '/dangling')
    check('a link to nothing', content(directory + '/dangling') == blob and
          not os.path.islink(directory + '/dangling') and not os.path.exists(directory + '/elsewhere'))
    os.symlink('loop', directory + '/loop')
    check('a loop', 'Too many levels' in error(db, EXPORT, directory + '/loop'))
    check('a file as a folder', 'Not a directory' in error(db, EXPORT, path + '/x'))
    check('no part is left', not [name for name in os.listdir(directory) if 'part' in name])
    before = os.umask(0o027)
    value(db, EXPORT, directory + '/fresh')
    os.umask(before)
    check('umask', stat.S_IMODE(os.stat(directory + '/fresh').st_mode) == 0o640)
    long = directory + '/' + 'n' * 255
    check('the longest name', value(db, EXPORT, long) == len(blob) and content(long) == blob)
    check('a longer one', 'File name too long' in error(db, EXPORT, long + 'n'))
    db.close()


def rights(directory):
    """As somebody who is not root."""
    db, blob = small(directory)
    os.chmod(directory, 0o777)
    closed, protected = directory + '/closed', write(directory + '/protected', b'precious')
    os.mkdir(closed, 0o755)
    os.chmod(protected, 0o444)
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        messages = [error(db, EXPORT, closed + '/x'), error(db, EXPORT, protected)]
    finally:
        os.seteuid(os.getuid())
    if os.getuid() == 0:
        check('a folder that is closed', 'Permission denied' in messages[0], messages)
    check('a file that may not be written', 'Permission denied' in messages[1] and content(protected) == b'precious')
    check('nothing is left', os.listdir(closed) == [] or os.getuid() != 0)
    db.close()


def drain(path, n=None):
    with open(path, 'rb') as file:
        return file.read() if n is None else file.read(n)


CHILD = '''
import sqlite3, sys, signal, resource, os
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as it is in most programs
db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
if sys.argv[4] != '0':
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    print(db.execute("SELECT gru4rec_export('rec', ?)", (sys.argv[3],)).fetchall())
except sqlite3.Error as e:
    print(e)
'''


def child(directory, path, limit=0):
    return subprocess.Popen([sys.executable, '-c', CHILD, EXTENSION, directory + '/shop.db', path, str(limit)],
                            stdout=subprocess.PIPE, text=True)


def no_files(directory):
    """Devices and pipes are written to as they are."""
    db, blob = small(directory)
    pipe = directory + '/pipe'
    os.mkfifo(pipe)
    check('/dev/null', value(db, EXPORT, '/dev/null') == len(blob))
    check('/dev/full', 'No space left on device' in error(db, EXPORT, '/dev/full'))
    check('a folder', 'Is a directory' in error(db, EXPORT, directory))
    reader = Thread(drain, pipe)
    check('a pipe', value(db, EXPORT, pipe) == len(blob) and reader.join() == blob)
    writer = child(directory, pipe)  # which waits for a reader
    time.sleep(0.3)
    check('a pipe that is read later', drain(pipe) == blob and str(len(blob)) in writer.communicate()[0])
    db.execute("CREATE VIRTUAL TABLE wide USING gru4rec(clicks, layers=300, n_epochs=1, n_sample=4)")
    train(db, 'n_epochs=1', 'wide')
    db.execute('DROP TABLE rec')
    db.execute('ALTER TABLE wide RENAME TO rec')
    writer = child(directory, pipe)
    drain(pipe, 100)
    said = writer.communicate()[0]
    check('a pipe whose reader leaves', 'Broken pipe' in said and writer.returncode == 0, (said, writer.returncode))
    start = time.monotonic()
    threading.Timer(0.3, db.interrupt).start()
    check('a pipe that nobody reads hears an interrupt', 'interrupted' in error(db, EXPORT, pipe) and
          time.monotonic() - start < 5)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # which reads nothing
    threading.Timer(0.3, db.interrupt).start()
    check('so does a full one', 'interrupted' in error(db, EXPORT, pipe))
    os.close(end)
    path = write(directory + '/old', b'old')
    said = child(directory, path, 100000).communicate()[0]
    check('a disk that is full', 'File too large' in said and content(path) == b'old', said)
    check('all that is left', sorted(os.listdir(directory)) == ['old', 'pipe', 'shop.db'], os.listdir(directory))
    db.close()


def at_once(directory):
    """Processes that export to one file: it is always one of theirs, whole."""
    path = directory + '/model'
    db, blob = small(directory)
    train(db, 'n_epochs=1, layers=24')
    blobs = {blob, value(db, "SELECT gru4rec_export('rec')")}
    other = connect(directory + '/other.db')
    value(other, "SELECT gru4rec_import('rec', ?)", blob)
    writers = [Process(directory + name) for name in ('/shop.db', '/other.db', '/shop.db')]
    until = time.monotonic() + (1 if QUICK else 10)
    value(db, EXPORT, path)
    n = 0
    while time.monotonic() < until:
        for writer in writers:
            writer.send("SELECT gru4rec_export('rec', ?) FROM json_each('[1,2,3,4,5,6,7,8]')", path)
        while not all(writer.is_done() for writer in writers):
            n += 1
            if content(path) not in blobs:
                check('a whole file', False)
        for writer in writers:
            writer.receive()
    check('files were read meanwhile', n > 10, n)
    for writer in writers:
        writer.kill()
    check('no part is left', [name for name in os.listdir(directory) if name.endswith('.part')] == [])
    # children of fork(), whose random numbers are the same
    memory = connect(':memory:')
    value(memory, "SELECT gru4rec_import('rec', ?)", blob)
    value(memory, 'SELECT random()')
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            fine = all(error(memory, EXPORT, path) == '' for _ in range(20))
            os._exit(0 if fine else 1)
        children.append(pid)
    check('children', [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0] and content(path) == blob)
    check('no part of theirs is left', [name for name in os.listdir(directory) if name.endswith('.part')] == [])
    db.close()


# ---- reading ----

def peak():
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM')) << 10


def is_quick(what, db, path, message):
    """Refused at once, without memory."""
    write('/proc/self/clear_refs', b'5')
    before, start = peak(), time.monotonic()
    said = error(db, IMPORT, path)
    check(f'{what}: refused', message in said, said)
    check(f'{what}: at once', time.monotonic() - start < 2, time.monotonic() - start)
    check(f'{what}: without memory', peak() - before < 32 << 20, peak() - before)


def no_models(directory):
    db, blob = small(directory)
    path = directory + '/x'
    os.mkfifo(directory + '/pipe')
    end = os.open(directory + '/other', os.O_RDWR | os.O_CREAT)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(directory + '/socket')
    os.symlink('pipe', directory + '/link')
    for name in 'pipe', 'link', 'socket', '/dev/zero', '/dev/null', '/dev/full', '/dev/stdin':
        if name != '/dev/stdin' or not stat.S_ISREG(os.fstat(0).st_mode):
            is_quick(name, db, name if name[0] == '/' else directory + '/' + name, 'not an ordinary file')
    writer = os.open(directory + '/pipe', os.O_RDWR)
    os.write(writer, blob[:1000])
    is_quick('a pipe with something in it', db, directory + '/pipe', 'not an ordinary file')
    os.close(writer)
    os.close(end)
    is_quick('a folder', db, directory, 'Is a directory')
    is_quick('a loop', db, (os.symlink('loop', directory + '/loop'), directory + '/loop')[1], 'Too many levels')
    is_quick('nothing', db, directory + '/none', 'No such file or directory')
    is_quick('/proc/self/mem', db, '/proc/self/mem', 'not a gru4rec model')
    n_header = struct.unpack('<Q', blob[:8])[0]
    header = blob[8:8 + n_header]
    large = 6 << 30
    for what, head in (('nothing', b''), ('a small header', struct.pack('<Q', 2) + b'{}'),
                       ('a header in a hole', struct.pack('<Q', 900 << 20)),
                       ('half a header in a hole', struct.pack('<Q', 900 << 20) + header[:-1]),
                       ('a header that fills it', struct.pack('<Q', large - 8)),
                       ('a header that is too long', struct.pack('<Q', large)),
                       ('a length without end', b'\xff' * 8), ('a sign', b'\0' * 7 + b'\x80'),
                       ('a model', blob), ('the header of one', blob[:8 + n_header])):
        write(path, head)
        os.truncate(path, large)
        is_quick(f'6 GB of holes behind {what}', db, path, 'not a gru4rec model in safetensors format')
    for n in range(0, len(blob), 97 if QUICK else 7):
        write(path, blob[:n])
        said = error(db, IMPORT, path)
        if 'not a gru4rec model in safetensors format' not in said:
            check(f'a file of {n} bytes', False, said)
    write(path, blob)
    check('the file itself', value(db, IMPORT, path) == 1)
    db.close()


def shrinking(directory):
    """A file that becomes shorter, or is replaced, at any of the statements that an import makes."""
    db, blob = small(directory)
    path = directory + '/x'

    def imported(change, at):
        """Its error, and how often the authorizer was asked; the change comes when that is the at-th time."""
        calls = 0

        def authorizer(*rest):
            nonlocal calls
            calls += 1
            if calls == at:
                change()
            return ALLOW
        write(path, blob)
        db.execute('BEGIN')
        db.set_authorizer(authorizer)
        said = error(db, IMPORT.replace('new', 'rec'), path)
        db.set_authorizer(None)
        db.execute('ROLLBACK')
        return said, calls
    said, n = imported(None, 0)
    check('undisturbed', said == '' and n > 50, (said, n))
    for what, change, is_kept in (('cut', lambda: os.truncate(path, len(blob) - 4), False),
                                  ('emptied', lambda: os.truncate(path, 0), False),
                                  ('replaced', lambda: os.replace(write(path + '2', b'x'), path), True),
                                  ('removed', lambda: os.remove(path), True)):
        messages = {imported(change, at)[0] for at in range(1, n + 1, 3 if QUICK else 1)}
        rest = [text for text in messages if text and 'cannot read' not in text and 'not a gru4rec model' not in text]
        check(f'{what}: an error or a model', rest == [] and '' in messages and len(messages) > 1, messages)
        check(f'{what}: an open file', is_kept or any('became shorter' in text for text in messages), messages)
    db.close()


# ---- text that JSON cannot carry ----

EDGES = ('00 7f 80 bf c080 c1bf c280 dfbf c3 c3c3 e08080 e09fbf e0a080 e282 e28228 ed9fbf eda080 edbfbf ee8080 efbfbf '
         'f0808080 f08fbfbf f0908080 f09f98 f09f9880 f48fbfbf f4908080 f5808080 f8888080 fe ff 636166e9 e9 c3a9').split()


def is_text(data):
    try:
        return '\0' not in data.decode()
    except UnicodeDecodeError:
        return False


def with_item(blob, data):
    """The file with another first item, its bytes as they are."""
    n = struct.unpack('<Q', blob[:8])[0]
    header, rest = blob[8:8 + n], blob[8 + n:]
    at = header.index(b'"items":"[') + len(b'"items":"[')
    end = at + header[at:].index(b',')
    header = header[:at] + b'\\"' + data + b'\\"' + header[end:]
    return struct.pack('<Q', len(header)) + header + rest


def headers(directory):
    """A header is imported if and only if it is UTF-8, and then it is exported again."""
    db, blob = small(directory)
    rng = random.Random(3)
    lead = [0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff]
    tail = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]
    texts = {bytes.fromhex(edge) for edge in EDGES}
    while len(texts) < (400 if QUICK else 5000):
        texts.add(bytes([rng.choice(lead)] + [rng.choice(tail) for _ in range(rng.randrange(4))]))
    wrong = []
    for data in sorted(texts):
        db.execute('BEGIN')
        said = error(db, "SELECT gru4rec_import('new', ?), gru4rec_export('new')", with_item(blob, data))
        db.execute('ROLLBACK')
        if (said == '') != is_text(data) or said and 'not a gru4rec model in safetensors format' not in said:
            wrong.append((data, said))
    check(f'{len(texts)} headers', wrong == [], wrong[:3])
    for escape in rb'\\ud800', rb'\\udfff', rb'x\\udc00\\ud800':
        said = error(db, IMPORT, with_item(blob, escape))
        check(f'{escape}: refused', 'is text that is not UTF-8' in said, said)
    check('a pair', error(db, IMPORT, with_item(blob, rb'\\ud83d\\ude00')) == '')
    db.close()


def ids(directory):
    """A model of ids that JSON cannot carry serves, and is not exported: the error names the id."""
    for i, edge in enumerate(EDGES + ['e9' * 24, 'e9' * 25]):
        data = bytes.fromhex(edge)
        db = connect(':memory:')
        db.execute('CREATE TABLE clicks(session, item, ts)')
        db.executemany('INSERT INTO clicks VALUES (?, CAST(? AS TEXT), ?)',
                       ((s, b'ok' if (s + t) % 2 else data, t) for s in range(9) for t in range(3)))
        db.execute(f'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, {SMALL})')
        train(db)
        path = f'{directory}/{i}'
        said = {error(db, "SELECT gru4rec_export('rec')"), error(db, EXPORT, path)}
        check(f'{edge}: serves', value(db, "SELECT count(*) FROM gru4rec_recommend('rec', 'ok')") == 2)
        check(f'{edge}: the same of a BLOB and a file', len(said) == 1)
        text = said.pop()
        if is_text(data):
            check(f'{edge}: exported', text == '' and value(db, IMPORT, path) == 1)
        else:
            name = f"x'{edge[:48]}'" + ('...' if len(edge) > 48 else '') + ' (in hex)'
            check(f'{edge}: named', name in text and ('NUL' if edge == '00' else 'not UTF-8') in text and
                  'give such items other ids' in text, text)
            check(f'{edge}: no file', not os.path.exists(path))
        db.close()
    check('no part is left', not [name for name in os.listdir(directory) if 'part' in name])


for test in (forbidden, allowed, switches, links, rights, no_files, at_once, no_models, shrinking, headers, ids):
    run(test)
finish()
