#!/bin/sh
# nightly.sh DATABASE [DAY]: a night of the model rec, for cron. Trains a candidate on the clicks before DAY (UTC; without it,
# yesterday), and lets it serve if it guesses the visits since DAY at least as well as the version that serves. Then checks
# the model and the file, and makes the backup DATABASE.backup, which only its owner can read. The figures of each night stay
# in the table gate.
#
# Exit status: 0 done, or there was nothing new, or the exam was too small; 3 there was no exam; 75 another night is still
# under way; 124 or 137 the time was over; else something failed. Standard output and standard error are the log. Whatever
# happens, a version serves on.
#
# ANEW=1 trains on all clicks before DAY, from random weights; else the night goes on with the version that serves, and takes
# what is new. GRU4REC names the extension, SECONDS_MAX the limit in time of each step, MEMORY the limit in bytes of a
# training's memory and of the exam of what it made, and EXAM_MIN how many clicks an exam must have to decide.
set -eu
umask 077
db=$1
day=${2:-$(date -u -d yesterday +%F)}
gru4rec=${GRU4REC:-$(cd "$(dirname "$0")/../.." && pwd)/gru4rec}
options="keep_optimizer=true,activate=false,until=$day,threads=1,memory_limit=${MEMORY:-2000000000},commit_wait=600"
[ -n "${ANEW:-}" ] || options="since=last,warm_start=true,$options"

say() { echo "$(date -u +%FT%TZ) $*"; }

# sql: the statements on standard input; stops at the first error. Everything else on this machine goes before. It stays in
# the script's process group (--foreground), so who stops the group stops it too.
sql() {
    OPENBLAS_NUM_THREADS=1 nice -n 19 timeout --foreground -k 60 -s INT "${SECONDS_MAX:-3600}" \
        sqlite3 -batch -bail -cmd '.timeout 60000' -cmd ".load '$gru4rec'" "$db"
}

active() { echo "SELECT value FROM rec_config WHERE key = 'version';" | sql; }

# measure VERSION VERSION: their figures go into the table gate. The exam is the visits that began since DAY: one that began
# before was trained on in part. A visit is a session, or what a pause longer than the model's session_gap cuts from it. The
# exam is a table, so that both versions have the same: the shop goes on writing clicks. It keeps the order of rowid, which
# clicks with the same time have in the training. Figures are read first: who writes while it measures keeps others waiting.
measure() {
    sql <<SQL
CREATE TEMP VIEW gap AS SELECT value ->> 'session_gap' AS gap FROM rec_config WHERE key = 'options';
CREATE TEMP VIEW pause AS SELECT *, rowid AS click, ts - lag(ts) OVER (PARTITION BY session_id ORDER BY ts, rowid) AS pause FROM clicks
WHERE session_id IN (SELECT session_id FROM clicks WHERE ts >= unixepoch('$day'));
CREATE TEMP TABLE exam AS SELECT * FROM (SELECT *, max(iif(pause IS NULL OR (gap > 0 AND pause > gap), ts, NULL))
    OVER (PARTITION BY session_id ORDER BY ts, click) AS began FROM pause, gap) WHERE began >= unixepoch('$day') ORDER BY click;
CREATE TEMP TABLE figure AS SELECT v.column1 AS version, e.mrr, e.recall, e.events, e.warnings FROM (VALUES ($1), ($2)) AS v
JOIN gru4rec_evaluate('rec', 'exam', 'cutoffs=20,version=' || v.column1) AS e ON e.method = 'gru4rec';
INSERT INTO gate SELECT '$day', version, mrr, recall, events, warnings, datetime() FROM figure;
SELECT format('version %d: MRR@20 %.4f, Recall@20 %.4f, %d clicks', version, mrr, recall, events) || coalesce('; ' || warnings, '')
FROM figure;
SQL
}

# newest FIGURE VERSION VERSION: the figure from this day's last rows of two versions.
newest() {
    echo "SELECT $1 FROM gate WHERE rowid IN (SELECT max(rowid) FROM gate
          WHERE day = '$day' AND version IN ($2, $3) GROUP BY version);" | sql
}

# decide ACTIVE CANDIDATE: 1 if the candidate shall serve. By the sum of 1/rank: who knows more items has more clicks to guess.
decide() {
    newest "sum(iif(version = $2, 1, -1) * coalesce(mrr * events, 0)) >= 0" "$1" "$2"
}

[ -f "$db" ] || { say "there is no database $db" && exit 1; }
trap 'say "stopped from outside"; exit 143' TERM
exec 9>"$db.lock"
flock -w 60 9 || { say 'another night is still under way' && exit 75; }
error=$db.error
trap 'rm -f "$error"' EXIT
echo 'CREATE TABLE IF NOT EXISTS gate(day, version, mrr, recall, events, warnings, measured);' | sql
active=$(active)
say "version ${active:-none} serves; training on the clicks before $day"
status=0
result=0
trained=$(echo "SELECT s ->> 'version', s ->> 'warnings' FROM (SELECT gru4rec_train('rec', '$options') AS s);" |
    sql 2>"$error") || status=$?
if [ $status -eq 0 ]; then
    candidate=${trained%%|*}
    [ "${trained#*|}" = '[]' ] || say "the training warns: ${trained#*|}"
    if [ -z "$active" ]; then
        say "version $candidate is the first"
        better=1
    else
        figures=$(measure "$active" "$candidate")
        echo "$figures" | while read -r line; do say "$line"; done
        clicks=$(newest 'max(events)' "$active" "$candidate")
        better=0
        if [ "$clicks" -eq 0 ]; then
            say "there is no exam: nothing can be compared. Version $candidate waits"
            result=3
        elif [ "$clicks" -lt "${EXAM_MIN:-500}" ]; then
            say "the exam is too small: $clicks clicks, less than ${EXAM_MIN:-500}. Version $candidate waits"
        else
            better=$(decide "$active" "$candidate")
        fi
    fi
    [ "$better" != 1 ] || echo "SELECT gru4rec_deploy('rec', $candidate);" | sql >/dev/null
elif grep -q 'there is no event after' "$error"; then
    say 'there is nothing new'
else
    cat "$error" >&2
    say "the training failed, exit status $status"
    exit $status
fi
active=$(active)
say "version $active serves"
damage=$(echo "PRAGMA quick_check(1);" | sql)
[ "$damage" = ok ] || { say "the database is damaged: $damage" && exit 1; }
damage=$(echo "SELECT gru4rec_check('rec');" | sql)
[ "$damage" = ok ] || { say "the model is damaged: $damage" && exit 1; }
rm -f "$db.backup.new"
echo "VACUUM INTO '$db.backup.new';" | sql
damage=$(sqlite3 -batch -readonly "$db.backup.new" 'PRAGMA quick_check(1)')
[ "$damage" = ok ] || { say "the new backup is damaged: $damage" && exit 1; }
mv "$db.backup.new" "$db.backup"
say "backup in $db.backup"
exit $result
