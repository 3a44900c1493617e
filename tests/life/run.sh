#!/bin/sh
# run.sh [EXTENSION]: whole-process tests; every script of this directory, one after the other.
# GRU4REC_QUICK=1: fewer repetitions. GRU4REC_TIMES=1: seconds of each test.

here=$(dirname "$0")
extension=${1:-$here/../../gru4rec.so}
. "$here/../count.sh"
for name in locks busy waits two_trainings interrupt kill resume tuning runs commits nightly cache gate serving loading blend memory limits lifecycle configure mending format caller messages values plots options refusals readonly files libraries blas_core locale_comma terminal; do
    count "$name.py" "${PYTHON:-/usr/bin/python3}" "$here/$name.py" "$extension"
done
total
