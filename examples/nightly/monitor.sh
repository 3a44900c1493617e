#!/bin/sh
# monitor.sh DATABASE: says what is wrong with the nights of the model rec, as nightly.sh leaves them. Writes nothing.
#
# Exit status: 0 nothing is wrong, and nothing is printed; 1 a line for each thing that is wrong; 2 the database could not be
# asked. GRU4REC names the extension, HOURS (24) the age at which a night or its backup is missing, and DAYS (8) that at which
# the gate has decided nothing for too long; EXAM_MIN is that of nightly.sh. AGE (30) is that in days of the version that serves
# at which no candidate has won for too long. A training hangs if it has not written for ten minutes how far it is.
set -eu
db=$1
gru4rec=${GRU4REC:-$(cd "$(dirname "$0")/../.." && pwd)/gru4rec}
hours=${HOURS:-24}
days=${DAYS:-8}

[ -f "$db" ] || { echo "there is no database $db" >&2 && exit 2; }
nights=$(sqlite3 -batch -bail -readonly -cmd '.timeout 60000' "$db" "SELECT count(*) FROM sqlite_schema WHERE name = 'gate'") || exit 2
[ "$nights" != 0 ] || { echo 'no night ever ran' && exit 1; }
wrong=$(sqlite3 -batch -bail -readonly -cmd '.timeout 60000' -cmd ".load '$gru4rec'" "$db" <<SQL
CREATE TEMP VIEW run AS SELECT *, started > datetime('now', '-$hours hours') AS is_new,
    status IN ('failed', 'interrupted', 'killed') AND coalesce(message, '') NOT LIKE '%there is no event after%' AS is_bad
FROM gru4rec_status('rec');
SELECT 'no version serves' WHERE NOT EXISTS (SELECT 1 FROM run WHERE active);
SELECT 'no training began in the last $hours hours' WHERE NOT EXISTS (SELECT 1 FROM run WHERE is_new);
SELECT format('the training of %s: %s, %s', started, status, message) FROM run
WHERE is_new AND is_bad AND version > (SELECT coalesce(max(version), 0) FROM run WHERE NOT is_bad AND status <> 'training');
SELECT 'the gate has decided nothing in the last $days days: too few clicks, or none, were in the exams'
WHERE NOT EXISTS (SELECT 1 FROM gate WHERE measured > datetime('now', '-$days days') AND events >= ${EXAM_MIN:-500})
    AND EXISTS (SELECT 1 FROM run WHERE started < datetime('now', '-$days days'));
SELECT format('no candidate has won since %s; train a version anew, without warm_start', started)
FROM run WHERE active AND started < datetime('now', '-${AGE:-30} days');
SELECT format('the training of %s hangs: it has written nothing since %s', run.started, coalesce(updated, run.started))
FROM run JOIN rec_version USING (version)
WHERE run.status = 'training' AND coalesce(updated, run.started) < datetime('now', '-10 minutes');
SELECT 'quick_check: ' || quick_check FROM pragma_quick_check(1) WHERE quick_check <> 'ok';
SELECT 'check: ' || damage FROM (SELECT gru4rec_check('rec') AS damage) WHERE damage <> 'ok';
SQL
) || exit 2
[ -n "$(find "$db.backup" -mmin "-$((hours * 60))" 2>/dev/null)" ] || wrong="${wrong:+$wrong
}no night ended well in the last $hours hours: there is no backup of it"
damage=$(sqlite3 -batch -readonly -cmd ".load '$gru4rec'" "$db.backup" \
    "PRAGMA quick_check(1); SELECT gru4rec_check('rec')" 2>&1 | grep -v '^ok$' | head -n 1) || true
[ ! -f "$db.backup" ] || [ -z "$damage" ] || wrong="${wrong:+$wrong
}the backup is damaged: $damage"
[ -z "$wrong" ] || { echo "$wrong" && exit 1; }
