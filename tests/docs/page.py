"""page.py [--only LANGUAGE,...] [--strict] [--keep] PAGE DATABASE: runs the code blocks of a Markdown page in
the order in which they stand, as a reader would, in a fresh folder.

The folder has a copy of DATABASE as demo.db, a copy of gru4rec.so, the Python package, and links to sql, tests and
examples of the folder where this program is started. What a block is depends on its language:

    sql       goes to one sqlite3 shell that lasts as long as the page and opens demo.db
    python    runs in one Python that lasts as long as the page
    sh        runs by itself, and stops at the first command that fails
    others of LANGUAGES   a program of its own; skipped if its language or a package is not there
    text, json            is not run

A comment on the line before a block says more:

    <!-- not run: WHY -->   the block is not run
    <!-- fails -->          the block ends with an error; the shell goes on after it
    <!-- output -->         the block is what the block before it prints; "..." stands for anything.
                            After a block that fails: its lines are somewhere in what that one prints

Prints what differs, and a line for each block that was not run. The exit status is 1 if a block
fails. --only: other languages are passed over. --strict: a block that is skipped counts as failed.
--keep: DATABASE gets what the page makes of it.
"""
import contextlib
import importlib.util
import io
import os
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback

SECONDS = int(os.environ.get('PAGE_SECONDS', 300))  # for one block
FENCE = re.compile(r'^( *)```(\w*)')
COMMENT = re.compile(r'^ *<!-- (not run: .+|fails|output) -->$')
ERROR = re.compile(r'^(\w+ )?[Ee]rror\b', re.MULTILINE)  # how the shell begins a message
OPTIONAL = {'apsw'}  # modules of Python that a page may ask for
JDBC = '/usr/share/java/sqlite-jdbc.jar'
# language: (file for the block, command that runs it, command that succeeds if its library is there; None: none)
LANGUAGES = {
    'js': ('block.cjs', ['node', 'block.cjs'], None),
    'bun': ('block.cjs', ['bun', 'block.cjs'], None),  # js that requires bun:sqlite
    'ts': ('block.ts', ['deno', 'run', '-A', 'block.ts'], None),
    'perl': ('block.pl', ['/usr/bin/perl', 'block.pl'], ['/usr/bin/perl', '-MDBD::SQLite', '-e', '1']),
    'php': ('block.php', ['php', '-d', 'sqlite3.extension_dir=FOLDER', 'block.php'], ['php', '-r', 'new SQLite3(":memory:");']),
    'ruby': ('block.rb', ['/usr/bin/ruby', 'block.rb'], ['/usr/bin/ruby', '-rsqlite3', '-e', '1']),
    'tcl': ('block.tcl', ['/usr/bin/tclsh', 'block.tcl'], ['sh', '-c', 'echo "exit [catch {package require sqlite3}]" | /usr/bin/tclsh']),
    'go': ('block.go', ['/usr/bin/go', 'run', '-tags', 'libsqlite3', 'block.go'],
           ['/usr/bin/go', 'list', 'github.com/mattn/go-sqlite3']),
    'java': ('Block.java', ['java', '-cp', JDBC, 'Block.java'], ['sh', '-c', 'test -e ' + JDBC + ' && java -version']),
    'r': ('block.R', ['Rscript', 'block.R'], ['Rscript', '-e', 'library(RSQLite)']),
}
ENVIRONMENT = dict(os.environ, GOPATH='/usr/share/gocode', GO111MODULE='off', DENO_NO_UPDATE_CHECK='1')


class Failure(Exception):
    """A block that did not do what the page says; its text is what was printed."""


class Block:
    def __init__(self, line, language, note, indent):
        self.line, self.language, self.note, self.indent = line, language, note, indent
        self.lines = []

    @property
    def text(self):
        return ''.join(self.lines)


def blocks_of(page):
    """All blocks of the page, in order."""
    block, note, blocks = None, '', []
    for number, line in enumerate(open(page, encoding='utf-8'), 1):
        fence = FENCE.match(line)
        if block is not None and fence:
            blocks.append(block)
            block, note = None, ''
        elif block is not None:
            block.lines.append(line[min(block.indent, len(line) - len(line.lstrip(' '))):])
        elif fence:
            block = Block(number, fence.group(2), note, len(fence.group(1)))
        else:
            comment = COMMENT.match(line.rstrip('\n'))
            note = comment.group(1) if comment else ''
    return blocks


class Shell:
    """A sqlite3 shell that lasts as long as the page. Errors do not end it: they are lines of what it prints."""

    def __init__(self, database):
        self.command = ['stdbuf', '-oL', 'sqlite3', '-init', '/dev/null', '-batch', database]
        self.process = None
        self.n_blocks = 0

    def start(self):
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)

    def run(self, text):
        """What the shell prints for the text, errors too."""
        self.start()
        self.n_blocks += 1
        end = '--- end of block %d' % self.n_blocks
        self.process.stdin.write(('%s\n.print "%s"\n' % (text, end)).encode())
        self.process.stdin.flush()
        out = b''
        while not out.endswith(end.encode() + b'\n'):
            ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
            some = os.read(self.process.stdout.fileno(), 65536) if ready else b'no end; is a semicolon missing?\n'
            out += some
            if not ready:
                self.process.kill()
            if not some or not ready:
                raise Failure(out.decode(errors='replace'))
        return out.decode(errors='replace').replace(end + '\n', '')

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def run_python(text, names):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(text, 'block', 'exec'), names)
    except BaseException:
        raise Failure(out.getvalue() + traceback.format_exc())
    return out.getvalue()


