"""terminal.py - the progress line on terminals of any width that are resized meanwhile, and where there is none."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from common import *

# Trains until it is done, or told to stop by SIGUSR1.
CHILD = '''
import signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.enable_load_extension(True)
db.load_extension(sys.argv[2])
stop = []
signal.signal(signal.SIGUSR1, lambda *_: stop.append(1))
db.set_progress_handler(lambda: bool(stop), 1000)
print('before', file=sys.stderr, flush=True)
try:
    db.execute("SELECT gru4rec_train('rec', ?)", (sys.argv[3],)).fetchall()
except sqlite3.Error as e:
    assert 'interrupted' in str(e), e
print('after', file=sys.stderr, flush=True)
'''
ENDLESS = 'n_epochs=100000'
TOKENS = re.compile(rb'\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]')


class Screen:
    """What a terminal shows: lines, of which each takes as many rows as it needs.

    folds: a line that is longer than the terminal, which got narrower, goes on in the next row, and is one again when
    it gets wider, as in tmux or a VTE; else what is outside is lost, as in xterm."""

    def __init__(self, columns, folds):
        self.columns, self.folds = columns, folds
        self.lines, self.line, self.at = [''], 0, 0
        self.longest = 0  # line that was ever written
        self.most = 1     # rows that there ever were, but for what folding made of a line until it was written again

    def rows(self):
        return sum(max(1, -(-len(line) // self.columns)) for line in self.lines)

    def resize(self, columns):
        self.columns = columns
        if not self.folds:
            self.lines = [line[:columns] for line in self.lines]
            self.at = min(self.at, columns - 1)

    def feed(self, data):
        for token in TOKENS.findall(data):
            self.take(token.decode())
        self.most = max(self.most, self.rows())

    def take(self, token):
        line = self.lines[self.line]
        if token == '\r':
            self.at -= self.at % self.columns  # of the row
        elif token == '\n':
            self.lines.append('')
            self.line, self.at = self.line + 1, 0
        elif token == '\x1b[K':
            end = self.at - self.at % self.columns + self.columns
            self.lines[self.line] = (line[:self.at] + ' ' * (end - self.at) + line[end:]).rstrip()
        elif token == '\x1b[J':
            self.lines[self.line:] = [line[:self.at].rstrip()]
        elif token[0] == '\x1b':
            raise ValueError(f'an escape sequence that no test knows: {token!r}')
        else:
            self.lines[self.line] = line[:self.at].ljust(self.at) + token + line[self.at + 1:]
            self.at += 1
            self.longest = max(self.longest, self.at)


class Terminal:
    """A program on a pseudo-terminal, and two screens that show what it writes."""

    def __init__(self, columns, argv, **environment):
        self.master, slave = pty.openpty()
        self.set_size(columns)
        # As a terminal that knows no size does: then the program cannot know better than COLUMNS, or 80.
        shown = columns or int(environment.get('COLUMNS', 80))
        self.screens = [Screen(shown, folds) for folds in (True, False)]
        inherited = {name: text for name, text in os.environ.items() if name not in ('COLUMNS', 'LINES')}
        self.popen = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                      env=inherited | {'TERM': 'xterm'} | environment)
        processes.add(self.popen)
        os.close(slave)
        self.written = b''

    def set_size(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))

    def read(self, seconds):
        """What comes within that time; False at the end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                return True
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b''
            if not data:
                return False
            self.written += data
            for screen in self.screens:
                screen.feed(data)
        return True

    def wait(self, n):
        """Until n more lines were written."""
        end, n = time.monotonic() + 20, self.written.count(b'\x1b[J') + n
        while self.written.count(b'\x1b[J') < n and time.monotonic() < end and self.read(0.05):
            pass

    def resize(self, columns):
        """Between two lines: what is under way arrives first, while the program stands still."""
        self.popen.send_signal(signal.SIGSTOP)
        os.waitpid(self.popen.pid, os.WUNTRACED)
        self.read(0.05)
        self.set_size(columns)
        for screen in self.screens:
            screen.resize(columns)
            screen.longest = 0
        self.popen.send_signal(signal.SIGCONT)

    def stop(self):
        self.popen.send_signal(signal.SIGUSR1)
        self.end()

    def end(self):
        while self.read(1):
            pass
        self.popen.wait()
        os.close(self.master)
        processes.discard(self.popen)


def start(path, columns, options=ENDLESS, **environment):
    return Terminal(columns, [sys.executable, '-c', CHILD, path, EXTENSION, options], **environment)


def check_end(what, terminal):
    """Nothing is left of the line, and it never took a row more than its own."""
    for screen in terminal.screens:
        kind = f'{what}, {"folding" if screen.folds else "cutting"}'
        check(f'{kind}: only what stood there is left', screen.lines == ['before', 'after', ''], screen.lines)
        check(f'{kind}: no row more', screen.most == 3, screen.most)
    check(f'{what}: the child ended well', terminal.popen.returncode == 0, terminal.popen.returncode)


