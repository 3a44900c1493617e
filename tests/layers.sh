#!/bin/sh
# layers.sh BUILD_DIR: the structural rules, checked on the sources and on what was built.
#
#   1. a file of src/ includes only headers of its own layer or a lower one (table below)
#   2. only blas.c sees CBLAS and OpenBLAS; src/ never sees SQLite, ext/ no header of src/
#   3. gru4rec.so exports its two entry points and nothing else
#   4. no .c or .h file is longer than 600 lines

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

layer() {
    case $1 in
    base | status | alloc | arena | rng | timing) echo 0 ;;
    pool | blas | vec | vec_kernels | vec_math | vec_scan | topk | dict) echo 1 ;;
    cell | cell_torch | cell_original | loss | softmax | sampler | rowset | option | shortlist) echo 2 ;;
    options | params | model | training | network | optim | items | quantized) echo 3 ;;
    dataset | schedule | step | train | session | ranking | batch | similar | evaluate | build | prepare) echo 4 ;;
    *) echo none ;;
    esac
}

for file in src/*.c src/*.h; do
    own=$(layer "$(basename "$file" | sed 's/\.[ch]$//')")
    [ "$own" != none ]
    check $? "$file has no layer in tests/layers.sh"
    for header in $(sed -n 's/^#include "\([a-z_0-9]*\)\.h".*/\1/p' "$file"); do
        [ "$(layer "$header")" != none ] && [ "$(layer "$header")" -le "$own" ]
        check $? "$file includes $header.h of a higher layer"
    done
done

! grep -l 'cblas\|openblas_' src/*.c src/*.h ext/*.c ext/*.h | grep -vx src/blas.c
check $? 'CBLAS is used outside src/blas.c'
! grep -l 'sqlite3' src/*.c src/*.h
check $? 'SQLite is used in src/'
! grep -n '^#include "' ext/*.c ext/*.h | grep -v '"ext_int.h"\|"ext_serve.h"\|"ext_train.h"\|"../include/gru4rec.h"'
check $? 'ext/ includes more than ext_int.h, ext_serve.h, ext_train.h and include/gru4rec.h'
for object in "$build"/src/*.o; do
    ! nm -u "$object" | grep -q ' sqlite3_'
    check $? "$object needs SQLite"
    [ "$object" = "$build/src/blas.o" ] || ! nm -u "$object" | grep -q ' \(cblas\|openblas\)_'
    check $? "$object needs BLAS"
done

exported=$(nm -D --defined-only "$build/gru4rec.so" | awk '{ print $3 }' | sort | tr '\n' ' ')
[ "$exported" = 'sqlite3_gru4rec_init sqlite3_grurec_init ' ]
check $? "gru4rec.so exports: $exported"

for file in $(git ls-files '*.c' '*.h' 2>/dev/null); do
    [ ! -e "$file" ] || [ "$(wc -l <"$file")" -le 600 ]
    check $? "$file has more than 600 lines"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