def run_program(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL)
    text = done.stdout.decode(errors='replace')
    if done.returncode != 0:
        raise Failure(text + 'exit status %d\n' % done.returncode)
    return text


def can_run(command):
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              env=ENVIRONMENT).returncode == 0
    except FileNotFoundError:
        return False


def host_of(block):
    """What LANGUAGES has for a block, or None."""
    return LANGUAGES.get('bun' if block.language == 'js' and 'bun:sqlite' in block.text else block.language)


def missing(block):
    """What a block needs and this machine does not have; '' if it has all."""
    if block.language == 'python':
        modules = re.findall(r'^import (\w+)', block.text, re.MULTILINE)
        return ', '.join(module for module in modules
                         if module in OPTIONAL and importlib.util.find_spec(module) is None)
    if host_of(block) is None:
        return ''
    name, command, probe = host_of(block)
    if shutil.which(command[0]) is None:
        return command[0]
    for package in re.findall(r'require\([\'"]([^\'"]+)[\'"]', block.text) if command[0] == 'node' else ():
        if not can_run(['node', '-e', 'require(process.argv[1])', package]):
            return 'package %s of node' % package
    return '' if probe is None or can_run(probe) else 'library for SQLite of ' + block.language


def compare(expected, printed, is_error):
    """Raises Failure unless the printed text is the expected one, or for an error has its lines."""
    pattern = lambda text: '.*'.join(re.escape(part) for part in text.split('...'))
    tidy = lambda text: '\n'.join(line.rstrip() for line in text.strip('\n').split('\n'))
    if is_error:
        same = all(re.search(pattern(line), printed) for line in expected.split('\n') if line.strip())
    else:
        same = re.fullmatch(pattern(tidy(expected)), tidy(printed), re.DOTALL)
    if not same:
        raise Failure('the page has:\n%sbut it prints:\n%s' % (expected, printed))


class Page:
    def __init__(self, only):
        self.only = only
        self.shell = Shell('demo.db')
        self.names = {'__name__': '__main__'}
        self.before, self.printed = None, None  # the last block that ran, and what it printed

    def run(self, block):
        """Runs a block; returns why it was not run, or ''."""
        if self.only and block.language not in self.only:
            return ''
        if block.note.startswith('not run: '):
            self.before = None
            return block.note[len('not run: '):]
        if block.note == 'output':
            if self.before is not None:
                compare(block.text, self.printed, self.before.note == 'fails')
            return ''
        if block.language in ('', 'text', 'json', 'c'):
            return ''
        self.before = None
        reason = missing(block)
        if reason:
            return 'no ' + reason
        self.printed = self.result(block)
        self.before = block
        return ''

    def result(self, block):
        if block.language == 'sql':
            printed = self.shell.run(block.text)
            if bool(ERROR.search(printed)) != (block.note == 'fails'):
                raise Failure(printed if block.note != 'fails' else 'no error:\n' + printed)
            return printed
        if block.language == 'python':
            return run_python(block.text, self.names)
        if block.language == 'sh':
            return run_program(['sh', '-e', '-c', block.text])
        if host_of(block) is None:
            raise Failure('page.py cannot run the language %r\n' % block.language)
        name, command, _ = host_of(block)
        with open(name, 'w', encoding='utf-8') as file:
            file.write(block.text)
        return run_program([part.replace('FOLDER', os.getcwd()) for part in command])


def keep(database):
    """Copies demo.db to the database, also what is in its WAL file."""
    left, kept = sqlite3.connect('demo.db'), sqlite3.connect(database)
    left.backup(kept)
    kept.close()
    left.close()


def main(only, is_strict, is_kept, page, database):
    database = os.path.abspath(database)
    blocks = blocks_of(page)
    n_failed = n_run = 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy('gru4rec.so', folder)  # PHP takes no link
        package = os.path.join(folder, 'gru4rec')  # as pip installs it; Python finds it before gru4rec.so
        os.mkdir(package)
        for name in 'packaging/python/gru4rec/__init__.py', 'gru4rec.so':
            shutil.copy(name, package)
        for name in 'sql', 'examples', 'tests':
            os.symlink(os.path.abspath(name), os.path.join(folder, name))
        shutil.copy(database, os.path.join(folder, 'demo.db'))
        os.chdir(folder)
        sys.path.insert(0, folder)
        state = Page(only)
        for block in blocks:
            where = '%s:%d: %s' % (page, block.line, block.language)
            try:
                reason = state.run(block)
            except (Failure, subprocess.TimeoutExpired) as failure:
                print('%s failed\n%s' % (where, failure))
                n_failed += 1
                break  # what follows goes on from it
            if reason:
                print('%s is not run: %s' % (where, reason))
                n_failed += is_strict and reason.startswith('no ')
            n_run += not reason
        state.shell.close()
        if is_kept:
            keep(database)
        os.chdir('/')
    print('%s: %d blocks' % (page, n_run))
    return 1 if n_failed else 0


if __name__ == '__main__':
    arguments = sys.argv[1:]
    chosen = []
    if arguments[:1] == ['--only']:
        chosen, arguments = arguments[1].split(','), arguments[2:]
    strict = arguments[:1] == ['--strict']
    kept = arguments[strict:][:1] == ['--keep']
    sys.exit(main(chosen, strict, kept, *arguments[strict + kept:]))
