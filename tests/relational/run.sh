#!/bin/sh
# run.sh PYTHON EXTENSION: the programs beside differential.py, and their sum.

here=$(dirname "$0")
. "$here/../count.sh"
for name in order border written evaluate baselines compare blend; do
    count "$name.py" "$1" "$here/$name.py" "$2"
done
total
