#!/bin/sh
# run.sh BUILD: the SQL tests on other versions of SQLite, in two forms: gru4rec.so loaded
# at run time, and ext/ linked in with SQLITE_CORE. Older versions must refuse it.
# BUILD is build/release. The amalgamations come from better-sqlite3's npm tarballs and are
# kept in build/versions. Variables: ONLY=3.45.3.

B=${1:-build/release}
CC=${CC:-cc}
CFLAGS=${OPTFLAGS:--O1}
. tests/versions/lib.sh
built "$B/gru4rec.so" "$B/libgru4rec.a" "$B/tests/sqllogictest"
root=build/versions
runner_src=tests/sqllogictest
python=${PYTHON:-/usr/bin/python3}
libs="$(pkg-config --libs openblas 2>/dev/null || echo -lopenblas) -lm -lpthread -ldl"
warnings='-Wall -Wextra -Wshadow -Wconversion -Werror'

# name, better-sqlite3's version, options of the amalgamation beside -DSQLITE_ENABLE_MATH_
# FUNCTIONS, which two of the tests need (log2), not the extension. hardened: what careful
# hosts switch off; debug: SQLite's own assertions, and its checks of API misuse.
versions='3.38.2           7.5.1
3.40.0           8.0.0
3.45.3           9.6.0
3.50.4           12.4.1
3.54.1           13.2.0
3.54.1-hardened  13.2.0  -DSQLITE_DQS=0 -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_THREADSAFE=2 -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=1 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS
3.54.1-debug     13.2.0  -DSQLITE_DEBUG -DSQLITE_ENABLE_API_ARMOR -DSQLITE_ENABLE_STAT4'
too_old='3.14.1 1.0.0
3.37.2 7.5.0'

# sqlite_object PACKAGE_VERSION DIR OPTION...
sqlite_object() {
    package=$1 dir=$2
    shift 2
    sqlite_source better-sqlite3 "$package" "$dir" || return
    { [ "$dir/sqlite3.o" -nt "$dir/sqlite3.c" ] && [ "$dir/sqlite3.o" -nt tests/versions/run.sh ]; } ||
        $CC $CFLAGS -w -fPIC -DSQLITE_ENABLE_MATH_FUNCTIONS "$@" -c -o "$dir/sqlite3.o" "$dir/sqlite3.c"
}

# The runner linked with this SQLite; it loads gru4rec.so.
build_loadable() {
    $CC -std=c11 $CFLAGS -w -I"$1" -o "$1/runner" $runner_src/*.c "$1/sqlite3.o" \
        -lm -lpthread -ldl
}

# The same with the extension linked in; core.c registers it.
build_core() {
    rm -rf "$1/core"
    mkdir -p "$1/core"
    for file in $(printf '%s\n' ext/*.c ext/*/*.c | grep -v '^ext/mpi/') tests/versions/core.c; do
        $CC -std=c11 $CFLAGS $warnings -DSQLITE_CORE -I"$1" -c \
            -o "$1/core/$(basename "$file" .c).o" "$file" || return
    done
    for file in $runner_src/*.c; do
        $CC -std=c11 $CFLAGS -w -Dmain=runner_main -I"$1" -c \
            -o "$1/core/runner_$(basename "$file" .c).o" "$file" || return
    done
    $CC -o "$1/runner_core" "$1"/core/*.o "$B/libgru4rec.a" "$1/sqlite3.o" $libs
}

# This SQLite as a Python's: true if the Python can do without what was left out of it.
python_takes() {
    $CC -shared -o "$1/libsqlite3.so.0" "$1/sqlite3.o" -lm -lpthread -ldl &&
        LD_LIBRARY_PATH=$1 $python -c 'import sqlite3; print(sqlite3.sqlite_version)' 2>/dev/null |
        grep -qx "$2"
}

# The extension's own words, and a connection that goes on.
refused() {
    $CC -std=c11 $CFLAGS -I"$1" -o "$1/refuse" tests/versions/refuse.c "$1/sqlite3.o" \
        -lm -lpthread -ldl && "$1/refuse" "$B/gru4rec.so"
}

wanted() {
    [ -z "$ONLY" ] || [ "$ONLY" = "$1" ]
}

start=$(date +%s)
if wanted system; then
    check_runner "system SQLite $(sqlite3 -version | cut -d ' ' -f 1), loadable" \
        "$B/tests/sqllogictest" --extension "$B/gru4rec.so" tests/sql/*.test
fi
while read -r name package options; do
    wanted "$name" || continue
    begin=$(date +%s)
    dir=$root/$name
    mkdir -p "$dir"
    if ! sqlite_object "$package" "$dir" $options; then
        note_missing "SQLite $name (npm better-sqlite3 $package)"
        continue
    fi
    check "SQLite $name, build the runner" build_loadable "$dir" &&
        check_runner "SQLite $name, loadable" "$dir/runner" \
            --extension "$B/gru4rec.so" tests/sql/*.test
    check "SQLite $name, build with SQLITE_CORE" build_core "$dir" &&
        check_runner "SQLite $name, linked in" "$dir/runner_core" tests/sql/*.test
    if python_takes "$dir" "${name%%-*}"; then
        check_runner "SQLite $name, relational" env LD_LIBRARY_PATH="$dir" $python \
            tests/relational/differential.py "$B/gru4rec.so" --queries 1500
        check_runner "SQLite $name, files" env LD_LIBRARY_PATH="$dir" $python \
            tests/life/files.py "$B/gru4rec.so"
        check_runner "SQLite $name beside the system's" env GRU4REC_SECOND="$dir/libsqlite3.so.0" \
            $python tests/life/libraries.py "$B/gru4rec.so"
    fi
    echo "      $(($(date +%s) - begin)) seconds"
done <<END
$versions
END
while read -r name package; do
    wanted "$name" || continue
    mkdir -p "$root/$name"
    if sqlite_object "$package" "$root/$name"; then
        check "SQLite $name refuses to load" refused "$root/$name"
    else
        note_missing "SQLite $name (npm better-sqlite3 $package)"
    fi
done <<END
$too_old
END
echo "$(($(date +%s) - start)) seconds"
finish
