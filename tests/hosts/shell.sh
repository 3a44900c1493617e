#!/bin/sh
# shell.sh EXTENSION DATABASE: a statement with a parameter is run with each of the values.
awk -v Q="'" '/\?/ {
    n = split("1 1.0 1.5 " Q "1" Q " x" Q "31" Q " NULL", values, " ")
    for (i = 1; i <= n; i++) printf ".parameter set ?1 \"%s\"\n%s;\n", values[i], $0
    next
} { print $0 ";" }' |
    stdbuf -oL sqlite3 -init /dev/null -batch -cmd ".load $1" "$2" 2>&1 |
    sed 's/^\(Runtime error\|Parse error\|Error\)/error &/'
