#!/bin/sh
# contributing.sh RUNNER OBJECT... [-- LIBS]: the functions that CONTRIBUTING.md adds, built as it
# says into a copy of the extension, and the test that it writes for them. The objects are
# those of the extension. Run from the project's root.

. tests/kit/page.sh
cp -r ext include "$work"
mkdir -p "$work/sql" && cp -r tests/sql/parts "$work/sql"
blocks CONTRIBUTING.md
mv "$work"/blocks/* "$work/ext/tools"
sed -n '/^```text$/,/^```$/ { /^```/d; p }' CONTRIBUTING.md >"$work/sql/popular.test"

# The lines that it says go elsewhere.
sed -n 's/.*`\(extern const [^`]*;\)`.*/\1/p' CONTRIBUTING.md >"$work/lines"
sed -i "/^extern const ext_table_function ext_evaluate/{
r $work/lines
}" "$work/ext/tools/ext_tools.h"
sed -i 's/ext_times_functions,/& ext_support_functions,/; s/&ext_options_table,/& \&ext_popular,/' \
    "$work/ext/gru4rec_ext.c"

build() {
    for file in tools/ext_support tools/ext_popular gru4rec_ext; do
        compile "$work/ext/$file.c" || return
    done
    ${CC:-cc} -shared -Wl,-z,nodelete -o "$work/gru4rec.so" "$work"/*.o $objects $libs &&
        echo '1 passed, 0 failed'
}

count 'the functions of CONTRIBUTING.md build' build
count 'its test passes' "$runner" --extension "$work/gru4rec.so" "$work/sql/popular.test"
formatted "$work/ext/tools/ext_support.c" "$work/ext/tools/ext_popular.c"
total
