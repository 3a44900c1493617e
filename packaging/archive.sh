#!/bin/sh
# archive.sh FOLDER OUT: FOLDER and all that is in it, as OUT (.tar.gz or .tgz). The same files give the same bytes: names are
# sorted, times are SOURCE_DATE_EPOCH, nobody owns anything.
set -eu
find "$1" -type d -exec chmod 755 {} +
find "$1" -type f -exec chmod 644 {} +
tar -C "$(dirname "$1")" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -cf - "$(basename "$1")" | gzip -9n >"$2"
