#!/bin/sh
# licences.sh BLAS FOLDER: what must be beside the extension wherever it is handed on. With OpenBLAS inside that is OpenBLAS's
# notice too, as the Debian package has it whose archive was linked.
set -eu
cp LICENSE "$2"
[ "$1" != static ] || cp /usr/share/doc/libopenblas-pthread-dev/copyright "$2/LICENSE.OpenBLAS"
