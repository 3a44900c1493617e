#!/bin/sh
# Self-test of the runner: run.sh RUNNER
#
#   pass/*.test    must be reported as ok, those named skip_* as skipped
#   fail/*.test    must fail with the output that their line "# expect: REGEX" asks for
#   update/        --update must turn stale.test into fresh.test, byte for byte
#
# CC (default cc) builds the extension misbehave.c for it. Prints "N passed, N failed".

set -u
if [ $# -ne 1 ]; then
    echo "usage: $0 RUNNER" >&2
    exit 2
fi
runner=$(realpath "$1") || exit 2
cd "$(dirname "$0")" || exit 2

. ../../check.sh
# A crash leaves its database behind: in $work.
export TMPDIR="$work"

# run ARGUMENT...: runs the runner, its output in $work/out; its status is in $status.
run() {
    "$runner" --extension "$work/misbehave.so" --define GREETING=hello "$@" \
        >"$work/out" 2>&1
    status=$?
}

# Output has a line that matches, as an extended regular expression.
says() {
    grep -Eq -e "$1" "$work/out"
}

"${CC:-cc}" -shared -fPIC -o "$work/misbehave.so" misbehave.c || exit 2

# ---- files that pass

for file in pass/*.test; do
    case $file in
    pass/skip_*) verdict=skip ;;
    *) verdict='ok  ' ;;
    esac
    run "$file"
    [ "$status" -eq 0 ] && says "^$verdict  $file" && says '^[0-9]+ passed, 0 failed, '
    check $? "$file"
done

# ---- files that fail

for file in fail/*.test; do
    expect=$(sed -n '1s/^# expect: //p' "$file" | tr -d '\0')
    run "$file"
    [ -n "$expect" ] && [ "$status" -ne 0 ] && says "$expect"
    check $? "$file"
done

# ---- several files

run pass/statements.test fail/goes_on.test pass/skip_option.test pass/empty.test
[ "$status" -eq 1 ] && says '^ok    pass/statements' && says '^FAIL  fail/goes_on' &&
    says '^skip  pass/skip_option' && says '^ok    pass/empty' &&
    [ "$(tail -n 1 "$work/out")" = '14 passed, 2 failed, 1 skipped' ]
check $? 'totals of several files'

run pass/statements.test fail/crash.test pass/empty.test
[ "$status" -gt 128 ] && says '^ok    pass/statements'
check $? 'verdicts from before a crash'
rm -rf "$work"/sqllogictest-*

run fail/memory_left.test pass/statements.test
[ "$status" -eq 1 ] && says '^ok    pass/statements'
check $? 'a leak is charged to its own file'

run fail/statement_left.test pass/statements.test
[ "$status" -eq 1 ] && says '^ok    pass/statements'
check $? 'an unclosed connection is charged to its own file'

# ---- options

run
[ "$status" -eq 2 ] && says '^usage: '
check $? 'no file'

run --unknown pass/empty.test
[ "$status" -eq 2 ] && says "bad option '--unknown'"
check $? 'unknown option'

run --define 1X=2 pass/empty.test
[ "$status" -eq 2 ] && says "bad option '--define'"
check $? 'bad name of --define'

run "$work/none.test"
[ "$status" -eq 1 ] && says "cannot read '$work/none.test'"
check $? 'missing file'

"$runner" --extension "$work/none.so" pass/statements.test >"$work/out" 2>&1
[ $? -eq 1 ] && says "statements\.test:3: cannot load extension '$work/none.so'" &&
    says '^0 passed, 1 failed, 0 skipped$'
check $? 'missing extension'

run --verbose pass/statements.test
[ "$status" -eq 0 ] && says '^pass/statements.test:11: statement count 2 \| UPDATE t'
check $? '--verbose'

mkdir "$work/kept"
run --keep --dir "$work/kept" pass/statements.test
[ "$status" -eq 0 ] && says "^kept  $work/kept/" &&
    [ -n "$(find "$work/kept" -name test.db -size +0)" ]
check $? '--keep and --dir'

[ -z "$(find "$work" -maxdepth 1 -name 'sqllogictest-*')" ]
check $? 'no directory left behind'

# ---- --update

# same FILE1 FILE2: compares, the difference going to $work/out.
same() {
    diff "$1" "$2" >>"$work/out" 2>&1 && cmp -s "$1" "$2"
}

cp update/*.test update/part.inc "$work"
chmod 640 "$work/stale.test"

run "$work/stale.test"
[ "$status" -eq 1 ] && says '^8 passed, 16 failed, 1 skipped$' &&
    same update/stale.test "$work/stale.test"
check $? 'stale file, without --update'

run --update "$work/stale.test"
[ "$status" -eq 0 ] && says '16 updated' && same update/fresh.test "$work/stale.test" &&
    same update/part.inc "$work/part.inc" && [ ! -e "$work/stale.test.update" ] &&
    [ "$(stat -c %a "$work/stale.test")" = 640 ]
check $? '--update of a stale file'

run "$work/stale.test"
[ "$status" -eq 0 ]
check $? 'updated file'

run --update "$work/stale.test"
[ "$status" -eq 0 ] && same update/fresh.test "$work/stale.test"
check $? '--update of an updated file'

for name in loop unwritable; do
    run --update "$work/$name.test"
    [ "$status" -eq 1 ] && same "update/$name.test" "$work/$name.test"
    check $? "--update leaves $name.test"
done

# update_bytes NAME BEFORE AFTER: both with escapes as of printf.
update_bytes() {
    printf %b "$2" >"$work/bytes.test"
    printf %b "$3" >"$work/bytes.fresh"
    run --update "$work/bytes.test"
    [ "$status" -eq 0 ] && same "$work/bytes.fresh" "$work/bytes.test"
    check $? "$1"
}

update_bytes '--update keeps CR LF' \
    'query I\r\nSELECT 1 UNION SELECT 2\r\n----\r\n1\r\n\r\nhalt\r\n' \
    'query I\r\nSELECT 1 UNION SELECT 2\r\n----\r\n1\r\n2\r\n\r\nhalt\r\n'
update_bytes '--update keeps a missing last newline' \
    'query I\nSELECT 1 UNION SELECT 2\n----\n3' \
    'query I\nSELECT 1 UNION SELECT 2\n----\n1\n2'
update_bytes '--update adds a block at the end of the file' \
    'query I\nSELECT 1 UNION SELECT 2' \
    'query I\nSELECT 1 UNION SELECT 2\n----\n1\n2'

total
