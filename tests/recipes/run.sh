#!/bin/sh
# run.sh PYTHON EXTENSION: every test of the recipes. The last line is "N passed, N failed".

here=$(dirname "$0")
python=$1
extension=$2
. "$here/../count.sh"
count prepare.py "$python" "$here/prepare.py"
count logs.py "$python" "$here/logs.py"
count live.py "$python" "$here/live.py" "$extension"
count shop.py "$python" "$here/shop.py" "$extension"
count nightly.sh sh "$here/nightly.sh" "$extension"
count pytorch.py "$python" "$here/pytorch.py" "$extension"
total
