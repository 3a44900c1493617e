#!/bin/sh
# run.sh PYTHON EXTENSION: order.py, written.py and evaluate.py, and their sum.

here=$(dirname "$0")
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for name in order written evaluate; do
    "$1" "$here/$name.py" "$2" >"$out" 2>&1
    status=$?
    cat "$out"
    p=$(tail -n 1 "$out" | sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p')
    f=$(tail -n 1 "$out" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p')
    if [ -z "$f" ] || { [ $status -ne 0 ] && [ "$f" -eq 0 ]; }; then
        f=$((${f:-0} + 1))
    fi
    passed=$((passed + ${p:-0}))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
