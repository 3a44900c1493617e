#!/bin/sh
# amalgamation.sh BUILD: dist/gru4rec.c, by each compiler that is there: the lines that its
# first comment gives compile without a word under -Wall -Wextra, also as strict C11, and
# what they make passes the SQL tests, as an extension and as a part of a program with
# SQLite's amalgamation; in a shell it is there without .load. It exports its entry points
# alone, and has all kernels. BUILD is build/release, whose test runner loads the extension.
# Variables: COMPILERS="gcc clang". Minutes.

B=${1:-build/release}
. tests/versions/lib.sh
built amalgamation "$B/tests/sqllogictest"
out=build/amalgamation
mkdir -p $out/sqlite

# line_of PATTERN: the line of the first comment that has it, after the comment's " *".
line_of() {
    sed -n '/^ \*\//q; s/^ \*   \(cc .*\)/\1/p' dist/gru4rec.c | grep -e "$1"
}

# silent COMMAND: runs it in dist/; it must succeed and say nothing.
silent() {
    (cd dist && eval "$1") >$out/said 2>&1 && [ ! -s $out/said ] || {
        echo "$1"
        cat $out/said
        false
    }
}

# with COMPILER: the line on standard input for that compiler, with warnings, into $out.
with() {
    sed -e "s|^cc|$1 -Wall -Wextra|" -e "s|-o |-o ../$out/$1-|"
}

exports_its_entries() {
    names=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort | tr '\n' ' ')
    [ "$names" = 'sqlite3_extension_init sqlite3_gru4rec_init sqlite3_grurec_init ' ] || {
        echo "$names"
        false
    }
}

# Those that the Makefile has, which makes gru4rec.so of them.
has_all_kernels() {
    nm "$B/gru4rec.so" | grep -o 'g4r_vec_kernels_.*' | sort >$out/wanted
    nm "$1" | grep -o 'g4r_vec_kernels_.*' | sort | diff $out/wanted - && [ -s $out/wanted ]
}

# The runner with SQLite and the extension in it; core.c registers it.
build_core() {
    $1 -O2 -Wall -Wextra -Werror -DSQLITE_CORE -I$out/sqlite -c -o "$out/$1-core.o" dist/gru4rec.c &&
        $1 -std=c11 -O1 -w -I$out/sqlite -c -o $out/core-main.o tests/versions/core.c &&
        $1 -std=c11 -O1 -w -Dmain=runner_main -I$out/sqlite -o "$out/$1-runner" \
            tests/sqllogictest/*.c $out/core-main.o "$out/$1-core.o" $out/sqlite3.o -lm -lpthread -ldl
}

shell_has_it() {
    "$1" :memory: "CREATE TABLE t AS WITH n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 99)
        SELECT i / 4 AS session, i * i % 11 AS item, i AS time FROM n;
        SELECT json_extract(gru4rec_train('rec', 't', 'layers=8'), '\$.items');
        SELECT count(*) FROM gru4rec_recommend('rec', '[1]', 3)" | tr '\n' ' ' | grep -x '6 3 '
}

# 3.44.2. Not 6.0.1, which has 3.52.0: ten of the SQL tests fail with that, also with gru4rec.so.
has_sqlite() {
    sqlite_source sqlite3 5.1.7 $out/sqlite && [ -s $out/sqlite/shell.c ] &&
        gcc -O1 -w -DSQLITE_ENABLE_MATH_FUNCTIONS -c -o $out/sqlite3.o $out/sqlite/sqlite3.c
}

start=$(date +%s)
has_sqlite || note_missing 'SQLite with its shell (npm sqlite3 5.1.7)'
for compiler in ${COMPILERS:-gcc clang}; do
    if ! command -v $compiler >/dev/null; then
        note_missing $compiler
        continue
    fi
    check "$compiler: one line" silent "$(line_of -shared | with $compiler)" || continue
    so=$out/$compiler-gru4rec.so
    check "$compiler: strict C11, with asserts" silent \
        "$compiler -std=c11 -Wall -Wextra -DGRU4REC_DEBUG -fsyntax-only gru4rec.c"
    check "$compiler: exports" exports_its_entries "$so"
    check "$compiler: kernels" has_all_kernels "$so"
    check_runner "$compiler: SQL tests" "$B/tests/sqllogictest" --extension "$so" tests/sql/*.test
    [ -f $out/sqlite3.o ] || continue
    check "$compiler: builds into a program" build_core $compiler &&
        check_runner "$compiler: SQL tests in the program" "$out/$compiler-runner" tests/sql/*.test
done
if [ -f $out/sqlite3.o ]; then
    check 'a shell in one line' silent "$(line_of EXTRA_INIT | with gcc |
        sed "s|-Wextra|-w|; s|shell.c sqlite3.c|-I../$out/sqlite ../$out/sqlite/shell.c ../$out/sqlite/sqlite3.c|")" &&
        check 'the shell has it' shell_has_it $out/gcc-sqlite3
fi
if [ -n "$(pkg-config --cflags openblas 2>/dev/null)" ]; then
    check 'with OpenBLAS' silent "gcc -O1 -Wall -Wextra -DGRU4REC_CBLAS $(pkg-config --cflags openblas) \
        -fPIC -shared gru4rec.c -o ../$out/openblas.so $(pkg-config --libs openblas) -lm -lpthread" &&
        check 'with OpenBLAS: it multiplies' sh -c "sqlite3 -cmd '.load $out/openblas' :memory: \
            \"SELECT json_extract(gru4rec_info(), '\\\$.blas')\" | grep '^OpenBLAS'"
fi
echo "$(($(date +%s) - start)) seconds"
finish
