#!/bin/sh
# architecture.sh: what docs/architecture.md lists is what there is: the folders of ext/, the
# columns of the shadow tables and their order, the bits of idxNum, the keys of m_config. Run
# from the project's root, after make. Prints what differs.

page=${PAGE:-docs/architecture.md} # another one, in its own test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# compare WHAT: the lists $work/said and $work/is.
compare() {
    if ! diff "$work/said" "$work/is" >"$work/diff"; then
        echo "docs/architecture.md: $1 (< said, > is)"
        grep '^[<>]' "$work/diff"
        status=1
    fi
}

# The names in backquotes in the first column of the table under a heading, or behind a line.
first_column() {
    awk -v from="$1" '
        index($0, from) == 1 { is_on = 1; next }
        is_on && /^\| *`/ { split($0, cell, "|"); print cell[2]; n++ }
        is_on && n > 0 && !/^\|/ { exit }' "$page" | grep -o '`[^`]*`' | tr -d '`'
}

first_column '## Tour of ext/' | grep '/$' | sort >"$work/said"
(cd ext && ls -d */) | sort >"$work/is"
compare 'the folders of ext/'

sqlite3 -cmd '.load ./gru4rec' "$work/x.db" '
    CREATE TABLE log(session, item, time, place);
    WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 99)
    INSERT INTO log SELECT i / 2, i % 2, i, i FROM c;
    CREATE VIRTUAL TABLE m USING gru4rec((SELECT * FROM log), order=place, layers=4, n_epochs=1, blend=1);
    SELECT gru4rec_train('"'m'"');
    SELECT gru4rec_tune('"'m', 'trials=2, validation=0.5'"')' >"$work/trained" || exit 1
sqlite3 "$work/x.db" "SELECT name FROM sqlite_schema WHERE name GLOB 'm_*' AND type <> 'index' ORDER BY 1" >"$work/is"
sed -n 's/^### `\(m_[a-z]*\)`$/\1/p' "$page" | sort >"$work/said"
compare 'the tables of a model'
for table in $(grep -v m_source "$work/is"); do
    first_column "### \`$table\`" >"$work/said"
    sqlite3 "$work/x.db" "SELECT name FROM pragma_table_info('$table') ORDER BY cid" >"$work/is"
    compare "the columns of $table"
done

# Keys are written by name in ext/store: texts from the list in ext_config.c, the others in SQL.
# checksum:RUN has the run behind it.
first_column '| key | value |' | grep -v ':' | sort >"$work/said"
{
    sed -n '/^} fields\[\]/,/^};/s/^ *{"\([a-z_]*\)".*/\1/p' ext/store/ext_config.c
    cat ext/store/*.c | tr -d '\n"' | tr -s ' ' | grep -oE "key (=|IS) '[a-z_]+'" | sed "s/.*'\(.*\)'/\1/"
} | sort -u >"$work/is"
compare 'the keys of m_config'
sqlite3 "$work/x.db" 'SELECT key FROM m_config' | grep -v ':' | sort >"$work/has"
comm -23 "$work/has" "$work/is" >"$work/said" # written, but not known here
: >"$work/is"
compare 'the keys of m_config'

# The compiler knows the bits; PLAN_ names are private to ext_relation.c.
sed -n 's/^| \([0-9]*\)\( to [0-9]*\)* | `\([A-Z_]*\)` .*/\3 \1/p' "$page" >"$work/said"
{
    cat <<'END'
#include <stdio.h>
#include "serve/ext_serve.h"
#define SHOW(name, bit) printf("%s %d\n", #name, bit)
END
    sed -n '/^enum {$/,/^};$/p' ext/serve/ext_relation.c
    echo 'int main(void) {'
    while read -r name bit; do
        case $name in
        EXT_TABLE_MISSING) echo "SHOW($name, $name);" ;; # a number, the others are bits
        *) echo "SHOW($name, __builtin_ctz($name));" ;;
        esac
    done <"$work/said"
    echo '}'
} >"$work/bits.c"
${CC:-cc} -std=c11 -Iext -o "$work/bits" "$work/bits.c" || exit 1
"$work/bits" >"$work/is"
compare 'the bits of idxNum'
grep -c . "$work/said" | grep -qx '1[0-9]' || { echo 'docs/architecture.md: no table of bits'; status=1; }

exit $status
