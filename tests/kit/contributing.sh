#!/bin/sh
# contributing.sh RUNNER OBJECT... [-- LIBS]: the functions that CONTRIBUTING.md adds, built as it
# says into a copy of the extension, and the test that it writes for them. The objects are
# those of the extension. Run from the project's root.

. tests/kit/page.sh
cp -r ext include "$work"
mkdir -p "$work/sql" && cp -r tests/sql/parts "$work/sql"
blocks CONTRIBUTING.md
mv "$work/blocks/ext_help.c" "$work/rows"
mv "$work"/blocks/* "$work/ext/tools"
sed -n '/^```text$/,/^```$/ { /^```/d; p }' CONTRIBUTING.md >"$work/sql/popular.test"

# The lines that it says go elsewhere.
sed -n 's/.*`\(extern const [^`]*;\)`.*/\1/p' CONTRIBUTING.md >"$work/lines"
sed -i "/^extern const ext_table_function ext_evaluate/{
r $work/lines
}" "$work/ext/tools/ext_tools.h"
sed -i 's/ext_times_functions,/& ext_support_functions,/; s/&ext_options_table,/& \&ext_popular,/' \
    "$work/ext/gru4rec_ext.c"

# Without their help the functions cannot be registered, so this build is tried first.
build() {
    for file in tools/ext_support tools/ext_popular gru4rec_ext; do
        compile "$work/ext/$file.c" || return
    done
    link
}

link() {
    ${CC:-cc} -shared -Wl,-z,nodelete -o "$work/gru4rec.so" "$work"/*.o $objects $libs &&
        echo '1 passed, 0 failed'
}

refused() {
    sqlite3 -cmd ".load $work/gru4rec" :memory: 'SELECT gru4rec_version()' >"$work/said" 2>&1
    grep -q 'gru4rec_popular has no row in ext_help.c; describe it there$' "$work/said" &&
        echo '1 passed, 0 failed'
}

helped() {
    sed -i "/^static const ext_help rows/r $work/rows" "$work/ext/base/ext_help.c"
    compile "$work/ext/base/ext_help.c" || return
    objects=$(echo "$objects" | tr ' ' '\n' | grep -v '/ext_help\.o$' | tr '\n' ' ')
    link
}

count 'the functions of CONTRIBUTING.md build' build
count 'without their help it does not load' refused
count 'with their help they build' helped
count 'its test passes' "$runner" --extension "$work/gru4rec.so" "$work/sql/popular.test"
formatted "$work/ext/tools/ext_support.c" "$work/ext/tools/ext_popular.c"
total
