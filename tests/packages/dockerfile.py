"""dockerfile.py DOCKERFILE CONTEXT ROOT FILE ARGUMENT: runs the steps of a Dockerfile in ROOT, a fresh system that stands for its
FROM, puts FILE into its volume, and runs its CMD, with ARGUMENT in place of the last one. As root. It knows the
instructions that the project's Dockerfile has, and fails at others.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def steps(text):
    """(instruction, the rest) of each line that is no comment."""
    for line in text.replace('\\\n', ' ').splitlines():
        if line.strip() and not line.startswith('#'):
            yield line.split(None, 1)


class Container:
    def __init__(self, context, root):
        self.context, self.root, self.user, self.env = context, root, None, {'PATH': PATH, 'HOME': '/'}

    def command(self, *words):
        inside = ['chroot', *([f'--userspec={self.user}'] if self.user else []), self.root,
                  '/usr/bin/env', '-i', *(f'{name}={value}' for name, value in self.env.items()), *words]
        return ['unshare', '--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec "$@"', self.root, *inside]

    def run(self, rest):
        subprocess.run(self.command('sh', '-c', rest), check=True)

    def copy(self, rest, unpack=False):
        *sources, target = rest.split()
        for source in sources:
            found = glob.glob(os.path.join(self.context, source))
            if not found:
                sys.exit(f'dockerfile.py: there is no {source}')
            for path in found:
                folder = self.root + target
                assert target.endswith('/'), target
                os.makedirs(folder, exist_ok=True)
                if unpack and path.endswith('.tar.gz'):
                    subprocess.run(['tar', '-C', folder, '-xzf', path], check=True)
                else:
                    shutil.copy(path, folder)

    def fill(self, volume, file):
        subprocess.run(self.command('sh', '-c', f'test -w {volume}'), check=True)
        folder = self.root + volume
        owner = os.stat(folder)
        os.chown(shutil.copy(file, folder), owner.st_uid, owner.st_gid)

    def set(self, rest):
        name, value = rest.split('=', 1)
        self.env[name] = value


def main(dockerfile, context, root, data, argument):
    container = Container(context, root)
    with open(dockerfile) as file:
        for instruction, rest in steps(file.read()):
            print(instruction, rest, flush=True)
            if instruction == 'RUN':
                container.run(rest)
            elif instruction in ('ADD', 'COPY'):
                container.copy(rest, instruction == 'ADD')
            elif instruction == 'ENV':
                container.set(rest)
            elif instruction == 'USER':
                container.user = rest
            elif instruction == 'CMD':
                words = json.loads(rest)
                command = container.command(*words[:-1], argument)
            elif instruction == 'VOLUME':
                container.fill(rest, data)
            elif instruction not in ('FROM', 'EXPOSE'):
                sys.exit(f'dockerfile.py does not know {instruction}')
    os.execvp(command[0], command)


if __name__ == '__main__':
    main(*sys.argv[1:])
