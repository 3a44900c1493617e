#!/bin/sh
# baseline.sh RUNNER OBJECT... [-- LIBS]: the baseline that src/baselines/README.md adds, built as
# it says into a copy of the extension; its own test; and the tests in SQL that take the names of
# baselines from the option. The objects are those of the extension, but for the one that
# SQLite calls. Run from the project's root.

. tests/kit/page.sh
page=src/baselines/README.md
cp -r src ext include "$work"
mkdir -p "$work/tests/unit" && cp -r tests/lib "$work/tests"
blocks $page
mv "$work"/blocks/test_* "$work/tests/unit"
mv "$work"/blocks/* "$work/src/baselines"

# The lines that step 2 says go into other files.
says() {
    for text in '`g4r_repeat`' '`GRU4REC_REPEAT,` before' '`[GRU4REC_REPEAT] = &g4r_repeat,`' '`|repeat`'; do
        grep -F -- "$text" $page || return
    done
    echo '1 passed, 0 failed'
}
count 'the page says which lines go elsewhere' says
sed -i 's/^extern const g4r_baseline_method .*g4r_stan/&, g4r_repeat/; t; s/\bg4r_stan;/g4r_stan, g4r_repeat;/' \
    "$work/src/baselines/methods.h"
sed -i 's/^    GRU4REC_N_BASELINES$/    GRU4REC_REPEAT,\n&/' "$work/include/gru4rec.h"
sed -i 's/^    \[GRU4REC_STAN\] = &g4r_stan,$/&\n    [GRU4REC_REPEAT] = \&g4r_repeat,/' \
    "$work/src/baselines/baseline.c"
sed -i 's/|vs-knn|stan"/|vs-knn|stan|repeat"/' "$work/src/options/options_table.c"

# What sees the number of baselines is built anew, and the other objects are taken as they are.
build() {
    kept=$objects
    (cd "$work" && grep -lE 'N_BASELINES|ext_measurement|baselines\|' src/*/*.c ext/*/*.c src/baselines/repeat.c &&
        echo src/baselines/baseline.c && echo src/options/options_table.c && echo src/baselines/repeat.c &&
        echo ext/gru4rec_ext.c) | sort -u >"$work/files"
    while read -r file; do
        compile "$work/$file" || return
        kept=$(echo "$kept" | tr ' ' '\n' | grep -v "/${file%.c}.o$" | tr '\n' ' ')
    done <"$work/files"
    ${CC:-cc} -shared -Wl,-z,nodelete -o "$work/gru4rec.so" "$work"/*.o $kept $libs &&
        echo "$kept" >"$work/kept" && echo '1 passed, 0 failed'
}

build_test() {
    library=$(tr ' ' '\n' <"$work/kept" | grep '/src/')
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror -O1 $(pkg-config --cflags openblas 2>/dev/null) \
        -o "$work/test_repeat" "$work/tests/unit/test_repeat.c" \
        $(grep '^src/' "$work/files" | sed "s|.*/\(.*\)\.c|$work/\1.o|") $library $libs &&
        echo '1 passed, 0 failed'
}

cat >"$work/repeat.test" <<'EOF'
include parts/test_events.inc

query T
SELECT group_concat(method, ' ') FROM gru4rec_evaluate('rec', 'test', 'baselines=pop/repeat,cutoffs=5')
----
gru4rec pop repeat

query I
SELECT count(*) > 0 FROM gru4rec_compare('rec', 'repeat', 'test')
----
1
EOF
cp -r tests/sql/parts "$work"

count 'the baseline builds' build
count 'its test builds' build_test
count 'its test passes' "$work/test_repeat"
count 'the tests in SQL pass' "$runner" --extension "$work/gru4rec.so" tests/sql/evaluate_trained.test \
    tests/sql/evaluate_errors.test tests/sql/evaluate_options.test tests/sql/compare_errors.test \
    tests/sql/options_table.test
count 'it is measured' "$runner" --extension "$work/gru4rec.so" "$work/repeat.test"
formatted "$work/src/baselines/repeat.c" "$work/tests/unit/test_repeat.c"
total
