#!/bin/sh
# month.sh [--short] [--rollback] [DIRECTORY]: a month in the life of a shop that recommends with gru4rec, in three minutes.
#
# Thirty nights, each as a shop's cron job would do it: import the day's clicks, train a candidate on what is new, let it
# sit an exam against the version that serves, deploy the better one, take a backup. Seven nights go wrong, each in
# another way. Meanwhile another process serves live visitors, and counts those that it had to refuse; on some nights a
# third one inserts clicks. At the end story.sql tells the month from what the database keeps, and the exit status says
# whether a click was lost or a visitor refused.
#
# DIRECTORY (./month) is made, and keeps the databases: look into them. --short: a tenth of the visits, half a minute.
# --rollback: the shop's database has a rollback journal; else it is in WAL mode.
# GRU4REC names the extension; else it is the one that make built.
set -eu
export LC_ALL=C     # sort and awk do the same everywhere
here=$(cd "$(dirname "$0")" && pwd)
gru4rec=${GRU4REC:-$here/../../gru4rec}
case $gru4rec in /*) ;; *) gru4rec=$PWD/$gru4rec ;; esac
visits=20000
journal=wal
while :; do
    case ${1:-} in
    --short) visits=2000 ;;
    --rollback) journal=delete ;;
    *) break ;;
    esac
    shift
done
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
    sql "PRAGMA journal_mode = $journal" ".read '$here/schema.sql'" >/dev/null
    sql '.import --csv days/items.csv items'
    sqlite3 live.db ".read '$here/live.sql'" >/dev/null
    cat days/[0-9]*.csv >stream.csv
    sqlite3 live.db <<END
CREATE TEMP TABLE log(visitor, item, time);
.import --csv --schema temp stream.csv log
INSERT INTO stream SELECT NULL, nullif(visitor, '-'), item FROM log;
END
    mkdir archive
}

# ---- a night ----

# How many clicks of DAY are there.
count() {
    sql "SELECT count(*) FROM clicks WHERE day = $1"
}

# import DAY [N]: of the day's file what is not there yet, or the first N lines of that.
import() {
    tail -n "+$(($(count "$1") + 1))" "days/$(printf %02d "$1").csv" | head -n "${2:-1000000000}" >"inbox-$1.csv"
    sql <<END
.parameter set @day $1
CREATE TEMP TABLE inbox(visitor, item, time);
.import --csv --schema temp inbox-$1.csv inbox
.read '$here/import.sql'
END
    rm "inbox-$1.csv"
}

# begin DAY: its clicks come in, and its page of the diary begins.
begin() {
    import "$1"
    sql "INSERT INTO night(day, clicks, active, serves) VALUES ($1, $(count "$1"), $(active), $(active))"
    ask "$1" 'before'
}

# The version that serves.
active() {
    sql "SELECT coalesce((SELECT value FROM rec_config WHERE key = 'version'), 'NULL')"
}

# ask DAY MOMENT: what the model says of itself now goes into the diary. Who watches the nights would ask the same.
ask() {
    sql "INSERT INTO told SELECT julianday('now'), $1, '$2', * FROM gru4rec_status('rec')"
}

# options DAY: up to 18:00 the day's clicks are for training; what comes behind that is the exam. Where they begin, since=last
# knows: the candidate of a night after one without a new version takes the clicks of both.
options() {
    echo "warm_start=true,activate=false,until=$((1772323200 + ($1 - 1) * 86400 + 64800))"
}

# train DAY [OPTIONS]: makes a candidate; false, with the reason in error.txt, where that fails.
train() {
    sql "SELECT gru4rec_train('rec', '$(options "$1")${2:-}')" >summary.json 2>error.txt || return 1
    trained "$1"
}

# trained DAY: by what summary.json says. The candidate waits, and a copy goes to the archive: the model forgets the weights
# of old versions, not their figures. With its sessions the copy answers as the version does.
trained() {
    sql "UPDATE night SET (candidate, until) =
             (SELECT version, options ->> 'until' FROM rec_version
              WHERE version = CAST(readfile('summary.json') AS TEXT) ->> 'version') WHERE day = $1"
    sql "SELECT gru4rec_export('rec', 'archive/' || candidate || '.safetensors', 'sessions=true,version=' || candidate)
         FROM night WHERE day = $1" >/dev/null
    ask "$1" 'candidate'
}

# gate DAY: the better one serves. On Saturdays all versions that are kept sit the exam, and the model chooses by itself.
gate() {
    sql <<END
.parameter set @day $1
.read '$here/gate.sql'
END
    if [ $(($1 % 7)) -eq 0 ]; then
        best=$(sql "SELECT gru4rec_deploy('rec', 'best', 'exam')")
        sql "UPDATE night SET decision = CASE $best WHEN candidate THEN 'deployed' WHEN active THEN 'kept' ELSE 'went back' END
             WHERE day = $1"
    elif [ "$(sql "SELECT decision FROM night WHERE day = $1")" = deployed ]; then
        sql "SELECT gru4rec_deploy('rec', 'newest')" >/dev/null
    fi
    sql "UPDATE night SET serves = $(active) WHERE day = $1"
    ask "$1" 'decided'
}

# note DAY TEXT [DECISION]
note() {
    printf %s "$2" >note.txt
    sql "UPDATE night SET note = coalesce(note || char(10), '') || CAST(readfile('note.txt') AS TEXT),
             decision = coalesce(nullif('${3:-}', ''), decision) WHERE day = $1"
}

# failed DAY [MOMENT]: why, as the error says it. What it advises is not for the diary.
failed() {
    note "$1" "$(sed 's/^Error: [a-z]*, //; s/^Runtime error[^:]*: //; s/; .*//' error.txt)" failed
    ask "$1" "${2:-failed}"
}

