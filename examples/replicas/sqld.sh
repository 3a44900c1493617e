#!/bin/sh
# sqld.sh [DIRECTORY]: a primary that trains and two replicas that serve, all on this machine, in ten seconds.
#
# The servers are sqld, the server of libSQL, which sends each commit to its replicas page by page. The script trains two
# versions on the primary and measures after how many seconds the replicas serve each of them. Then it tries what must
# not be done on a replica. The exit status is 0 if all servers give the same recommendations at the end.
#
# DIRECTORY (./sqld) is made. SQLD names the program, else it is found in PATH; GRU4REC the extension, else it is the one
# that make built; PORT (8080) the first of four ports of 127.0.0.1; PYTHON a Python for query.py and train.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gru4rec=${GRU4REC:-$here/../../gru4rec.so}
gru4rec=$(cd "$(dirname "$gru4rec")" && pwd)/$(basename "$gru4rec")
sqld=${SQLD:-sqld}
python=${PYTHON:-python3}
port=${PORT:-8080}
primary=http://127.0.0.1:$port
grpc=127.0.0.1:$((port + 3))
mkdir "${1:-sqld}"
cd "${1:-sqld}"
trap 'kill $servers 2>/dev/null || true; wait' EXIT
servers=

query() {
    "$python" "$here/query.py" "$@"
}

# ---- what sqld may load: files of one directory, each with its checksum ----

mkdir extensions
cp "$gru4rec" extensions/gru4rec.so
(cd extensions && sha256sum gru4rec.so >trusted.lst)

# ---- the servers ----

# serve NAME PORT [OPTION...]: starts a server in the background, with its files in ./NAME.
serve() {
    name=$1
    address=127.0.0.1:$2
    shift 2
    "$sqld" --no-welcome --extensions-path extensions --db-path "$name" --http-listen-addr "$address" "$@" \
        >"$name.log" 2>&1 &
    servers="$servers $!"
}

# A database that exists becomes the primary's when it lies here before the first start.
mkdir -p primary/dbs/default
sqlite3 primary/dbs/default/data <"$here/../../sql/demo_clicks.sql"
sqlite3 primary/dbs/default/data 'PRAGMA journal_mode = wal' >/dev/null
serve primary "$port" --grpc-listen-addr "$grpc"
query --until 1 "$primary" 'SELECT 1' >/dev/null

# Replicas only serve: GRU4REC_READONLY=1 refuses everything else.
export GRU4REC_READONLY=1
serve replica1 $((port + 1)) --primary-grpc-url "http://$grpc"
serve replica2 $((port + 2)) --primary-grpc-url "http://$grpc"
unset GRU4REC_READONLY
replicas="http://127.0.0.1:$((port + 1)) http://127.0.0.1:$((port + 2))"
for replica in $replicas; do
    seconds=$(query --until 1 "$replica" "SELECT gru4rec_info() ->> 'readonly' FROM clicks LIMIT 1")
    echo "$replica has the log of clicks after $seconds seconds"
done

# ---- two trainings ----

query "$primary" 'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32)'
for options in n_epochs=1 n_epochs=1,warm_start=true; do
    "$python" "$here/train.py" $options "$primary" $replicas
done

# ---- what a replica must not do ----

# A replica sends statements that write to the primary, but a SELECT is none. It would run here, and write here.
for call in "gru4rec_train('rec')" "gru4rec_deploy('rec', 'previous')"; do
    if query "http://127.0.0.1:$((port + 1))" "SELECT $call" 2>error.txt; then
        echo "a replica ran $call"
        exit 1
    fi
    echo "a replica refuses $call: $(cat error.txt)"
done
# These are statements that write. The primary runs them.
query "http://127.0.0.1:$((port + 2))" 'CREATE VIRTUAL TABLE other USING gru4rec(clicks)' 'DROP TABLE other' \
    "INSERT INTO clicks VALUES (900001, 727196, 1900000000)"

# ---- the same answers everywhere ----

top="SELECT item, score FROM gru4rec_recommend('rec', '[727196, 585078]', 20)"
query "$primary" "$top" >answer
for replica in $replicas; do
    query --until 1 "$replica" 'SELECT count(*) FROM clicks WHERE session_id = 900001' >/dev/null
    query "$replica" "$top" >answer.replica
    cmp answer answer.replica
    [ "$(query "$replica" "SELECT gru4rec_check('rec')")" = ok ]
done
echo "all three recommend the same $(wc -l <answer) items, with the same scores"
