# python.sh - sourced by run.sh: the wheel, by pip, without an index.

wheel=gru4rec-$version-py3-none-manylinux_2_31_x86_64.whl

# Python's own SQLite in bullseye is older than 3.38: a newer one takes its place, compiled against that system.
newer_sqlite() {
    mkdir -p "$root/app/sqlite" && sqlite_source better-sqlite3 9.6.0 "$root/app/sqlite" &&
        libraries=$root/usr/lib/x86_64-linux-gnu &&
        gcc --sysroot="$root" -B"$libraries" -L"$libraries" -O1 -w -fPIC -shared -DSQLITE_ENABLE_COLUMN_METADATA \
            -DSQLITE_ENABLE_UNLOCK_NOTIFY -DSQLITE_ENABLE_DESERIALIZE "$root/app/sqlite/sqlite3.c" \
            -o "$root/app/sqlite/libsqlite3.so.0" -lpthread -ldl -lm
}

refuses_old_sqlite() {
    in_root venv/bin/python host.py sqlite3 x.db </dev/null >"$out/old" 2>&1
    grep 'gru4rec: SQLite 3.34.1 is too old; use 3.38 or newer' "$out/old"
}

# The python3 of PATH may be one whose sqlite3 cannot load extensions; then the message has the ways out.
another_python() {
    mkdir -p "$out/another-python" &&
        python3 -m pip install --quiet --no-index --disable-pip-version-check --target "$out/another-python/lib" "$dist/$wheel"
}

if root python bookworm python3 python3-venv python3-apsw; then
    if check 'pip: the wheel' installs $wheel --system-site-packages; then
        trains 'Python of bookworm, sqlite3' "$root/app" in_root venv/bin/python host.py sqlite3 shop.db
        trains 'Python of bookworm, apsw' "$root/app" in_root venv/bin/python host.py apsw shop.db
    fi
    rm -rf "$root"
else
    note_missing 'the wheel in bookworm (as root, with debootstrap)'
fi

if root bullseye bullseye libc6-dev python3 python3-venv; then
    if check 'pip: the wheel in bullseye, glibc 2.31' installs $wheel; then
        check 'Python of bullseye: its SQLite is too old, and the message says so' refuses_old_sqlite
        check 'a newer SQLite for it' newer_sqlite &&
            trains 'Python of bullseye, a newer SQLite' "$root/app" \
                in_root env LD_LIBRARY_PATH=/app/sqlite venv/bin/python host.py sqlite3 shop.db
    fi
    rm -rf "$root"
else
    note_missing 'the wheel in bullseye (as root, with debootstrap)'
fi

if check 'pip: the wheel, by the python3 of PATH' another_python; then
    trains "$(python3 -c 'import sqlite3, sys; print("Python", sys.version.split()[0], "of PATH, whose sqlite3",
        "loads" if hasattr(sqlite3.Connection, "enable_load_extension") else "cannot load", "extensions")')" \
        "$out/another-python" sh -c 'cd "$0" && PYTHONPATH=lib python3 "$1" sqlite3 shop.db' "$out/another-python" $here/host.py
fi
