# debian.sh - sourced by run.sh: the Debian package, by apt in a system of its own, and its autopkgtest.

deb=$(cd "$dist" && ls libsqlite3-mod-gru4rec_*.deb)

apt_installs() {
    cp "$dist/$deb" "$root/app" &&
        in_root sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends "./$0" man-db python3 sqlite3' "$deb"
}

autopkgtest() {
    cp packaging/debian/tests/recommend "$root/app/recommend" && in_root env AUTOPKGTEST_TMP=/app sh recommend
}

lintian_is_content() {
    lintian --fail-on error --suppress-tags initial-upload-closes-no-bugs "$dist/$deb"
}

apt_package lintian && check 'deb: lintian finds no error' lintian_is_content
if root debian bookworm; then
    if check 'deb: apt installs it' apt_installs; then
        check 'deb: autopkgtest' autopkgtest && echo "$check_out" | sed 's/^/      /'
        trains 'the shell, .load gru4rec' "$root/app" \
            in_root sh -c "sed 's/\$/;/' | sqlite3 -bail -cmd '.load gru4rec' shop.db"
        check 'deb: apt removes it' in_root sh -c \
            "apt-get remove -y -q libsqlite3-mod-gru4rec && ! find /usr -name '*gru4rec*' | grep ."
    fi
    rm -rf "$root"
else
    note_missing 'the Debian package (as root, with debootstrap)'
fi
