# sdist.sh - sourced by run.sh: the sdist, which pip compiles, without an index.

sdist=gru4rec-$version.tar.gz

no_compiler() {
    cp "$dist/$sdist" "$root/app" && in_root python3 -m venv venv || return
    ! in_root venv/bin/pip install --no-index --disable-pip-version-check "./$sdist" >"$out/no-compiler" 2>&1 &&
        grep "there is no C compiler cc; install one" "$out/no-compiler"
}

if root sdist bookworm python3 python3-venv; then
    check 'sdist: without a compiler the message says what to install' no_compiler
    rm -rf "$root"
fi
if root sdist bookworm gcc libc6-dev libsqlite3-dev python3 python3-venv; then
    check 'pip: the sdist is compiled' installs $sdist &&
        trains 'Python of bookworm, compiled from the sdist' "$root/app" in_root venv/bin/python host.py sqlite3 shop.db
    rm -rf "$root"
else
    note_missing 'the sdist (as root, with debootstrap)'
fi
