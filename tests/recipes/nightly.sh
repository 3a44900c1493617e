#!/bin/sh
# nightly.sh EXTENSION: examples/nightly/nightly.sh on nights that go well, and on some that do not. Run from the project's
# root.

. tests/check.sh
export GRU4REC=${1%.so}
case $GRU4REC in /*) ;; *) GRU4REC=$PWD/$GRU4REC ;; esac
db=$work/it\ is/shop.db
mkdir "$work/it is"
export EXAM_MIN=50

# night STATUS ARGUMENTS: the night ends with that status.
night() {
    wanted=$1
    shift
    status=0
    sh examples/nightly/nightly.sh "$@" >"$work/out" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || { echo "exit status $status"  >>"$work/out" && false; }
}

sql() {
    sqlite3 -bail -cmd '.timeout 60000' -cmd ".load '$GRU4REC'" "$db" "$1"
}

active() {
    sql "SELECT value FROM rec_config WHERE key = 'version'"
}

sqlite3 "$db" <sql/demo_clicks.sql >"$work/out" 2>&1 &&
    sql "DELETE FROM clicks WHERE session_id % 10 <> 2; UPDATE clicks SET ts = ts / 60 * 60; PRAGMA journal_mode = wal;
         CREATE VIRTUAL TABLE rec USING gru4rec(clicks, keep_optimizer=true, layers=16, n_epochs=1)" >>"$work/out" 2>&1
check $? 'a shop whose times are minutes'

# watch STATUS WORDS: monitor.sh ends with that status and says that, or nothing.
watch() {
    status=0
    sh examples/nightly/monitor.sh "$db" >"$work/out" 2>&1 || status=$?
    [ "$status" -eq "$1" ] && if [ -n "$2" ]; then grep -q "$2" "$work/out"; else [ ! -s "$work/out" ]; fi
}

watch 1 'no night ever ran'
check $? 'the monitor before the first night'
db=$work/none.db watch 2 'there is no database'
check $? 'the monitor of a database that is not there'
echo 'This is no database, but a text that is longer than its header.' >"$work/garbage.db"
db=$work/garbage.db watch 2 'not a database'
check $? 'the monitor of a file that is no database'

night 0 "$db" 2024-04-24 && [ "$(active)" = 1 ]
check $? 'the first night'
night 0 "$db" '2024-04-25 18:00' && [ "$(sql 'SELECT count(*), count(DISTINCT version), count(warnings) FROM gate')" = '2|2|0' ]
check $? 'the second night measures both versions, without a warning'
[ "$(active)" = "$(sql 'SELECT version FROM gate ORDER BY mrr * events DESC, version DESC LIMIT 1')" ]
check $? 'the better one serves'
[ "$(sql "CREATE TABLE exam AS SELECT * FROM clicks WHERE session_id IN
    (SELECT session_id FROM clicks GROUP BY 1 HAVING min(ts) >= unixepoch('2024-04-25 18:00')) ORDER BY rowid;
    SELECT sum(g.mrr = e.mrr AND g.events = e.events) FROM gate AS g, gru4rec_evaluate('rec', 'exam', 'cutoffs=20,version=' || g.version) AS e
    WHERE e.method = 'gru4rec'; DROP TABLE exam")" = 2 ]
check $? 'its exam takes clicks of the same minute in the order of the table'
[ "$(sqlite3 "$db.backup" 'SELECT count(*) FROM gate')" = 2 ] && [ "$(stat -c %a "$db.backup")" = 600 ]
check $? 'the backup, which nobody else can read'

before=$(active)
night 0 "$db" '2024-04-25 18:00' && grep -q 'nothing new' "$work/out" && [ "$(active)" = "$before" ]
check $? 'a night without anything new'
SECONDS_MAX=1
export SECONDS_MAX
sql "SELECT gru4rec_configure('rec', 'n_epochs=100000')" >"$work/out" 2>&1 && night 124 "$db" 2024-04-26 && [ "$(active)" = "$before" ]
check $? 'a night that takes too long'
unset SECONDS_MAX
timeout 3 sh examples/nightly/nightly.sh "$db" 2024-04-26 >"$work/out" 2>&1
[ $? = 124 ] && grep -q 'stopped from outside' "$work/out" && [ ! -e "$db.error" ] && [ "$(active)" = "$before" ]
check $? 'a night that is stopped from outside'
sql "SELECT gru4rec_configure('rec', 'n_epochs=1, learning_rate=5')" >"$work/out" 2>&1 && night 0 "$db" 2024-04-26 &&
    [ "$(active)" = "$before" ] && [ "$(sql 'SELECT count(*) FROM gate')" = 4 ]
check $? 'a candidate that is worse does not serve'
MEMORY=100000 night 1 "$db" 2024-04-27 && grep -q 'memory_limit' "$work/out" && [ "$(active)" = "$before" ]
check $? 'a training that needs more memory'

watch 1 'failed, .*memory_limit'
check $? 'the monitor sees a night that failed'
before_quiet=$(sql "SELECT count(*) FROM rec_version")
night 0 "$db" '2024-04-25 18:00' && grep -q 'nothing new' "$work/out" && [ "$(sql 'SELECT count(*) FROM rec_version')" -gt "$before_quiet" ] && watch 0 ''
check $? 'the monitor forgets it after a night without anything new'
HOURS=0 watch 1 'no training began' && grep -q 'no night ended well' "$work/out"
check $? 'the monitor sees that no night was, and no backup'
DAYS=0 watch 1 'has decided nothing'
check $? 'the monitor sees that the gate decides nothing'
AGE=0 watch 1 'no candidate has won since'
check $? 'the monitor sees that no candidate wins'

# A sqlite3 that cannot evaluate. The table gate has figures of both versions, of another day.
mkdir "$work/bin"
cat >"$work/bin/sqlite3" <<END
input=\$(cat)
case \$input in *gru4rec_evaluate*) echo 'Error: database is locked' >&2 && exit 5 ;; esac
echo "\$input" | $(command -v sqlite3) "\$@"
END
sed -i '1i #!/bin/sh' "$work/bin/sqlite3"
chmod +x "$work/bin/sqlite3"
sql "SELECT gru4rec_configure('rec', 'learning_rate=null')" >"$work/out" 2>&1
next=$(($(sql "SELECT max(version) FROM rec_version") + 1))
sql "INSERT INTO gate VALUES ('2024-04-01', $next, 1, 1, 1000, NULL, datetime())"
PATH=$work/bin:$PATH night 5 "$db" 2024-04-27 && grep -q 'database is locked' "$work/out" && [ "$(active)" = "$before" ]
check $? 'a night that cannot measure fails'


# A sqlite3 beside which visitors click whenever something is measured.
cat >"$work/bin/sqlite3" <<END
#!/bin/sh
input=\$(cat)
case \$input in *gru4rec_evaluate*) $(command -v sqlite3) "$db" '.timeout 60000' "INSERT INTO clicks(session_id, item_id, ts)
    SELECT session_id + 10000000, item_id, unixepoch('2024-04-26') + rowid FROM clicks LIMIT 100" ;; esac
echo "\$input" | $(command -v sqlite3) "\$@"
END
PATH=$work/bin:$PATH night 0 "$db" 2024-04-26 &&
    [ "$(sql 'SELECT count(*), count(DISTINCT events) FROM (SELECT * FROM gate ORDER BY rowid DESC LIMIT 2)')" = '2|1' ]
check $? 'both versions sit the same exam while visitors click'
ANEW=1 night 0 "$db" 2024-04-26 && [ "$(sql "SELECT first_event = (SELECT min(ts) FROM clicks), options ->> 'warm_start'
    FROM rec_version ORDER BY version DESC LIMIT 1")" = '1|0' ]
check $? 'a night that trains anew'
before=$(active)

EXAM_MIN=100000 night 0 "$db" 2024-04-27 && grep -q 'the exam is too small' "$work/out" && [ "$(active)" = "$before" ] &&
    grep -q 'backup in' "$work/out"
check $? 'a small exam does not decide'
watch 0 ''
check $? 'the monitor forgets a night that failed once a later one went well'
night 3 "$db" 2024-05-20 && grep -q 'there is no exam' "$work/out" && [ "$(active)" = "$before" ] &&
    grep -q 'backup in' "$work/out"
check $? 'a night without an exam'

# stopped COMMAND...: a night that trains for ever, in a process group of its own, ends after that command, and so does its
# sqlite3. The version before serves.
stopped() {
    setsid sh examples/nightly/nightly.sh "$db" 2024-04-28 >"$work/out" 2>&1 &
    night=$!
    for try in $(seq 300); do
        [ "$(sql "SELECT count(*) FROM gru4rec_status('rec') WHERE status = 'training' AND epoch > 0")" = 0 ] || break
        sleep 0.1
    done
    "$@"
    status=0
    { wait $night || status=$?; } 2>/dev/null
    for try in $(seq 100); do
        pgrep -f "sqlite3 .*$db" >/dev/null || break
        sleep 0.1
    done
    [ "$status" -ne 0 ] && ! pgrep -f "sqlite3 .*$db" && [ "$(active)" = "$before" ]
}
kill_group() { kill -s KILL -- "-$night"; }
interrupt() { pkill -INT -f "sqlite3 .*$db"; }

sql "SELECT gru4rec_configure('rec', 'n_epochs=100000')" >"$work/out" 2>&1 && stopped interrupt && grep -q interrupted "$work/out"
check $? 'a night that is stopped with SIGINT'
stopped kill_group
check $? 'a night that is killed as a group'
sed 's/-10 minutes/-2 seconds/' examples/nightly/monitor.sh >"$work/monitor.sh"
hang() {
    pkill -STOP -f "sqlite3 .*$db"
    sleep 4
    sh "$work/monitor.sh" "$db" >"$work/hangs"
    kill_group
}
stopped hang && grep -q 'hangs: it has written nothing since' "$work/hangs"
check $? 'the monitor sees a training that hangs'

# A page of clicks is overwritten. The model is whole.
healthy=$db
db=$work/it\ is/damaged.db
sqlite3 "$healthy" "VACUUM INTO '$db'" && sqlite3 "$db" "PRAGMA journal_mode = delete;
    SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'clicks'" | tail -n 1 >"$work/out"
IFS='|' read -r page size <"$work/out"
dd if=/dev/zero of="$db" bs="$size" seek=$((page - 1)) count=1 conv=notrunc 2>"$work/out"
: >"$db.backup"
watch 1 '^quick_check: '
check $? 'the monitor sees a damaged file'
! night 0 "$db" 2024-04-20 && [ ! -s "$db.backup" ] && [ -e "$db.backup" ]
check $? 'a night on a damaged file keeps the backup before'
db=$healthy
cp -p "$db.backup" "$work/backup"
dd if=/dev/zero of="$db.backup" bs="$size" seek=$((page - 1)) count=1 conv=notrunc 2>"$work/out"
watch 1 '^the backup is damaged: ' && : >"$db.backup" && watch 1 '^the backup is damaged: ' && mv "$work/backup" "$db.backup" &&
    ! { watch 1 'the backup is damaged'; }
check $? 'the monitor sees a damaged backup'
! sh examples/nightly/nightly.sh "$work/no.db" >"$work/out" 2>&1 && grep -q 'there is no database' "$work/out" && [ ! -e "$work/no.db" ]
check $? 'a database that is not there is not made'

(flock 8 && exec sleep 100) 8>"$db.lock" &
holder=$!
sleep 1
sed 's/flock -w 60/flock -w 1/' examples/nightly/nightly.sh >"$work/nightly.sh"
sh "$work/nightly.sh" "$db" 2024-04-27 >"$work/out" 2>&1
[ $? -eq 75 ]
check $? 'another night is under way'
kill $holder

# A shop whose session is a cookie, which everybody has had since before the exam.
db=$work/it\ is/cookies.db
sqlite3 "$db" <sql/demo_clicks.sql >"$work/out" 2>&1 &&
    sql "DELETE FROM clicks WHERE session_id % 10 <> 2; UPDATE clicks SET session_id = session_id % 1000;
         CREATE VIRTUAL TABLE rec USING gru4rec(clicks, keep_optimizer=true, layers=16, n_epochs=1, session_gap=1800)" \
        >>"$work/out" 2>&1 && night 0 "$db" 2024-04-25 && night 0 "$db" 2024-04-26
check $? 'a shop of returning visitors'
watch 0 ''
check $? 'the monitor of a shop that is well'
[ "$(sql 'SELECT count(*), count(warnings) FROM gate')" = '2|0' ]
check $? 'its exam has no visit that was trained on'
[ "$(sql 'SELECT max(events) FROM gate')" -gt 900 ]
check $? 'its exam is the visits since the day'

# The line of the crontab, as cron runs it: in another folder, with little in the environment.
mkdir "$work/srv" && cp examples/nightly/nightly.sh "$work/srv" && cp "$db" "$work/srv/shop.db" && : >"$work/out"
line=$(sed -n 's|^15 3 \* \* \* *||p' examples/nightly/README.md | sed "s|/srv/shop|$work/srv|g")
[ -n "$line" ] && (cd / && env -i PATH=/usr/bin:/bin GRU4REC="$GRU4REC" sh -c "$line") >"$work/out" 2>&1
check $? 'the line of the crontab'
grep -q 'there is no exam' "$work/srv/nightly.log" && grep -q 'backup in' "$work/srv/nightly.log"
check $? 'its log'
sql "SELECT gru4rec_configure('rec', 'session_gap=0')" >"$work/out" 2>&1 && night 3 "$db" 2024-04-27
check $? 'without session_gap there is no exam'
total
