#!/bin/sh
# platform.sh MAKE PLATFORM FOLDER: compiles the extension for a platform of packaging/artefacts, and puts it, stripped, into
# FOLDER. Fails where the file needs more of its system than its tag says.
set -eu
make=$1 platform=$2 folder=$3
eval "$(sh packaging/artefact.sh "$platform")"
B=build/dist/$platform
[ "$compiler" != aarch64-linux-musl-gcc ] || { PATH=$(sh packaging/musl.sh):$PATH && export PATH; }
cc=$compiler
if [ "$sysroot" != - ]; then
    root=$(sh packaging/root.sh "${sysroot%/*}" "${sysroot#*/}" libc6-dev)
    libraries=$root/usr/lib/$($compiler -print-multiarch)   # named, as gcc would look among this machine's first
    cc="$compiler --sysroot=$root -B$libraries -L$libraries"
fi
# The sysroot's SQLite is too old: of this machine's, only the two headers are seen.
mkdir -p "$B/sqlite" "$folder"
cp /usr/include/sqlite3.h /usr/include/sqlite3ext.h "$B/sqlite"
$make --no-print-directory B="$B" BLAS="$blas" CC="$cc" OBJCOPY="$($compiler -print-prog-name=objcopy)" DEBUG= SAN= COVERAGE= \
    CFLAGS="-g0 -ffile-prefix-map=$PWD=. -isystem $B/sqlite" "$B/$file"
"$($compiler -print-prog-name=strip)" --strip-unneeded -o "$folder/$file" "$B/$file"
chmod 644 "$folder/$file"
sh packaging/needs.sh "$folder/$file" "$tag"