backup() {
    rm -f backup.db
    sql "VACUUM INTO 'backup.db'"
}

# night DAY: as most of them are.
night() {
    begin "$1"
    if train "$1"; then gate "$1"; else failed "$1"; fi
}

# The same, while the shop is open: a third process inserts the first clicks of the next day until it is morning.
busy_night() {
    next=$(($1 + 1))
    rm -f morning
    begin "$1"
    until [ -e morning ]; do import $next 5; done &
    visitors=$!
    train "$1"
    gate "$1"
    touch morning
    wait $visitors
    sql "UPDATE night SET early = $(count $next) WHERE day = $1"
}

# ---- nights that are not like the others ----

first_night() {
    begin 1
    train 1 ',n_epochs=8,warm_start=false,activate=true'
    sql "UPDATE night SET decision = 'first', serves = candidate WHERE day = 1"
    ask 1 'decided'
}

# The app wrote dates that nobody can read, more of them than bad_rows allows. In the morning they are mended where they
# are, and the training is done again.
unreadable_dates() {
    night 8
    sql "UPDATE clicks SET ts = printf('2026-03-%s %s', substr(ts, 1, 2), replace(substr(ts, 12), '.', ':'))
         WHERE ts GLOB '[0-9][0-9].[0-9][0-9].[0-9]*'"
    train 8
    gate 8
    note 8 'The dates were mended by hand; trained again in the morning.'
}

# The machine is switched off in the middle of a training. The next night takes both days.
killed() {
    begin 12
    sqlite3 -init rc -batch shop.db "SELECT gru4rec_train('rec', '$(options 12),n_epochs=1000')" >/dev/null 2>&1 &
    training=$!
    await is_under_way
    ask 12 'training'
    kill -9 $training
    wait $training 2>/dev/null || true
    training=
    note 12 'Killed while it trained.' killed
    ask 12 'killed'
}

is_under_way() {
    [ "$(sql "SELECT count(*) FROM gru4rec_status('rec') WHERE status = 'training' AND epoch > 0")" -eq 1 ]
}

# No page can be added to the file but as many as half a model needs, as on a disk that is full: there is room for the row
# that says why, however much is in the pages, and none for the result. The training ends, its result cannot be stored, and
# stays with the connection that trained it. Somebody makes room; the same connection commits it, without training again.
full_disk() {
    begin 16
    sql 'VACUUM'                        # else the model might fit into pages that are free
    half=$(sql "SELECT sum(length(data)) / 2 / (SELECT page_size FROM pragma_page_size) FROM rec_tensor WHERE version = $(active)")
    mkfifo orders
    sqlite3 -init rc -batch shop.db <orders >/dev/null 2>error.txt &
    training=$!
    exec 3>orders
    echo "PRAGMA max_page_count = $(($(sql 'PRAGMA page_count') + half));" >&3
    echo "SELECT gru4rec_train('rec', '$(options 16)');" >&3
    await grep -q full error.txt
    failed 16 'waits'
    echo 'PRAGMA max_page_count = 1000000000;' >&3
    echo '.output summary.json' >&3
    echo "SELECT gru4rec_train('rec', 'resume=true');" >&3
    exec 3>&-
    wait $training || true              # its status is that of the first try
    training=
    trained 16
    gate 16
    note 16 'Somebody made room; what had been trained was committed.'
}

