# check.sh - to be sourced: a folder $work for a script's checks, their verdicts, and the last
# line, "N passed, N failed".

passed=0
failed=0
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# check STATUS NAME: STATUS 0 is success; otherwise shows $work/out.
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
        sed 's/^/    /' "$work/out"
    fi
}

# The last line; the exit status.
total() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
