#!/bin/sh
# total.sh MAKE TARGET...: runs make targets and adds up the last line of each, "N passed,
# N failed". A target that ends without one, or badly, counts as one failure.

make=$1
shift
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for target; do
    echo "== $target"
    $make "$target" >"$out" 2>&1
    status=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
    p=$(echo "$line" | sed 's/ passed.*//')
    f=$(echo "$line" | sed 's/.*passed, //; s/ failed.*//')
    p=${p:-0}
    if [ -z "$line" ] || { [ $status -ne 0 ] && [ "$f" -eq 0 ]; }; then
        f=$((${f:-0} + 1))
    fi
    if [ "$f" -gt 0 ]; then
        cat "$out"
    else
        grep -E '^(note|skip|FAIL)' "$out"
        echo "$p passed"
    fi
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
