#!/bin/sh
# layers.sh BUILD_DIR: the structural rules, checked on the sources and on what was built.
#
#   1. a file includes headers of its own folder, or of one that its folder may see (below)
#   2. only blas.c sees CBLAS and OpenBLAS; src/ never sees SQLite, ext/ no header of src/
#   3. gru4rec.so exports its two entry points and nothing else

build=$1
passed=0
failed=0

# check STATUS TEXT
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# The folders that a folder may see, beside itself.
may_see() {
    case $1 in
    src/base | ext/base) echo '' ;;
    src/kernels | src/options | src/data) echo 'src/base' ;;
    src/model) echo 'src/kernels src/base' ;;
    src/train) echo 'src/model src/data src/kernels src/base' ;;
    src/serve) echo 'src/model src/kernels src/base' ;;
    src/evaluate) echo 'src/train src/serve src/model src/data src/kernels src/base' ;;
    ext/events) echo 'ext/base' ;;
    ext/store) echo 'ext/events ext/base' ;;
    ext/cache) echo 'ext/store ext/events ext/base' ;;
    ext/train | ext/serve | ext/tools) echo 'ext/cache ext/store ext/events ext/base' ;;
    ext) echo 'ext/train ext/serve ext/tools ext/cache ext/store ext/events ext/base' ;;
    *) echo unknown ;;
    esac
}

for file in src/*/*.[ch] ext/*.[ch] ext/*/*.[ch]; do
    folder=${file%/*}
    seen=$(may_see "$folder")
    [ "$seen" != unknown ]
    check $? "$folder has no rule in tests/layers.sh"
    for header in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file"); do
        case $header in
        *include/gru4rec.h) continue ;;
        ../*) other=${folder%%/*}/${header#../} && other=${other%/*} ;;
        */*) other=$folder/${header%/*} ;;
        *) other=$folder ;;
        esac
        case " $folder $seen " in *" $other "*) true ;; *) false ;; esac
        check $? "$file includes $header; $folder may see: $seen"
    done
done

! grep -l 'cblas\|openblas_' src/*/*.[ch] ext/*.[ch] ext/*/*.[ch] | grep -vx src/kernels/blas.c
check $? 'CBLAS is used outside src/kernels/blas.c'
! grep -l 'sqlite3' src/*/*.[ch]
check $? 'SQLite is used in src/'
for object in "$build"/src/*/*.o; do
    ! nm -u "$object" | grep -q ' sqlite3_'
    check $? "$object needs SQLite"
    [ "$object" = "$build/src/kernels/blas.o" ] || ! nm -u "$object" | grep -q ' \(cblas\|openblas\)_'
    check $? "$object needs BLAS"
done

exported=$(nm -D --defined-only "$build/gru4rec.so" | awk '{ print $3 }' | sort | tr '\n' ' ')
[ "$exported" = 'sqlite3_gru4rec_init sqlite3_grurec_init ' ]
check $? "gru4rec.so exports: $exported"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