# A developer renames a column. The night fails and names it; told the new name, the next try works.
renamed_column() {
    sql 'ALTER TABLE clicks RENAME COLUMN item_id TO product_id'
    night 19
    sql "SELECT gru4rec_configure('rec', 'item=product_id')" >/dev/null
    train 19
    gate 19
    note 19 'The model was told the new name.'
}

# Somebody is in a hurry, trains with a step size that is far too large, and deploys what fails the exam all the same. In
# the morning the figures are poor, and the version before comes back.
roll_back() {
    begin 22
    train 22 ,learning_rate=5,n_epochs=4
    gate 22
    sql "SELECT gru4rec_deploy('rec', 'newest')" >/dev/null
    note 22 'It failed the exam, and was deployed by hand.'
    ask 22 'by hand'
    sleep 1         # some visitors are served by it
    sql "SELECT gru4rec_deploy('rec', 'previous')" >/dev/null
    note 22 "Rolled back to version $(active)." 'rolled back'
    sql "UPDATE night SET serves = $(active) WHERE day = 22"
    ask 22 'rolled back'
}

# A DELETE without the right WHERE. The backup of the night before comes back, under the eyes of those who are served, and
# the day's file is imported again.
restore() {
    begin 26
    sql 'DELETE FROM clicks WHERE day > 20'
    await sql '.restore backup.db'      # it does not wait for readers by itself
    night 26
    note 26 'Clicks were deleted by mistake; restored from the backup of the night before.'
}

# await COMMAND...: until it is true, a minute at most.
await() {
    waited=0
    until "$@"; do
        [ $((waited += 1)) -lt 600 ] || { echo "waited in vain: $*" >&2 && exit 1; }
        sleep 0.1
    done
}

# ---- the process that serves ----

# Until there is a file stop. What SQL refuses goes to serve.err.
serve() {
    {
        echo "PRAGMA synchronous = NORMAL; ATTACH 'shop.db' AS shop;"
        while [ ! -e stop ]; do
            cat "$here/serve.sql" "$here/serve.sql" "$here/serve.sql" "$here/serve.sql" "$here/serve.sql"
            sleep 0.05
        done
    } | sqlite3 -init rc -batch live.db >/dev/null 2>serve.err
}

# ---- the month ----

# A line for each night.
tell() {
    sql "SELECT printf('%2d  %6d clicks  %-11s  ', day, clicks, decision) || CASE
             WHEN candidate_mrr IS NOT NULL THEN printf('candidate %.4f, active %.4f', candidate_mrr, active_mrr)
             ELSE replace(substr(coalesce(note, ''), 1, 45), char(10), ' ') END FROM night WHERE day = $1"
}

# What must hold at the end; false where it does not.
verdict() {
    logged=$(cat days/[0-9]*.csv | wc -l)
    kept=$(sql 'SELECT count(*) FROM clicks')
    refused=$(sqlite3 live.db 'SELECT count(*) FROM asked LEFT JOIN answered USING (n) WHERE items IS NOT 5')
    is_whole=$(sql "SELECT gru4rec_check('rec')")
    echo "$((logged - kept)) of $logged clicks lost, $refused visitors refused, the model is $is_whole"
    [ "$logged" -eq "$kept" ] && [ "$refused" -eq 0 ] && [ "$is_whole" = ok ]
}

training=
trap 'touch stop morning; [ -z "$training" ] || kill -9 "$training"' EXIT     # no process outlives the month
invent
create
for day in $(seq 30); do
    case $day in
    1) first_night && { serve & } ;;
    5 | 10 | 15 | 20 | 25) busy_night "$day" ;;
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
echo
sql "ATTACH 'live.db' AS live" ".read '$here/story.sql'"
verdict
