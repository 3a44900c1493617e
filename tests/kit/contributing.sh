#!/bin/sh
# contributing.sh RUNNER OBJECT... [-- LIBS]: the functions that CONTRIBUTING.md adds, built as it
# says into a copy of the extension, and the test that it writes for them. The objects are
# those of the extension. Run from the project's root.

. tests/count.sh
runner=$(realpath "$1")
shift
libs=${*#*-- }
objects=${*%% -- *}
work=$(mktemp -d)
trap 'rm -rf "$work" "$count_out"' EXIT
cp -r ext include "$work"
mkdir -p "$work/sql" && cp -r tests/sql/parts "$work/sql"

# The file that a block of C names in its comment gets the block.
awk -v folder="$work/ext/tools/" '
    /^ *```c$/ { in_block = 1; n = 0; match($0, /^ */); indent = RLENGTH; next }
    /^ *```$/ {
        if (in_block)
            for (i = 1; i <= n; i++)
                print line[i] >(folder name)
        in_block = 0
    }
    in_block { line[++n] = substr($0, indent + 1); if (n == 2) name = $2 }
' CONTRIBUTING.md
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
        ${CC:-cc} -std=c11 -Wall -Wextra -Wshadow -Wconversion -Werror -O1 -fPIC \
            -fvisibility=hidden -c "$work/ext/$file.c" -o "$work/$(basename $file).o" || return
    done
    ${CC:-cc} -shared -Wl,-z,nodelete -o "$work/gru4rec.so" "$work"/*.o $objects $libs &&
        echo '1 passed, 0 failed'
}

count 'the functions of CONTRIBUTING.md build' build
count 'its test passes' "$runner" --extension "$work/gru4rec.so" "$work/sql/popular.test"
if command -v clang-format >/dev/null; then
    format() {
        cp .clang-format "$work"
        clang-format --dry-run -Werror "$work"/ext/tools/ext_support.c "$work"/ext/tools/ext_popular.c &&
            echo '1 passed, 0 failed'
    }
    count 'they are formatted' format
fi
total
