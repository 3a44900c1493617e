#!/bin/sh
# load.sh EXTENSION [EVENTS.tsv]: how fast events come from a table into training form.
#
# Events are read through gru4rec_batches(), which does what training does before its first
# step and no more. Without a file a million sessions with three million events are
# invented. Times are medians of five; memory is the peak above that of an open database.

set -eu
extension=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=$work/load.db

if [ $# -gt 1 ]; then
    sqlite3 "$db" 'CREATE TABLE plain(session INTEGER, item INTEGER, ts REAL)' '.mode tabs' \
        ".import --skip 1 $2 plain"
else
    sqlite3 "$db" 'CREATE TABLE plain(session INTEGER, item INTEGER, ts INTEGER)' '
        WITH RECURSIVE e(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM e WHERE i < 2999999)
        INSERT INTO plain SELECT i / 3, (i * 7919 + i / 3 * 104729) % 46033, 1000000 + i FROM e'
fi
sqlite3 "$db" 'CREATE TABLE indexed AS SELECT * FROM plain;
    CREATE INDEX covering ON indexed(session, ts, item);
    CREATE TABLE words(session TEXT, item TEXT, ts);
    INSERT INTO words SELECT printf("session-%08d", session), printf("product-%07d", item * 22 + session % 22), ts
    FROM plain;'
n=$(sqlite3 "$db" 'SELECT count(*) FROM plain')

# measure TABLE: seconds and peak kilobytes of one reading
measure() {
    /usr/bin/env time -f '%e %M' sqlite3 -cmd ".load $extension" "$db" \
        "SELECT step FROM gru4rec_batches('$1', 32) LIMIT 1" 2>&1 >/dev/null
}
# The same without the reading.
idle() {
    /usr/bin/env time -f '%e %M' sqlite3 -cmd ".load $extension" "$db" \
        "SELECT count(*) FROM $1" 2>&1 >/dev/null
}
median() {
    sort -n | sed -n 3p
}

printf '%-32s %10s %8s %12s\n' source seconds 'M ev/s' 'bytes/event'
for table in plain indexed words; do
    base=$(idle $table | cut -d ' ' -f 2)
    for i in 1 2 3 4 5; do measure $table; done | median >"$work/result"
    awk -v t=$table -v n="$n" -v base="$base" '
        { printf "%-32s %10.2f %8.2f %12.1f\n", t, $1, n / $1 / 1e6, ($2 - base) * 1024 / n }' "$work/result"
done
