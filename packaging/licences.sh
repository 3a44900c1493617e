#!/bin/sh
# licences.sh BLAS FOLDER: what must be beside the extension wherever it is handed on; with OpenBLAS inside also its notices.
set -eu
cp LICENSE "$2"
[ "$1" != static ] || cp THIRD-PARTY "$2"
