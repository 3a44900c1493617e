#!/bin/sh
# run.sh PYTHON EXTENSION: order.py, border.py, written.py and evaluate.py, and their sum.

here=$(dirname "$0")
. "$here/../count.sh"
for name in order border written evaluate; do
    count "$name.py" "$1" "$here/$name.py" "$2"
done
total
