#!/bin/sh
# litestream.sh [DIRECTORY]: a shop whose database Litestream copies while it is written, and a serving process that
# answers from what is restored elsewhere. Ten seconds.
#
# Litestream sends what each commit adds to the WAL to a replica: here a directory, in production an object store or
# another machine. The script trains two versions. After each it restores the replica to a file of its own until the new
# version is in it, says how many seconds that took, and publishes the file, which the serving process then opens.
#
# DIRECTORY (./litestream) is made. LITESTREAM names the program, else it is found in PATH; GRU4REC the extension, else it
# is the one that make built; PYTHON a Python that can load extensions.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gru4rec=${GRU4REC:-$here/../../gru4rec.so}
GRU4REC=$(cd "$(dirname "$gru4rec")" && pwd)/$(basename "$gru4rec" .so)
export GRU4REC
litestream=${LITESTREAM:-litestream}
python=${PYTHON:-/usr/bin/python3}
mkdir "${1:-litestream}"
cd "${1:-litestream}"
replicating=
trap 'kill $replicating 2>/dev/null || true; wait' EXIT

# Litestream needs WAL mode. It checkpoints the WAL by itself, so a writer may find the database locked for a moment.
sql() {
    sqlite3 -batch -bail -cmd '.timeout 10000' -cmd ".load '$GRU4REC'" shop.db "$@"
}

sqlite3 shop.db <"$here/../../sql/demo_clicks.sql"
sqlite3 shop.db 'PRAGMA journal_mode = wal' >/dev/null
sql 'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32)'
"$litestream" replicate shop.db "file://$PWD/replica" >litestream.log 2>&1 &
replicating=$!

# restore VERSION: a file with all that the replica has, once that is the version.
restore() {
    tries=0
    until rm -f restored restored.tmp* && "$litestream" restore -o restored "file://$PWD/replica" >restore.log 2>&1 &&
        [ "$(sqlite3 restored "SELECT value FROM rec_config WHERE key = 'version'")" = "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat litestream.log restore.log; exit 1; }
        sleep 0.2
    done
    rm -f restored.tmp*
}

# top FILE: the recommendations of a database, with all digits of their scores.
top() {
    sqlite3 -batch -bail -cmd ".load '$GRU4REC'" "$1" "SELECT item, printf('%!.17g', score)
        FROM gru4rec_recommend('rec', '[727196, 585078]', 20)"
}

for version in 1 2; do
    sql "SELECT gru4rec_train('rec', 'n_epochs=1,seed=$version')" >"summary-$version.json"
    start=$(date +%s.%N)
    restore $version
    "$python" "$here/publish.py" --whole restored live >/dev/null
    echo '[727196, 585078]' | "$python" "$here/serve.py" live >answer
    end=$(date +%s.%N)
    grep -q "\"version\": $version," answer
    echo "version $version is served from the restored file $(echo "$end $start" | awk '{ printf "%.1f", $1 - $2 }') seconds later"
    top shop.db >top.shop
    top live >top.copy
    cmp top.shop top.copy
done
echo 'the copy recommends what the shop recommends, with the same scores'
