#!/bin/sh
# run.sh PROGRAM...: runs test programs, shows what fails, and adds up their last lines
# ("N passed, N failed"). A program that ends without such a line counts as one failure.

passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program; do
    "$program" >"$out" 2>&1
    status=$?
    set -- $(tail -n 1 "$out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ $# -ne 2 ] || { [ $status -ne 0 ] && [ "$2" -eq 0 ]; }; then
        set -- "${1:-0}" $((${2:-0} + 1))
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    if [ "$2" -gt 0 ]; then
        echo "FAIL  $program (exit status $status)"
        sed 's/^/    /' "$out"
    else
        printf 'ok    %-28s %6d\n' "$(basename "$program")" "$1"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
