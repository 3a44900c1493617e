#!/bin/sh
# dist.sh MAKE: everything that is released, into dist/, and SHA256SUMS. VERSION and SOURCE_DATE_EPOCH come from the
# environment. It needs a clone that has nothing uncommitted, and what packaging/README.md names; debootstrap needs root.
set -eu
make=$1
start=$(date +%s)
out=dist
rm -rf $out
mkdir -p $out
$make --no-print-directory amalgamation

source=$out/gru4rec-$VERSION-source.tar.gz
git archive --format=tar --prefix="gru4rec-$VERSION/" HEAD | gzip -9n >"$source"
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "note: $source has none of what is not committed"

sh packaging/npm/npm.sh "$out/gru4rec-$VERSION.tgz"
for platform in $(sh packaging/artefact.sh); do
    eval "$(sh packaging/artefact.sh "$platform")"
    folder=build/dist/gru4rec-$VERSION-$platform
    rm -rf "$folder"
    sh packaging/platform.sh "$make" "$platform" "$folder"
    sh packaging/licences.sh "$blas" "$folder"
    /usr/bin/python3 packaging/python/gru4rec_build.py wheel $out "$tag" "$folder/$file" $(find "$folder" -type f ! -name "$file" | sort)
    sh packaging/npm/npm.sh "$out/gru4rec-$platform-$VERSION.tgz" "$platform" "$folder/$file"
    sh packaging/archive.sh "$folder" "$out/gru4rec-$VERSION-$platform.tar.gz"
done
/usr/bin/python3 packaging/python/gru4rec_build.py sdist $out

DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS-nocheck} sh packaging/debian/deb.sh "$source" build/deb # make test has tested it
cp build/deb/libsqlite3-mod-gru4rec_*.deb $out
(cd $out && sha256sum -- * >SHA256SUMS)
ls -l $out
echo "$(($(date +%s) - start)) seconds"
