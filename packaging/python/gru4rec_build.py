"""Makes the Python packages, by the standard library alone.

    gru4rec_build.py wheel FOLDER TAG FILE LICENCE...     a wheel of FILE, which is compiled already, for the platform TAG
    gru4rec_build.py sdist FOLDER                         the sdist, from the project's root after `make amalgamation`

It is also what builds the sdist where pip installs it: it compiles gru4rec.c. The same files give the same bytes: times are
SOURCE_DATE_EPOCH.
"""
import base64
import gzip
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCH = int(os.environ.get('SOURCE_DATE_EPOCH', 1577836800))

# ---- files ----


def read(*path):
    with open(os.path.join(*path), 'rb') as file:
        return file.read()


def version(header):
    return re.search(rb'#define GRU4REC_VERSION "(.*)"', header).group(1).decode()


def metadata(version, readme):
    return f'''Metadata-Version: 2.1
Name: gru4rec
Version: {version}
Summary: Session-based recommendations inside SQLite: GRU4Rec as a loadable extension
License: MIT
Keywords: sqlite,recommender,recommendations,gru4rec,session-based
Requires-Python: >=3.7
Description-Content-Type: text/markdown

'''.encode() + readme


# ---- a wheel ----


def write_wheel(folder, version, tag, readme, files, licences):
    """files: name in the package gru4rec -> bytes. Returns the wheel's name."""
    info = f'gru4rec-{version}.dist-info'
    entries = {f'gru4rec/{name}': data for name, data in files.items()}
    entries.update({f'{info}/{name}': data for name, data in licences.items()})
    entries[f'{info}/METADATA'] = metadata(version, readme)
    entries[f'{info}/WHEEL'] = (f'Wheel-Version: 1.0\nGenerator: gru4rec_build\nRoot-Is-Purelib: false\n'
                                f'Tag: py3-none-{tag}\n').encode()
    record = f'{info}/RECORD'
    lines = []
    for name, data in sorted(entries.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
        lines.append(f'{name},sha256={digest},{len(data)}\n')
    entries[record] = ''.join(lines + [f'{record},,\n']).encode()

    name = f'gru4rec-{version}-py3-none-{tag}.whl'
    date = time.gmtime(EPOCH)[:6]
    with zipfile.ZipFile(os.path.join(folder, name), 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for path, data in sorted(entries.items(), key=lambda entry: ('.dist-info/' in entry[0], entry[0])):
            member = zipfile.ZipInfo(path, date)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3
            wheel.writestr(member, data)
    return name


# ---- the sdist, and what pip calls in it ----


def suffix():
    return {'win32': '.dll', 'darwin': '.dylib'}.get(sys.platform, '.so')


def compiled(work):
    """Compiles gru4rec.c; returns the bytes of the extension."""
    out = os.path.join(work, 'gru4rec' + suffix())
    compiler = shlex.split(os.environ.get('CC', 'cc'))
    command = [*compiler, '-O2', '-fPIC', '-shared', *shlex.split(os.environ.get('CFLAGS', '')),
               os.path.join(HERE, 'gru4rec.c'), '-o', out, '-lm', '-lpthread', *shlex.split(os.environ.get('LDFLAGS', ''))]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        sys.exit(f'gru4rec: there is no C compiler {compiler[0]}; install one (Debian: apt-get install gcc libc6-dev '
                 'libsqlite3-dev), or name it in CC')
    except subprocess.CalledProcessError:
        sys.exit('gru4rec: gru4rec.c does not compile; it needs gcc 12 or clang 14 or newer, and sqlite3ext.h of SQLite '
                 '3.38 or newer (Debian: apt-get install libsqlite3-dev; CFLAGS=-I... names another folder)')
    try:
        return read(out)
    finally:
        os.unlink(out)


def get_requires_for_build_wheel(config_settings=None):
    return []


def get_requires_for_build_sdist(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = {'__init__.py': read(HERE, 'gru4rec', '__init__.py'), 'gru4rec' + suffix(): compiled(wheel_directory)}
    tag = re.sub(r'[-.]', '_', sysconfig.get_platform())
    return write_wheel(wheel_directory, version(read(HERE, 'gru4rec.h')), tag, read(HERE, 'README.md'), files,
                       {'LICENSE': read(HERE, 'LICENSE')})


def write_sdist(folder, version, files):
    """files: name -> bytes. Returns the sdist's name."""
    base = f'gru4rec-{version}'
    files = {**files, 'PKG-INFO': metadata(version, files['README.md'])}
    with open(os.path.join(folder, base + '.tar.gz'), 'wb') as raw, \
            gzip.GzipFile('', 'wb', 9, raw, EPOCH) as packed, tarfile.open(fileobj=packed, mode='w') as tar:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(f'{base}/{name}')
            member.size, member.mtime, member.mode = len(data), EPOCH, 0o644
            tar.addfile(member, io.BytesIO(data))
    return base + '.tar.gz'


SDIST = {  # name in the sdist -> where it is in the project
    'gru4rec.c': 'dist/gru4rec.c',
    'gru4rec.h': 'dist/gru4rec.h',
    'gru4rec/__init__.py': 'packaging/python/gru4rec/__init__.py',
    'gru4rec_build.py': 'packaging/python/gru4rec_build.py',
    'pyproject.toml': 'packaging/python/pyproject.toml',
    'README.md': 'packaging/python/README.md',
    'LICENSE': 'LICENSE',
}


def build_sdist(sdist_directory, config_settings=None):
    files = {name: read(HERE, name) for name in SDIST}
    return write_sdist(sdist_directory, version(files['gru4rec.h']), files)


def main(what, folder, *rest):
    if what == 'wheel':
        tag, file, *licences = rest
        write_wheel(folder, version(read('include/gru4rec.h')), tag, read(HERE, 'README.md'),
                    {'__init__.py': read(HERE, 'gru4rec', '__init__.py'), os.path.basename(file): read(file)},
                    {os.path.basename(path): read(path) for path in licences})
    else:
        files = {name: read(path) for name, path in SDIST.items()}
        write_sdist(folder, version(files['gru4rec.h']), files)


if __name__ == '__main__':
    main(*sys.argv[1:])
