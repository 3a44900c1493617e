#!/bin/sh
# run.sh MAKE: the unit tests and the SQL tests of other platforms than this machine's, with
# the compilers and emulators of Debian. Each has a SQLite of its own, made of an amalgamation
# in an npm package, and BLAS=builtin. A file that this machine's build wrote is read there,
# and one that was written there is read here. A shell trains and recommends: with musl a
# static one that has the extension in it.
#
# Variables: ONLY="linux-arm64"; PARTS="unit sql shell files"; FULL=1: under qemu all SQL
# tests, not only those of short.txt. Half an hour, with FULL=1 two hours.
make=${1:-make}
. tests/versions/lib.sh
. tests/platforms/table.sh
root=$PWD/build/platforms
[ -n "$TMPDIR" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm # SQLite waits for disks

wanted() {
    case " $parts " in *" $1 "*) ;; *) return 1 ;; esac
    case " ${PARTS:-$parts} " in *" $1 "*) ;; *) return 1 ;; esac
}

# build TARGET...: makes them with the platform's compiler.
build() {
    $make --no-print-directory -k CC="$cc" BLAS=builtin RUNNER_LIBS="$runner_libs" "$@" >"$here/make" 2>&1 && return
    grep -E -A 5 'error|\*\*\*' "$here/make"
    return 1
}

# ---- what a platform needs ----

# Packages of Debian, and the compiler that packaging/musl.sh makes, with the loader beside it.
has_compiler() {
    apt_package $packages || return
    [ "$compiler" = aarch64-linux-musl-gcc ] || return 0
    musl=$(sh packaging/musl.sh) || return
    PATH=$musl:$PATH run="$run -L $musl"
}

# The platform's own SQLite, as its programs find it; on Windows it is a part of them, and so
# are C++'s regular expressions.
has_sqlite() {
    sqlite_source better-sqlite3 13.2.0 "$root/sqlite-13.2.0" || return
    mkdir -p "$here"
    cp "$root/sqlite-13.2.0/sqlite3.h" "$root/sqlite-13.2.0/sqlite3ext.h" "$here"
    options='-O1 -w -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_USE_URI=1'
    if [ "$run" != wine ]; then
        runner_libs='-lsqlite3 -lm'
        [ -s "$here/libsqlite3.so" ] || $compiler $options -fPIC -shared -o "$here/libsqlite3.so" "$root/sqlite-13.2.0/sqlite3.c" -lm
    else
        runner_libs="$here/regex.o -lsqlite3 -lstdc++ -lm"
        [ -s "$here/libsqlite3.a" ] || {
            $compiler $options -c -o "$here/sqlite3.o" "$root/sqlite-13.2.0/sqlite3.c" &&
                $compiler -O1 -c -o "$here/regex.o" tests/platforms/windows/regex.cc &&
                ar rcs "$here/libsqlite3.a" "$here/sqlite3.o"
        }
    fi
}

# Whether the platform's programs run; wine needs a folder for its files.
can_run() {
    if [ "$run" = wine ]; then
        export WINEPREFIX="$root/wine" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
        timeout 300 wineboot -i >/dev/null 2>&1
        wineserver -p60 # seconds that it stays between programs
    fi
    echo 'int main(void) { return 0; }' >"$here/try.c"
    $compiler -o "$here/try.exe" "$here/try.c" && timeout 120 $run "$here/try.exe"
}

# ---- the parts ----

# unit_tests: what `make test-unit` would run.
unit_tests() {
    $make -pqn CC="$cc" BLAS=builtin 2>/dev/null | sed -n 's/^test-unit: //p'
}

# A program that does not end has failed.
test_units() {
    check "$platform: unit tests are built" build $(unit_tests)
    for program in $(unit_tests); do
        check_runner "$platform: ${program##*/}" timeout 1800 $run "$program$exe"
    done
}

