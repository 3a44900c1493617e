#!/bin/sh
# options.sh [--write]: the options table of docs/options.md, made from the table in the code. Without
# --write it only compares. Run from the project's root, after make.

set -eu
new=$(mktemp)
trap 'rm -f "$new"' EXIT

table() {
    sqlite3 -cmd '.load ./gru4rec' :memory: "
        SELECT '| option | default | accepted | meaning |' UNION ALL SELECT '|---|---|---|---|';
        SELECT '| \`' || (value ->> 'name') || '\` | ' || (value ->> 'default') || ' | ' ||
               (value ->> 'range') || ' | ' || (value ->> 'help') ||
               iif(value ->> 'of' <> 'train', ' (of gru4rec_' || (value ->> 'of') || ')', '') || ' |'
        FROM json_each(gru4rec_info(), '\$.options')"
}

{
    sed '/^<!-- options: /q' docs/options.md
    table
    sed -n '/^<!-- end of options -->/,$p' docs/options.md
} >"$new"
if [ "${1:-}" = --write ]; then
    cat "$new" >docs/options.md
else
    diff docs/options.md "$new" && exit 0
    echo 'the options table of docs/options.md is not that of the code; run make docs'
    exit 1
fi
