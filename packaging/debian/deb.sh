#!/bin/sh
# deb.sh SOURCE OUT: the Debian package libsqlite3-mod-gru4rec from SOURCE, the tar of the project's source. All that
# dpkg-buildpackage makes goes into the folder OUT. VERSION and SOURCE_DATE_EPOCH come from the environment.
set -eu
source=$1 out=$2
rm -rf "$out"
mkdir -p "$out"
cp "$source" "$out/gru4rec_$VERSION.orig.tar.gz"
tar -C "$out" -xzf "$source"
tree=$(echo "$out"/gru4rec-*/)
cp -R packaging/debian "$tree/debian"
rm "$tree/debian/deb.sh"
cat >"$tree/debian/changelog" <<END
gru4rec ($VERSION-1) unstable; urgency=medium

  * Version $VERSION: CHANGELOG.md says what is new.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
END
(cd "$tree" && MAKEFLAGS='' MAKELEVEL='' dpkg-buildpackage -us -uc ${DEB_BUILD:-}) >"$out/build.log" 2>&1 || {
    tail -n 40 "$out/build.log" >&2
    exit 1
}
rm -rf "$tree"
