#!/bin/sh
# reference.sh [--write]: the sections of docs/reference.md, made from gru4rec_help(). Without
# --write it only compares. Run from the project's root, after make.

set -eu
new=$(mktemp)
trap 'rm -f "$new"' EXIT

sections() {
    sqlite3 -cmd '.load ./gru4rec' :memory: "
        SELECT iif(kind = 'table of a model' AND lag(kind) OVER () <> kind, '
## The tables that a model keeps

The name of the model stands for m: the model rec has the table rec_version. Read these tables. Do not write to them.
', '') || '
### ' || name || '

' || upper(substr(kind, 1, 1)) || substr(kind, 2) || '.

\`\`\`text
' || replace(usage, ' -> ', '
    -> ') || '
\`\`\`

' || help || '

' || replace(notes, ' Cost: ', '

Cost: ') || '

\`\`\`sql
' || example || ';
\`\`\`'
        FROM gru4rec_help WHERE kind <> 'option'"
}

{
    sed '/^<!-- reference: /q' docs/reference.md
    printf '\n## Functions and tables\n'
    sections
    echo
    sed -n '/^<!-- end of reference -->/,$p' docs/reference.md
} >"$new"
if [ "${1:-}" = --write ]; then
    cat "$new" >docs/reference.md
else
    diff docs/reference.md "$new" && exit 0
    echo 'docs/reference.md is not what gru4rec_help() says; run make docs'
    exit 1
fi
