#!/bin/sh
# selftest.sh: layers.sh must see a fault of each of its rules, and no others. On a copy of the
# sources, with objects made up of a few lines. Run from the project's root.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r src ext include "$work"
mkdir "$work/tests" && cp -r tests/layers tests/layers.sh "$work/tests"
cd "$work" || exit 1

# object NAME: an object of a made-up build, of the C on standard input.
object() {
    mkdir -p "build/$(dirname "$1")"
    ${CC:-cc} -x c -c -fPIC -o "build/$1.o" -
}

# expect TEXT...: what layers.sh must say of the fault that is planted.
expect() {
    printf 'FAIL  %s\n' "$@" >>expected
}

object src/train/step <<'END'
int g4r_step_size;
END
object ext/gru4rec_ext <<'END'
int sqlite3_gru4rec_init, sqlite3_grurec_init, sqlite3_extension_init, gru4rec_blas_shared_1;
END
${CC:-cc} -shared -o build/gru4rec.so build/ext/gru4rec_ext.o || exit 1
sh tests/layers.sh build build/src/train/step.o >first
[ "$(tail -n 1 first | sed 's/.* passed, //')" = '0 failed' ]
clean=$?

# 1, 2: includes and words in sources
echo '#include "../train/step.h"' >>src/base/rng.c
expect 'src/base/rng.c includes ../train/step.h; src/base may see: '
mkdir src/new && echo 'int x;' >src/new/new.c
expect 'src/new has no rule in tests/layers.sh'
echo '/* cblas_sgemm() */' >>src/train/optim.c
expect 'CBLAS is used outside src/kernels/blas_openblas.c and blas_core.c'
echo '/* sqlite3_step() */' >>src/data/time.c
expect 'SQLite is used in src/'

echo '#ifdef GRU4REC_TIMING' >>src/base/rng.h
expect 'a header asks for GRU4REC_MPI or GRU4REC_TIMING, which the Makefile looks for in files that are no headers'

# 2, 3, 4: symbols
object src/data/dict <<'END'
extern int g4r_step_size, sqlite3_step;
int g4r_wrong(void) { return g4r_step_size + sqlite3_step; }
END
expect 'src/data/dict.c defines g4r_wrong; make it static, or begin its name with the name of the file' 'src/data/dict.c uses sqlite3_step' \
    'src/data/dict.c uses g4r_step_size of src/train/step.c'
object ext/base/ext_rows <<'END'
extern int g4r_step_size;
int ext_rows_size(void) { return g4r_step_size; }
END
expect 'ext/base/ext_rows.c uses g4r_step_size of src/train/step.c'

# 5: exports
echo 'int one_too_many;' | object other
${CC:-cc} -shared -o build/gru4rec.so build/ext/gru4rec_ext.o build/other.o
expect 'gru4rec.so exports: gru4rec_blas_shared_1 one_too_many sqlite3_extension_init sqlite3_gru4rec_init sqlite3_grurec_init '

# 6: sizes
n=$(wc -l <ext/base/ext_home.c)
yes '' | head -n $((601 - n)) >>ext/base/ext_home.c
expect 'ext/base/ext_home.c has 601 lines; at most 600: make two files of it'
{
    printf 'static int planted(int a,\n                   int b)\n{\n'
    yes '    a += b;' | head -n 48
    printf '    return a;\n}\n'
} >>src/data/sort.c
expect 'planted() in src/data/sort.c has 51 lines; at most 50'

{
    printf '/*\n * %s\n */\n' "$(printf '%087d' 0)"
    printf '/*\n * %s\n */\n' "$(printf '%088d' 0)"
    printf '#define PLANTED "%s"\n' "$(printf '%099d' 0)"
} >>src/data/planted.h
expect 'src/data/planted.h has a comment of 91 columns in line 5; at most 90'

# 7: contracts
sed -i 's|^typedef struct gru4rec_error {|\ngru4rec_status gru4rec_bare(void);\n\n/* Does it. */\ngru4rec_status gru4rec_silent(int a,\n                              int b);\n\n&|' include/gru4rec.h
expect 'gru4rec_bare() has no comment in include/gru4rec.h' \
    'gru4rec_silent() returns a status, and its comment in include/gru4rec.h names no error'

# 8: words
echo "static int gru4rec_state = '\"', t; /* t and state, run */" >>ext/base/ext_json.c
expect "ext/base/ext_json.c: 'state' in gru4rec_state has another meaning (tests/layers/words.txt)" \
    "ext/base/ext_json.c: 't' in t has another meaning (tests/layers/words.txt)"

sh tests/layers.sh build build/src/train/step.o build/src/data/dict.o build/ext/base/ext_rows.o >out
status=$?
grep '^FAIL' out | sort >got
sort -o expected expected
n=$(wc -l <expected)
if [ $clean -ne 0 ]; then
    echo 'FAIL  layers.sh finds faults in sources that have none'
    cat first
    echo "0 passed, 1 failed"
elif diff expected got && [ $status -ne 0 ]; then
    echo "$n passed, 0 failed"
    exit 0
else
    echo "FAIL  layers.sh: other faults were seen than were planted (above)"
    echo "0 passed, 1 failed"
fi
exit 1
