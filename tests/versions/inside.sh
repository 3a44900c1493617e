#!/bin/sh
# inside.sh BUILD: the extension with all that it needs inside, BLAS=static and BLAS=builtin:
# what each file needs and exports, its SQL tests, and inside.py: other copies, numpy and
# forks in the same process, the host's environment. BUILD, that of BLAS=system, has the
# test runner and the copy that links OpenBLAS. Minutes.

B=${1:-build/release}
. tests/versions/lib.sh
python=${PYTHON:-/usr/bin/python3}
out=build/inside
mkdir -p $out

# The C library alone.
needs_libc_alone() {
    LC_ALL=C objdump -p "$1" | sed -n 's/^ *NEEDED *//p' | grep -vxE 'lib(c|m|pthread)\.so\.[0-9]+|ld-linux.*' >$out/needed
    cat $out/needed
    [ ! -s $out/needed ] && ! nm -D --undefined-only "$1" | grep ' U ' | grep -v '@GLIBC_'
}

exports_its_entries() {
    names=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort | tr '\n' ' ')
    echo "$names"
    [ "$names" = 'sqlite3_extension_init sqlite3_gru4rec_init sqlite3_grurec_init ' ]
}

# Without a file of OpenBLAS anywhere, and without its header.
compiles_without_openblas() {
    ! grep -l 'cblas' $(find build/release-builtin -name '*.d')
}

has_notice() {
    grep -q 'The OpenBLAS Project' THIRD-PARTY && grep -q 'University of Texas' THIRD-PARTY
}

start=$(date +%s)
check 'picks.so builds' ${CC:-cc} -O1 -shared -fPIC -o $out/picks.so tests/life/blas_core.c
for kind in static builtin; do
    if [ $kind = static ] && ! apt_package libopenblas-pthread-dev; then
        note_missing 'OpenBLAS to link in (Debian libopenblas-pthread-dev)'
        continue
    fi
    so=build/release-$kind/gru4rec.so
    make --no-print-directory BLAS=$kind $so >$out/make 2>&1
    check "$kind: builds" test -f $so || continue
    check "$kind: needs only the C library" needs_libc_alone $so
    check "$kind: exports its entry points alone" exports_its_entries $so
    check_runner "$kind: SQL tests" "$B/tests/sqllogictest" --extension $so tests/sql/*.test
    # numpy with the system's OpenBLAS, beside which ours must be another one.
    apt_package python3-numpy || note_missing 'numpy (Debian python3-numpy)'
    check_runner "$kind: beside others" env PICKS=$out/picks.so $python tests/versions/inside.py \
        $so $kind "$B/gru4rec.so"
done
check 'builtin: no header of OpenBLAS' compiles_without_openblas
check "OpenBLAS's notice" has_notice
echo "$(($(date +%s) - start)) seconds"
finish
