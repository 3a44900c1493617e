#!/bin/sh
# shell.sh EXTENSION DATABASE
sed 's/$/;/' | sqlite3 -init /dev/null -batch -cmd ".load $1" "$2" 2>&1