def widths(directory):
    path = directory + '/shop.db'
    make_shop(path).close()
    for columns in (1, 12, 40, 80, 200) if QUICK else (1, 2, 5, 12, 20, 30, 40, 50, 66, 80, 132, 200, 400):
        terminal = start(path, columns)
        terminal.wait(3)
        shown = terminal.screens[0].lines[-1]
        longest = terminal.screens[0].longest
        terminal.stop()
        # 'before' and 'after' are the test's own, and longer than such terminals
        check(f'{columns}: the last column is free', longest < columns or columns < 7, longest)
        if columns >= 12:
            check(f'{columns}: the epoch is shown, or the share where that is too long',
                  ('epoch ' if columns >= 20 else ' %') in shown, shown)
            check_end(columns, terminal)
        if columns >= 40:
            check(f'{columns}: share and time left are shown', ' % ' in shown and shown.endswith(' left'), shown)
        if columns >= 80:
            check(f'{columns}: everything is shown', 'loss ' in shown and ' events/s ' in shown, shown)
        check(f'{columns}: a bar', (columns >= 200) <= ('[' in shown) <= (columns >= 80), shown)
        check(f'{columns}: one line, again and again', terminal.written.count(b'\n') == 2 and
              terminal.written.count(b'\x1b[J') >= 4, terminal.written)


def resized(directory):
    """Narrower and wider meanwhile, by a little and by a lot."""
    path = directory + '/shop.db'
    make_shop(path).close()
    sizes = (120, 60, 59, 45, 200, 30, 80) if QUICK else (120, 60, 59, 45, 200, 30, 80, 150, 20, 21, 140, 70, 12, 200, 79, 80)
    terminal = start(path, sizes[0])
    terminal.wait(2)
    for before, columns in zip(sizes, sizes[1:]):
        terminal.resize(columns)
        terminal.wait(1)
        screen = terminal.screens[0]
        check(f'{before} to {columns}: the new size is followed', 0 < screen.longest < columns, screen.longest)
        for screen in terminal.screens:
            check(f'{before} to {columns}: no scrap', len(screen.lines) == 2 and screen.rows() == 2 and
                  screen.lines[1].count('epoch' if columns >= 20 else '%') == 1, screen.lines)
    terminal.stop()
    for screen in terminal.screens:
        check('resized: only what stood there is left', screen.lines == ['before', 'after', ''], screen.lines)


def unknown_size(directory):
    """A terminal that does not say how large it is: COLUMNS, else 80."""
    path = directory + '/shop.db'
    make_shop(path).close()
    for environment in {'COLUMNS': '30'}, {'COLUMNS': '100'}, {}:
        columns = int(environment.get('COLUMNS', 80))
        terminal = start(path, 0, **environment)
        terminal.wait(2)
        terminal.stop()
        longest = terminal.screens[0].longest
        check(f'size 0, {environment}: it fits', (columns - 20) / 2 < longest < columns, longest)
        check_end(f'size 0, {environment}', terminal)


def to_the_end(directory):
    """A training that ends by itself wipes its line too."""
    path = directory + '/shop.db'
    make_shop(path).close()
    terminal = start(path, 80, 'n_epochs=20')
    terminal.end()
    check('to the end: a line was shown', b'epoch ' in terminal.written, terminal.written)
    check_end('to the end', terminal)


def no_terminal(directory):
    """One line at the end where that is asked for, and nothing else."""
    path = directory + '/shop.db'
    make_shop(path).close()

    def stderr_of(options, seconds=None):
        """The lines in between; of a training that is stopped after some seconds."""
        popen = subprocess.Popen([sys.executable, '-c', CHILD, path, EXTENSION, options], stderr=subprocess.PIPE)
        processes.add(popen)
        first = popen.stderr.readline()
        if seconds is not None:
            time.sleep(seconds)
            popen.send_signal(signal.SIGUSR1)
        rest = popen.stderr.read()
        popen.wait()
        processes.discard(popen)
        lines = rest.decode().split('\n')
        check(f'no terminal, {options}: ends well', popen.returncode == 0 and first == b'before\n' and
              lines[-2:] == ['after', ''], rest)
        check(f'no terminal, {options}: plain text', not re.search(rb'[^ -~\n]', rest), rest)
        return lines[:-2]

    lines = stderr_of('n_epochs=3,verbose=true')
    check('no terminal: one line', len(lines) == 1 and re.fullmatch(
        r'gru4rec: 3 epochs, loss \d\.\d{4}, \d+ events/s, \d+\.\d s', lines[0]), lines)
    db = connect(path)
    loss = value(db, 'SELECT loss FROM rec_epoch WHERE epoch = 3')
    db.close()
    check('no terminal: the loss of the last epoch', f'loss {loss:#.5g},' in lines[0], (lines, loss))
    lines = stderr_of(ENDLESS + ',verbose=true', 0.5)
    check('no terminal, stopped: one line', len(lines) == 1 and re.fullmatch(
        r'gru4rec: stopped in epoch \d+/100000, loss \d\.\d{4}, \d+ events/s, \d+\.\d s', lines[0]), lines)
    for verbose in '', ',verbose=auto', ',verbose=false':
        check(f'no terminal{verbose}: nothing', stderr_of('n_epochs=3' + verbose) == [])


run(widths)
run(resized)
run(unknown_size)
run(to_the_end)
run(no_terminal)
finish()
