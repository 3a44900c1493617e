#!/bin/sh
# run.sh PYTHON EXTENSION: every test of the recipes. The last line is "N passed, N failed".

here=$(dirname "$0")
python=$1
extension=$2
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# run NAME [ARGUMENT...]
run() {
    name=$1
    shift
    "$python" "$here/$name.py" "$@" >"$out" 2>&1
    status=$?
    set -- $(tail -n 1 "$out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ $# -ne 2 ] || { [ $status -ne 0 ] && [ "$2" -eq 0 ]; }; then
        set -- "${1:-0}" $((${2:-0} + 1))
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    if [ "$2" -gt 0 ]; then
        echo "FAIL  $name.py (exit status $status)"
        sed 's/^/    /' "$out"
    else
        printf 'ok    %-28s %6d\n' "$name.py" "$1"
    fi
}

run prepare
run live "$extension"
run pytorch "$extension"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
