#!/bin/sh
# blas.sh BUILD: Debian's three builds of OpenBLAS, one after the other through
# LD_LIBRARY_PATH: the SQL tests, trainings in several threads at once (serial OpenBLAS has
# no locks of its own), a child after fork() (OpenMP's hangs in a product with threads), and
# the end of a process that has trained; and kernels that are chosen again, also where
# OpenBLAS is linked into the extension. BUILD is build/release.

B=${1:-build/release}
CC=${CC:-cc}
. tests/versions/lib.sh
built "$B/gru4rec.so" "$B/tests/sqllogictest" "$B/tests/test_blas_core"
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

# OpenBLAS as a part of the extension, which begins before it.
build_static() {
    $CC -shared -Wl,-z,nodelete -Wl,-z,now -Wl,--exclude-libs,ALL -o "$out/static.so" \
        $(find "$B/ext" "$B/src" -name '*.o') "$1" -lgfortran -lm -lpthread $2 &&
        $CC -O1 -shared -fPIC -o $out/picks.so tests/life/blas_core.c
}

# It has an OpenBLAS of its own: that is chosen again, whoever uses another.
static_chooses() {
    LD_PRELOAD="$PWD/$out/picks.so" TEST_CORETYPE=Prescott "$B/tests/sqllogictest" \
        --extension "$out/static.so" tests/sql/*.test | tail -n 1 | grep ' 0 failed' &&
        LD_PRELOAD="$PWD/$out/picks.so" TEST_CORETYPE=Prescott sqlite3 -init /dev/null \
            -cmd ".load $out/static" :memory: \
            "SELECT json_extract(gru4rec_info(), '\$.blas_core_reason')" |
        grep '^chosen by gru4rec: .* picked Prescott$'
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
        check "$variant: fork after a product of $who" timeout 600 $out/fork \
            "$B/gru4rec.so" $who
    done
    check "$variant: the shell ends well" ends_well
    check "$variant: Python ends well" python_ends_well
    check "$variant: kernels, in the library" "$B/tests/test_blas_core"
    apt_package python3-numpy &&
        check_runner "$variant: kernels, in the extension" /usr/bin/python3 \
            tests/life/blas_core.py "$B/gru4rec.so"
    unset LD_LIBRARY_PATH
    apt_package libopenblas-$variant-dev || continue
    openmp=
    [ $variant != openmp ] || openmp=-lgomp
    check "$variant: linked in" build_static "${library%.so.0}.a" $openmp &&
        check "$variant: linked in, kernels" static_chooses
done
echo "$(($(date +%s) - start)) seconds"
finish
