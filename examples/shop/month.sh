#!/bin/sh
# month.sh [--short] [DIRECTORY]: a month in the life of a shop that recommends with gru4rec, in three minutes.
#
# Thirty nights, each as a shop's cron job would do it: import the day's clicks, train a candidate on what is new, let it
# sit an exam against the version that serves, deploy the better one, take a backup. Seven nights go wrong, each in
# another way. Meanwhile another process serves live visitors, and counts those that it had to refuse. At the end story.sql
# tells the month from what the database keeps, and the exit status says whether a click was lost or a visitor refused.
#
# DIRECTORY (./month) is made, and keeps the databases: look into them. --short: a tenth of
# the visits, less than a minute.
# GRU4REC names the extension; else it is the one that make built.
set -eu
export LC_ALL=C     # sort and awk do the same everywhere
here=$(cd "$(dirname "$0")" && pwd)
gru4rec=${GRU4REC:-$here/../../gru4rec}
case $gru4rec in /*) ;; *) gru4rec=$PWD/$gru4rec ;; esac
visits=20000
if [ "${1:-}" = --short ]; then
    visits=2000
    shift
fi
mkdir "${1:-month}"
cd "${1:-month}"

# ---- the databases ----

printf '.timeout 10000\n.load "%s"\n' "$gru4rec" >rc

# sql [STATEMENT...]: on the shop's database; stops at the first error.
sql() {
    sqlite3 -init rc -batch -bail shop.db "$@"
}

invent() {
    mkdir days
    awk -f "$here/invent.awk" -v seed=1 -v visits="$visits" -v days=days </dev/null | sort -n |
        awk -F '\t' '{ print $3 > ("days/" $2 ".csv") }'
}

create() {
    sql ".read '$here/schema.sql'" >/dev/null
    sql '.import --csv days/items.csv items'
    sqlite3 live.db ".read '$here/live.sql'" >/dev/null
    cat days/[0-9]*.csv >stream.csv
    sqlite3 live.db <<END
CREATE TEMP TABLE log(visitor, item, time);
.import --csv --schema temp stream.csv log
INSERT INTO stream SELECT NULL, nullif(visitor, '-'), item FROM log;
END
}

# ---- a night ----

# import DAY
import() {
    sql <<END
.parameter set @day $1
CREATE TEMP TABLE inbox(visitor, item, time);
.import --csv --schema temp days/$(printf %02d "$1").csv inbox
.read '$here/import.sql'
END
}

# The version that serves.
active() {
    sql "SELECT value FROM rec_config WHERE key = 'version'"
}

# The end of what a candidate learns from on a day: 18:00. What comes behind it is the exam.
evening() {
    echo $((1772323200 + ($1 - 1) * 86400 + 64800))
}

# options DAY: of a training that goes on from the version that serves, with the clicks that it has not seen. After a night
# without a new version these are of more than one day.
options() {
    since=$(sql "SELECT max(until) FROM night WHERE candidate = $(active)")
    echo "warm_start=true,since=$since,until=$(evening "$1")$columns"
}

columns=    # of the source, where they are no longer those that the model was made with

# train DAY OPTIONS: makes a candidate; false, with the reason in error.txt, where that fails.
train() {
    before=$(active)
    sql "SELECT gru4rec_train('rec', '$2')" >summary.json 2>error.txt || return 1
    # Until a training can leave out the deployment, the candidate serves for a moment.
    candidate=$(active)
    sql "SELECT gru4rec_deploy('rec', $before)" >/dev/null
    sql "UPDATE night SET active = $before, candidate = $candidate, until = $(evening "$1") WHERE day = $1"
}

# measure VERSION NAME DAY: how well a version guesses the evening's clicks, into the diary's columns of that name.
measure() {
    sql "SELECT gru4rec_deploy('rec', $1)" >/dev/null
    sql "UPDATE night SET ($2_mrr, $2_targets) = (
             SELECT mrr, events FROM gru4rec_evaluate('rec', 'exam', 'session=visitor,item=item,time=ts,cutoffs=20'))
         WHERE day = $3"
}

# gate DAY: the better one serves. They are compared by the sum of 1/rank, not by its mean: who knows more items has more
# targets, and those are the harder ones.
gate() {
    measure "$candidate" candidate "$1"
    measure "$before" active "$1"
    sql "UPDATE night SET decision = iif(candidate_mrr * candidate_targets >= active_mrr * active_targets, 'deployed', 'kept')
         WHERE day = $1"
    if [ "$(decision "$1")" = deployed ]; then
        sql "SELECT gru4rec_deploy('rec', $candidate)" >/dev/null
    fi
}

decision() {
    sql "SELECT decision FROM night WHERE day = $1"
}

# note DAY TEXT [DECISION]: into the diary, behind what is there.
note() {
    printf %s "$2" >note.txt
    sql "UPDATE night SET note = coalesce(note || char(10), '') || CAST(readfile('note.txt') AS TEXT),
             decision = coalesce(nullif('${3:-}', ''), decision) WHERE day = $1"
}

# failed DAY: why, as the error says it.
failed() {
    note "$1" "$(sed 's/^Error: [a-z]*, //; s/^Runtime error[^:]*: //' error.txt)" failed
    sql "UPDATE night SET active = $(active) WHERE day = $1"
}

backup() {
    rm -f backup.db
    sql "VACUUM INTO 'backup.db'"
}

# night DAY [OPTIONS]: as most of them are.
night() {
    import "$1"
    if train "$1" "$(options "$1")${2:-}"; then gate "$1"; else failed "$1"; fi
}

# ---- nights that are not like the others ----

first_night() {
    import 1
    sql "SELECT gru4rec_train('rec', 'n_epochs=8,until=$(evening 1)')" >summary.json
    sql "UPDATE night SET candidate = $(active), until = $(evening 1), decision = 'first' WHERE day = 1"
}

# The app wrote dates that nobody can read, more of them than bad_rows allows. In the morning they are mended where they
# are, and the training is done again.
unreadable_dates() {
    night 8
    sql "UPDATE clicks SET ts = printf('2026-03-%s %s', substr(ts, 1, 2), replace(substr(ts, 12), '.', ':'))
         WHERE ts GLOB '[0-9][0-9].[0-9][0-9].[0-9]*'"
    train 8 "$(options 8)"
    gate 8
    note 8 'The dates were mended by hand; trained again in the morning.'
}

# Somebody switches the machine off in the middle of a training. The next night takes both days.
killed() {
    import 12
    sqlite3 -init rc -batch shop.db "SELECT gru4rec_train('rec', '$(options 12),n_epochs=100000')" >/dev/null &
    training=$!
    until sql "SELECT 'yes' FROM rec_version WHERE status = 'training'" | grep -q yes; do
        kill -0 $training       # else it failed, and the month ends here
        sleep 0.1
    done
    kill -9 $training
    wait $training 2>/dev/null || true
    note 12 'Killed while it trained.' killed
    sql "UPDATE night SET active = $(active) WHERE day = 12"
}

# No page can be added to the file, as on a full disk. What was there serves on; the next night has room again.
full_disk() {
    import 16
    if sql 'PRAGMA max_page_count = 1' "SELECT gru4rec_train('rec', '$(options 16)')" >/dev/null 2>error.txt; then
        note 16 'There was room after all.'
    fi
    failed 16
}

# A developer renames a column. The night fails and names it; told the new name, the next try works.
renamed_column() {
    sql 'ALTER TABLE clicks RENAME COLUMN item_id TO product_id'
    night 19
    columns=,item=product_id        # until a model can be told for good
    train 19 "$(options 19)"
    gate 19
    note 19 'The model was told the new name.'
}

# Somebody is in a hurry, trains with a step size that is far too large, and deploys without an exam. In the morning the
# figures are poor, and the version before comes back.
roll_back() {
    import 22
    train 22 "$(options 22),learning_rate=5,n_epochs=4"
    gate 22
    sql "SELECT gru4rec_deploy('rec', $candidate)" >/dev/null
    note 22 'Deployed by hand, without an exam.'
    sleep 1         # some visitors are served by it
    sql "SELECT gru4rec_deploy('rec', $before)" >/dev/null
    note 22 "Rolled back to version $before." 'rolled back'
}

# A DELETE without the right WHERE. The backup of the night before comes back, under the eyes of those who are served, and
# the day's file is imported again.
restore() {
    import 26
    sql 'DELETE FROM clicks WHERE day > 20'
    sql '.restore backup.db'
    night 26
    note 26 'Clicks were deleted by mistake; restored from the backup of the night before.'
}

# ---- the process that serves ----

# Until there is a file stop. What SQL refuses goes to serve.err.
serve() {
    {
        echo "PRAGMA synchronous = NORMAL; ATTACH 'file:$PWD/shop.db?mode=ro' AS shop;"
        while [ ! -e stop ]; do
            cat "$here/serve.sql" "$here/serve.sql" "$here/serve.sql" "$here/serve.sql" "$here/serve.sql"
            sleep 0.05
        done
    } | sqlite3 -init rc -batch live.db >/dev/null 2>serve.err
}

# ---- the month ----

# A line for each night.
tell() {
    sql -separator '  ' "SELECT printf('%2d', day), printf('%6d clicks', clicks), printf('%-11s', decision),
        iif(candidate_mrr IS NULL, '', printf('candidate %.4f, active %.4f', candidate_mrr, active_mrr)),
        coalesce('(' || replace(substr(note, 1, 60), char(10), ' ') || ')', '') FROM night WHERE day = $1"
}

# What must hold at the end; false where it does not.
verdict() {
    logged=$(cat days/[0-9]*.csv | wc -l)
    kept=$(sql 'SELECT count(*) FROM clicks')
    refused=$(sqlite3 live.db 'SELECT count(*) FROM asked LEFT JOIN answered USING (n) WHERE items IS NOT 5')
    echo "$((logged - kept)) of $logged clicks lost, $refused visitors refused, the model is $(sql "SELECT gru4rec_check('rec')")"
    [ "$logged" -eq "$kept" ] && [ "$refused" -eq 0 ] && [ "$(sql "SELECT gru4rec_check('rec')")" = ok ]
}

trap 'touch stop' EXIT        # the server does not outlive the month
invent
create
for day in $(seq 30); do
    case $day in
    1) first_night && { serve & } ;;
    8) unreadable_dates ;;
    12) killed ;;
    16) full_disk ;;
    19) renamed_column ;;
    22) roll_back ;;
    26) restore ;;
    *) night "$day" ;;
    esac
    tell "$day"
    backup
done
touch stop
wait
sql -box "ATTACH 'live.db' AS live" ".read '$here/story.sql'"
verdict
