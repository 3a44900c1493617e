#!/bin/sh
# run.sh PYTHON EXTENSION: order.py, written.py and evaluate.py, and their sum.

here=$(dirname "$0")
. "$here/../count.sh"
for name in order written evaluate; do
    count "$name.py" "$1" "$here/$name.py" "$2"
done
total
