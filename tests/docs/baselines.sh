#!/bin/sh
# baselines.sh: docs/evaluation.md has a row for each baseline, with all of its options, and
# src/baselines/README.md lists its file. Run from the project's root, after make. Prints what
# is missing.

page=${PAGE:-docs/evaluation.md} # another one, in its own test
status=0

# miss PAGE TEXT
miss() {
    echo "$1: $2 is missing"
    status=1
}

query() {
    sqlite3 -cmd '.load ./gru4rec' :memory: "$1"
}

words=$(query "SELECT range FROM gru4rec_options WHERE name = 'baselines'" |
    sed 's/.*some of \(.*\), joined.*/\1/' | tr -d ,)
[ -n "$words" ] || miss gru4rec_options 'the words of option baselines'
for name in $words; do
    stem=$(echo "$name" | tr - _)
    row=$(grep "^| \`$name\` |" "$page") || miss "$page" "a row of $name"
    for option in $(query "SELECT name FROM gru4rec_options WHERE name GLOB '${stem}_*'"); do
        case $row in
        *"\`$option\`"*) ;;
        *) miss "$page" "$option in the row of $name" ;;
        esac
    done
    grep -q "\`$stem.c\`" src/baselines/README.md || miss src/baselines/README.md "$stem.c"
    [ -f "src/baselines/$stem.c" ] || miss src/baselines "$stem.c"
done
exit $status
