#!/bin/sh
# total.sh MAKE TARGET...: runs make targets and adds up the last line of each, "N passed,
# N failed". A target that ends without one, or badly, counts as one failure. As many run
# at a time as there are processors, or TEST_JOBS; each is shown when it ends. What they
# are made of must exist before: two of them would build the same file.

make=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/one" <<'END'
make=$1 work=$2 target=$3
start=$(date +%s)
TEST_JOBS=1 $make "$target" >"$work/$target.out" 2>&1
status=$?
line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/$target.out" | tail -n 1)
passed=$(echo "$line" | sed 's/ passed.*//')
failed=$(echo "$line" | sed 's/.*passed, //; s/ failed.*//')
if [ -z "$line" ] || { [ $status -ne 0 ] && [ "$failed" -eq 0 ]; }; then
    failed=$((${failed:-0} + 1))
fi
{
    echo "== $target ($(($(date +%s) - start)) s)"
    if [ "$failed" -gt 0 ]; then
        cat "$work/$target.out"
    else
        grep -E '^(note|skip|FAIL)' "$work/$target.out"
        echo "$passed passed"
    fi
} >"$work/$target.text"
cat "$work/$target.text"
echo "${passed:-0} $failed" >"$work/$target.count"
END
printf '%s\n' "$@" | xargs -P "${TEST_JOBS:-$(nproc)}" -I '{}' sh "$work/one" "$make" "$work" '{}'
for target; do
    [ -s "$work/$target.count" ] || echo "0 1" >"$work/$target.count"
done
cat "$work"/*.count | awk '{ passed += $1; failed += $2 }
    END { print passed " passed, " failed " failed"; exit failed > 0 }'
