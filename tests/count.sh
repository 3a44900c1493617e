# count.sh - to be sourced: runs test programs, shows what fails, and adds up their last
# lines, "N passed, N failed". A program that ends without one, or badly, is a failure.

passed=0
failed=0
count_out=$(mktemp)
trap 'rm -f "$count_out"' EXIT

# count NAME COMMAND...
count() {
    count_name=$1
    shift
    "$@" >"$count_out" 2>&1
    count_status=$?
    set -- $(tail -n 1 "$count_out" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*$/\1 \2/p')
    if [ $# -ne 2 ] || { [ $count_status -ne 0 ] && [ "$2" -eq 0 ]; }; then
        set -- "${1:-0}" $((${2:-0} + 1))
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    if [ "$2" -gt 0 ]; then
        echo "FAIL  $count_name (exit status $count_status)"
        sed 's/^/    /' "$count_out"
    else
        grep -E '^note|^ *[0-9.]+ s ' "$count_out" # and times
        printf 'ok    %-28s %6d\n' "$count_name" "$1"
    fi
}

# The last line; the exit status.
total() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
