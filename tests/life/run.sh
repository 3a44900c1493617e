#!/bin/sh
# run.sh [EXTENSION]: whole-process tests; every script of this directory, one after the other.
# GRU4REC_QUICK=1: fewer repetitions. GRU4REC_TIMES=1: seconds of each test.

here=$(dirname "$0")
extension=${1:-$here/../../gru4rec.so}
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for name in locks busy waits two_trainings interrupt kill resume cache serving loading memory limits lifecycle format caller messages values refusals files libraries blas_core locale_comma; do
    "${PYTHON:-/usr/bin/python3}" "$here/$name.py" "$extension" >"$out" 2>&1
    status=$?
    set -- $(tail -n 1 "$out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ $# -ne 2 ] || { [ $status -ne 0 ] && [ "$2" -eq 0 ]; }; then
        set -- "${1:-0}" $((${2:-0} + 1))
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    grep '^ *[0-9.]* s ' "$out" # times
    if [ "$2" -gt 0 ]; then
        echo "FAIL  $name.py (exit status $status)"
        sed 's/^/    /' "$out"
    else
        printf 'ok    %-28s %6d\n' "$name.py" "$1"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
