#!/bin/sh
# blas.sh BUILD: Debian's three builds of OpenBLAS, one after the other through
# LD_LIBRARY_PATH: the SQL tests, trainings in several threads at once (serial OpenBLAS has
# no locks of its own), a child after fork() (OpenMP's hangs in a product with threads), and
# the end of a process that has trained. BUILD is build/release.

B=${1:-build/release}
CC=${CC:-cc}
. tests/versions/lib.sh
built "$B/gru4rec.so" "$B/tests/sqllogictest"
out=build/blas
mkdir -p $out
export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2

build() {
    $CC -std=gnu11 -O1 -g -Wall -Wextra -o "$out/$1" "tests/versions/$1.c" -lsqlite3 \
        -lpthread -ldl
}

# The extension must run on the build that this is about.
is_used() {
    sqlite3 -init /dev/null -cmd ".load $B/gru4rec" :memory: \
        "SELECT json_extract(gru4rec_info(), '\$.blas_threading')" | grep -x "$1"
}

ends_well() {
    sed 's/$/;/' tests/hosts/statements.sql | sqlite3 -init /dev/null -batch -bail \
        -cmd ".load $B/gru4rec" :memory: >/dev/null
}

python_ends_well() {
    /usr/bin/python3 tests/hosts/python.py "$B/gru4rec" :memory: <tests/hosts/statements.sql
}

start=$(date +%s)
check 'threads.c builds' build threads
check 'fork.c builds' build fork
for variant in serial pthread openmp; do
    if ! apt_package libopenblas0-$variant; then
        note_missing "OpenBLAS $variant (Debian libopenblas0-$variant)"
        continue
    fi
    library=$(dpkg -L libopenblas0-$variant | grep '/libopenblas\.so\.0$')
    LD_LIBRARY_PATH=$(dirname "$library")
    export LD_LIBRARY_PATH
    check "$variant: it is the one in use" is_used $variant || continue
    check_runner "$variant: SQL tests" "$B/tests/sqllogictest" --extension "$B/gru4rec.so" \
        tests/sql/*.test
    check "$variant: trainings at once, the same bits" timeout 300 $out/threads \
        "$B/gru4rec.so" same 4
    check "$variant: serving while training" timeout 300 $out/threads "$B/gru4rec.so" serve 3
    for who in host extension both; do
        check "$variant: fork after a product of $who" timeout 100 $out/fork \
            "$B/gru4rec.so" $who
    done
    check "$variant: the shell ends well" ends_well
    check "$variant: Python ends well" python_ends_well
    unset LD_LIBRARY_PATH
done
echo "$(($(date +%s) - start)) seconds"
finish
