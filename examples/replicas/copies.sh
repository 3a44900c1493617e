#!/bin/sh
# copies.sh [DIRECTORY]: a shop that trains in its own database, and a serving process that reads copies. Ten seconds.
#
# The script trains two versions. After each it publishes a copy (publish.py) while one serving process (serve.py) runs,
# asks that process, and prints what it answers. SERVE names another serving program: "node serve.cjs".
#
# DIRECTORY (./copies) is made. GRU4REC names the extension, else it is the one that make built; PYTHON a Python that can
# load extensions.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gru4rec=${GRU4REC:-$here/../../gru4rec.so}
GRU4REC=$(cd "$(dirname "$gru4rec")" && pwd)/$(basename "$gru4rec" .so)
export GRU4REC
python=${PYTHON:-/usr/bin/python3}
serve=${SERVE:-$python $here/serve.py}
mkdir "${1:-copies}"
cd "${1:-copies}"
mkfifo questions answers
serving=
trap 'kill $serving 2>/dev/null || true; wait' EXIT

sql() {
    sqlite3 -batch -bail -cmd ".load '$GRU4REC'" shop.db "$@"
}

# ask VERSION: the serving process, which must answer with that version.
ask() {
    echo '[727196, 585078]' >&3
    read -r answer <&4
    echo "$answer"
    case $answer in
    '{"version":'*"$1,"*) ;;
    *) echo "that is not version $1"; exit 1 ;;
    esac
}

sqlite3 shop.db <"$here/../../sql/demo_clicks.sql"
sql 'CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=32)'
for version in 1 2; do
    sql "SELECT gru4rec_train('rec', 'n_epochs=1,seed=$version')" >"summary-$version.json"
    "$python" "$here/publish.py" shop.db live
    if [ -z "$serving" ]; then
        $serve live <questions >answers &
        serving=$!
        exec 3>questions 4<answers
    fi
    ask $version
done
for file in live-*-wal live-*-journal; do
    [ ! -e "$file" ] || { echo "there is $file"; exit 1; }
done
