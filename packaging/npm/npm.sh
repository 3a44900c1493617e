#!/bin/sh
# npm.sh OUT: the npm package gru4rec. npm.sh OUT PLATFORM FILE: the package gru4rec-PLATFORM, which has FILE in it.
# VERSION and SOURCE_DATE_EPOCH come from the environment.
set -eu
here=packaging/npm
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/package
mkdir "$package"

if [ $# -eq 1 ]; then
    platforms=$(sh packaging/artefact.sh | sed "s/.*/    \"gru4rec-&\": \"$VERSION\",/; \$s/,\$//")
    cp $here/main/index.* $here/main/README.md LICENSE "$package"
    awk -v version="$VERSION" -v platforms="$platforms" '
        { gsub("@VERSION@", version) } /^@PLATFORMS@$/ { print platforms; next } { print }' \
        $here/main/package.json.in >"$package/package.json"
else
    platform=$2
    eval "$(sh packaging/artefact.sh "$platform")"
    [ "$libc" = - ] && libc= || libc="  \"libc\": [\"$libc\"],\\n"
    for name in package.json README.md; do
        sed "s/@VERSION@/$VERSION/; s/@PLATFORM@/$platform/g; s/@FILE@/$file/g; s/@OS@/$os/; s/@CPU@/$cpu/; s/@LIBC@/$libc/" \
            $here/platform/$name.in >"$package/$name"
    done
    cp "$3" "$package/$file"
    sh packaging/licences.sh "$blas" "$package"
fi
sh packaging/archive.sh "$package" "$out"