# sql_tests: the tests that run.
sql_tests() {
    case $run in
    *qemu*) [ -n "$FULL" ] && ls tests/sql/*.test || sed -n 's,^[a-z].*,tests/sql/&.test,p' tests/platforms/short.txt ;;
    *) ls tests/sql/*.test ;;
    esac
}

test_sql() {
    check_runner "$platform: SQL tests" $theirs $(sql_tests)
}

# The extension in SQLite's shell.
test_shell() {
    if ! sqlite_source sqlite3 5.1.7 "$root/shell"; then
        note_missing "$platform: SQLite's shell (npm sqlite3 5.1.7)"
        return
    fi
    if [ "$run" = wine ]; then
        check "$platform: a shell is built" $compiler -O1 -w -static -o "$here/sqlite3.exe" "$root/shell/shell.c" "$root/shell/sqlite3.c"
        check "$platform: needs no other DLLs" sh packaging/needs.sh "$B/$extension" win_amd64
        check "$platform: loads into a shell" shell_says "$run $here/sqlite3.exe" ".load $B/gru4rec"
    else
        $make --no-print-directory amalgamation >/dev/null
        check "$platform: a static shell is built" $compiler -static -O1 -w -DSQLITE_CORE \
            -DSQLITE_EXTRA_INIT=sqlite3_gru4rec_extra_init -I"$root/shell" -o "$here/sqlite3" \
            "$root/shell/shell.c" "$root/shell/sqlite3.c" dist/gru4rec.c -lm -lpthread
        check "$platform: is in a static shell" shell_says "$run $here/sqlite3" ''
    fi
}

# shell_says SHELL COMMAND: what shell.sql ends with.
shell_says() {
    said=$($1 -batch -bail -cmd "$2" :memory: <tests/platforms/shell.sql 2>&1 | tr -d '\r' | tail -n 1)
    [ "$said" = 'it recommends' ] || { echo "$said"; return 1; }
}

# Models as databases and as files: written here and read there, and the other way round. Ranks
# are the same, scores differ in their last digits.
test_files() {
    built build/release/tests/sqllogictest build/release/gru4rec.so
    ours="build/release/tests/sqllogictest --extension build/release/gru4rec.so"
    rm -f "$here"/*.db "$here"/*.safetensors
    cp tests/fixtures/format_2.db "$here/fixture.db"
    check_runner "$platform: writes" $theirs --define FOLDER="$here/there" tests/platforms/write.test
    check_runner "$platform: is read here" $ours --define FOLDER="$here/there" tests/platforms/read.test
    check_runner "$platform: this machine writes" $ours --define FOLDER="$here/here" tests/platforms/write.test
    check_runner "$platform: reads that" $theirs --define FOLDER="$here/here" tests/platforms/read.test
    check_runner "$platform: reads an old database" $theirs --define FIXTURE="$here/fixture.db" tests/platforms/fixture.test
}

# ---- all ----

start=$(date +%s)
for platform in ${ONLY:-$(platforms)}; do
    eval "$(facts "$platform")"
    here=$root/$platform B=build/release-$compiler-builtin extension=gru4rec.so exe=
    cc="$compiler -isystem $here -L$here -Wl,-rpath,$here"
    [ "$run" != wine ] || { extension=gru4rec.dll exe=.exe cc="$compiler -isystem $here -L$here"; }
    if ! has_compiler; then
        note_missing "$platform (Debian $packages)"
        continue
    fi
    if ! has_sqlite; then
        note_missing "$platform: SQLite (npm better-sqlite3 13.2.0)"
        continue
    fi
    if ! can_run; then
        note_missing "$platform: programs do not run under ${run:-this kernel}"
        continue
    fi
    check "$platform: builds" build "$B/$extension" "$B/tests/sqllogictest" || continue
    theirs="$run $B/tests/sqllogictest$exe --dir ${TMPDIR:-/tmp} --extension $B/$extension"
    [ "$run" != wine ] || theirs="$theirs --define windows=1"
    ! wanted unit || test_units
    ! wanted sql || test_sql
    ! wanted shell || test_shell
    ! wanted files || test_files
    [ "$run" != wine ] || wineserver -k
done
echo "$(($(date +%s) - start)) seconds"
finish
