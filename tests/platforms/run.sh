#!/bin/sh
# run.sh MAKE: the unit tests and the SQL tests of other platforms than this machine's, with
# the compilers and emulators of Debian. Each has a SQLite of its own, made of an amalgamation
# in an npm package, and BLAS=builtin. A file that this machine's build wrote is read there,
# and one that was written there is read here. Variables: ONLY="linux-arm64", PARTS="unit sql files";
# s390x has no artefact, so its SQL tests run only if PARTS says so. Half an hour.
make=${1:-make}
. tests/versions/lib.sh
. tests/platforms/table.sh
root=$PWD/build/platforms
[ -n "$TMPDIR" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm # SQLite waits for disks

wanted() {
    case " ${PARTS:-$parts} " in *" $1 "*) ;; *) false ;; esac
}

# build TARGET...: makes them with the platform's compiler.
build() {
    $make --no-print-directory CC="$cc" BLAS=builtin "$@"
}

# The platform's own SQLite, as its programs find it.
has_sqlite() {
    sqlite_source better-sqlite3 8.0.0 "$root/sqlite" || return
    mkdir -p "$here"
    cp "$root/sqlite/sqlite3.h" "$root/sqlite/sqlite3ext.h" "$here"
    [ -s "$here/libsqlite3.so" ] ||
        $compiler -O1 -w -fPIC -shared -DSQLITE_ENABLE_MATH_FUNCTIONS -o "$here/libsqlite3.so" "$root/sqlite/sqlite3.c" -lm
}

# unit_tests: what `make test-unit` would run.
unit_tests() {
    $make -pqn CC="$cc" BLAS=builtin 2>/dev/null | sed -n 's/^test-unit: //p'
}

# A program that does not end has failed.
test_units() {
    build $(unit_tests) >"$here/make" 2>&1
    for program in $(unit_tests); do
        check_runner "$platform: ${program##*/}" timeout 1800 $run "$program"
    done
}

test_sql() {
    build "$B/tests/sqllogictest" >>"$here/make" 2>&1
    check_runner "$platform: SQL tests" $run "$B/tests/sqllogictest" --extension "$B/gru4rec.so" tests/sql/*.test
}

# Models as databases and as files: written here and read there, and the other way round. Ranks
# are the same, scores differ in their last digits.
test_files() {
    built build/release/tests/sqllogictest build/release/gru4rec.so
    build "$B/tests/sqllogictest" >>"$here/make" 2>&1
    ours="build/release/tests/sqllogictest --extension build/release/gru4rec.so"
    theirs="$run $B/tests/sqllogictest --extension $B/gru4rec.so"
    rm -f "$here"/*.db "$here"/*.safetensors
    cp tests/fixtures/format_2.db "$here/fixture.db"
    check_runner "$platform: writes" $theirs --define FOLDER="$here/there" tests/platforms/write.test
    check_runner "$platform: is read here" $ours --define FOLDER="$here/there" tests/platforms/read.test
    check_runner "$platform: this machine writes" $ours --define FOLDER="$here/here" tests/platforms/write.test
    check_runner "$platform: reads that" $theirs --define FOLDER="$here/here" tests/platforms/read.test
    check_runner "$platform: reads an old database" $theirs --define FIXTURE="$here/fixture.db" tests/platforms/fixture.test
}

start=$(date +%s)
for platform in ${ONLY:-$(platforms)}; do
    eval "$(facts "$platform")"
    here=$root/$platform B=build/release-$compiler-builtin
    cc="$compiler -isystem $here -L$here -Wl,-rpath,$here"
    if ! apt_package $packages; then
        note_missing "$platform (Debian $packages)"
        continue
    fi
    if ! has_sqlite; then
        note_missing "$platform: SQLite (npm better-sqlite3 8.0.0)"
        continue
    fi
    check "$platform: builds" build "$B/gru4rec.so" || continue
    ! wanted unit || test_units
    ! wanted sql || test_sql
    ! wanted files || test_files
done
echo "$(($(date +%s) - start)) seconds"
finish
