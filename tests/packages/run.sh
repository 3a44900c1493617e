#!/bin/sh
# run.sh MAKE: each package of `make dist`, installed in an empty place as its users install it: a small Debian system in a
# folder (packaging/root.sh), without compiler and OpenBLAS. There a model of the system build is imported, and the demo's
# log is trained; compare.py judges. What comes from outside is fetched, into the cache; what cannot be had is skipped by
# name. As root, as chroot(1) wants it. Variables: ONLY="npm python", some parts; DIST=folder, packages that are there
# already, else they are made in two clean clones, which must give the same bytes; OUT=folder to work in, which
# stays.

make=$1
. tests/versions/lib.sh
here=$PWD/tests/packages
out=${OUT:-$(mktemp -d)}
[ -n "$OUT" ] || trap 'rm -rf "$out"' EXIT
python=${PYTHON:-/usr/bin/python3}
start=$(date +%s)
mkdir -p "$out"

wanted() {
    case " $ONLY " in
    '  ' | *" $1 "*) ;;
    *) false ;;
    esac
}

# root NAME SUITE PACKAGE...: sets root to a fresh copy of a system, with the folder /app.
root() {
    root=$out/root-$1
    shift
    suite=$1
    shift
    made=$(sh packaging/root.sh "$suite" amd64 "$@") || {
        note_missing "a system of Debian $suite with $*"
        return 1
    }
    rm -rf "$root"
    cp -a "$made" "$root"
    mkdir -p "$root/app"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# in_root COMMAND...: runs it in /app of that system. /proc is mounted for it alone, so nothing stays mounted.
in_root() {
    timeout 900 unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
        /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/app DEBIAN_FRONTEND=noninteractive \
        sh -c 'cd /app && exec "$@"' sh "$@"
}

# judged FOLDER COMMAND...: runs it on the statements, with the database shop.db and the model in FOLDER, and compares.
judged() {
    folder=$1
    shift
    cp "$out/reference/shop.db" "$out/reference/model.safetensors" "$folder" || return
    "$@" <"$out/reference/statements" >"$out/found" 2>&1 || {
        cat "$out/found"
        return 1
    }
    "$python" $here/compare.py "$out/reference/expected" "$out/found"
}

# trains NAME FOLDER COMMAND...
trains() {
    name=$1
    shift
    check "$name" judged "$@" && echo "      $check_out"
}

# Each of these changes to what is expected must be seen; the file itself must not.
sees_differences() {
    "$python" $here/compare.py "$out/reference/expected" "$out/reference/expected" || return
    while IFS= read -r change; do
        sed "$change" "$out/reference/expected" >"$out/changed"
        ! cmp -s "$out/reference/expected" "$out/changed" || { echo "no change: $change"; return 1; }
        ! "$python" $here/compare.py "$out/reference/expected" "$out/changed" || { echo "not seen: $change"; return 1; }
    done <<'END'
/^rank [0-9]* 7 /s/\.\([0-9]\)[0-9]*$/.\19999/
/^rank [0-9]* 7 /s/ 7 [0-9]* / 7 1 /
/^rank [0-9]* 100 /d
/^loss /s/ .*/ 9/
/^loss /s/ .*/ nan/
/^recall /s/ 0\./ 0.0/
/^given /d
/^check /s/ok/damaged/
END
}

# installs PACKAGE [OPTION...]: into a fresh virtual environment of the system, /app/venv.
installs() {
    package=$1
    shift
    cp "$dist/$package" $here/host.py "$root/app" &&
        in_root sh -c 'rm -rf venv && python3 -m venv "$@" venv' sh "$@" &&
        in_root venv/bin/pip install --no-index --disable-pip-version-check "./$package"
}

# What the system build exports, and what it says to the statements.
reference() {
    mkdir "$out/reference"
    grep -v '^--' $here/statements.sql >"$out/reference/statements"
    sqlite3 "$out/reference/shop.db" <sql/demo_clicks.sql &&
        cp "$out/reference/shop.db" "$out/reference/own.db" &&
        (cd "$out/reference" && sqlite3 -bail own.db ".load $OLDPWD/gru4rec" \
            "SELECT gru4rec_train('given', 'clicks', 'n_epochs=1,seed=7')" \
            "SELECT gru4rec_export('given', 'model.safetensors', 'sessions=true')" 'DROP TABLE given' &&
            sed 's/$/;/' statements | sqlite3 -bail -cmd ".load $OLDPWD/gru4rec" own.db >expected)
}

apt_package debootstrap debhelper lintian libopenblas-pthread-dev curl binutils git musl-tools gcc-aarch64-linux-gnu \
    libc6-dev-arm64-cross gcc-mingw-w64-x86-64-posix || note_missing 'what packaging/README.md says is needed'
check 'the system build trains, recommends and exports' reference || finish
check 'compare.py sees what differs' sees_differences
. $here/dist.sh
for part in golden npm python sdist debian onefile service; do
    if wanted $part; then
        . $here/$part.sh
    fi
done
echo "$(($(date +%s) - start)) seconds"
finish
