#!/bin/sh
# nightly.sh DATABASE [DAY]: a night of the model rec, for cron. Trains a candidate on the clicks before DAY (UTC; without it,
# yesterday), and lets it serve if it guesses the visits since DAY at least as well as the version that serves. Then checks
# the model and makes the backup DATABASE.backup. The figures of each night stay in the table gate.
#
# Exit status: 0 done, or there was nothing new; 75 another night is still under way; 124 or 137 the time was over; else
# something failed. Standard output and standard error are the log. Whatever happens, a version serves on.
#
# GRU4REC names the extension, SECONDS_MAX the limit in time of each step, MEMORY that of a training's memory in bytes.
set -eu
db=$1
day=${2:-$(date -u -d yesterday +%F)}
gru4rec=${GRU4REC:-$(cd "$(dirname "$0")/../.." && pwd)/gru4rec}
options="since=last,warm_start=true,activate=false,until=$day,threads=1,memory_limit=${MEMORY:-2000000000},commit_wait=600"

say() { echo "$(date -u +%FT%TZ) $*"; }

# sql: the statements on standard input; stops at the first error. Everything else on this machine goes before.
sql() {
    OPENBLAS_NUM_THREADS=1 nice -n 19 timeout -k 60 -s INT "${SECONDS_MAX:-3600}" \
        sqlite3 -batch -bail -cmd '.timeout 60000' -cmd ".load '$gru4rec'" "$db"
}

active() { echo "SELECT value FROM rec_config WHERE key = 'version';" | sql; }

# measure VERSION: its figures go into the table gate. The exam is the visits that began since DAY: one that began before
# was trained on in part. The figures are read first: who writes while it measures keeps others waiting.
measure() {
    sql <<SQL
CREATE TEMP TABLE figure AS SELECT mrr, recall, events, warnings FROM gru4rec_evaluate('rec', 'SELECT * FROM clicks
    WHERE session_id IN (SELECT session_id FROM clicks GROUP BY session_id HAVING min(ts) >= unixepoch(''$day''))',
    'cutoffs=20,version=$1') WHERE method = 'gru4rec';
INSERT INTO gate SELECT '$day', $1, mrr, recall, events, warnings, datetime() FROM figure;
SELECT format('version $1: MRR@20 %.4f, Recall@20 %.4f, %d clicks', mrr, recall, events) || coalesce('; ' || warnings, '')
FROM figure;
SQL
}

# decide ACTIVE CANDIDATE: 1 if the candidate shall serve. By the sum of 1/rank: who knows more items has more clicks to guess.
decide() {
    sql <<SQL
SELECT candidate.mrr * candidate.events >= active.mrr * active.events
FROM gate AS active, gate AS candidate WHERE active.rowid = (SELECT max(rowid) FROM gate WHERE version = $1)
AND candidate.rowid = (SELECT max(rowid) FROM gate WHERE version = $2);
SQL
}

exec 9>"$db.lock"
flock -w 60 9 || { say 'another night is still under way' && exit 75; }
error=$db.error
trap 'rm -f "$error"' EXIT
echo 'CREATE TABLE IF NOT EXISTS gate(day, version, mrr, recall, events, warnings, measured);' | sql
active=$(active)
say "version ${active:-none} serves; training on the clicks before $day"
status=0
candidate=$(echo "SELECT gru4rec_train('rec', '$options') ->> 'version';" | sql 2>"$error") || status=$?
if [ $status -eq 0 ]; then
    if [ -z "$active" ]; then
        say "version $candidate is the first"
        better=1
    else
        say "$(measure "$active")"
        say "$(measure "$candidate")"
        better=$(decide "$active" "$candidate")
    fi
    [ "$better" != 1 ] || echo "SELECT gru4rec_deploy('rec', $candidate);" | sql >/dev/null
elif grep -q 'there is no event after' "$error"; then
    say 'there is nothing new'
else
    cat "$error" >&2
    say "the training failed, exit status $status"
    exit $status
fi
say "version $(active) serves"
[ "$(echo "SELECT gru4rec_check('rec');" | sql)" = ok ] || { say 'the model is damaged' && exit 1; }
rm -f "$db.backup.new"
echo "VACUUM INTO '$db.backup.new';" | sql
mv "$db.backup.new" "$db.backup"
say "backup in $db.backup"
