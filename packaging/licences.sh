#!/bin/sh
# licences.sh BLAS FOLDER: what must be beside the extension wherever it is handed on.
set -eu
cp LICENSE "$2"
[ "$1" != static ] || cp packaging/LICENSE.OpenBLAS "$2"
