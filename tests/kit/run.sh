#!/bin/sh
# run.sh MAKE ARGUMENTS: what is installed works for who has only that: the files, gru4rec.pc, and the
# example in C, which must say what the extension says. Also what CONTRIBUTING.md adds
# (contributing.sh, whose arguments follow), compile_commands.json, make stats, and the faults
# that tests/layers.sh must see. Run from the project's root, after make.

make=$1
shift
. tests/check.sh

# ---- install ----

prefix=$work/prefix
$make -s install DESTDIR="$work/root" PREFIX=/opt/x >"$work/out" 2>&1
check $? 'make install with DESTDIR'
grep -rl "$work" "$work/root" >"$work/out"
[ ! -s "$work/out" ]
check $? 'nothing that is installed names DESTDIR'
grep -qx 'prefix=/opt/x' "$work/root/opt/x/lib/pkgconfig/gru4rec.pc"
check $? 'gru4rec.pc names PREFIX'
$make -s uninstall DESTDIR="$work/root" PREFIX=/opt/x >"$work/out" 2>&1
find "$work/root" -type f >"$work/out"
[ ! -s "$work/out" ]
check $? 'make uninstall leaves no file'
$make -s install PREFIX="$prefix" DESTDIR= >"$work/out" 2>&1
check $? 'make install with PREFIX'

# ---- examples/c, built and run with what was installed ----

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
${CC:-cc} -std=c11 -Wall -Wextra -Werror examples/c/recommend.c -o "$work/recommend" \
    $(pkg-config --cflags --libs gru4rec) >"$work/out" 2>&1
check $? 'examples/c/recommend.c builds by gru4rec.pc alone'

# A small log; some sessions of one click, some items of the same time.
sqlite3 "$work/shop.db" "CREATE TABLE clicks(session, item, ts);
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 3000)
    INSERT INTO clicks SELECT i * 7919 % 700, 100 + i * i % 41, 1700000000 + i * 31 % 977 FROM c;
    INSERT INTO clicks VALUES (9000, 7, 1700000000)" >"$work/out" 2>&1
sqlite3 -separator ' ' "$work/shop.db" 'SELECT * FROM clicks' >"$work/clicks.txt"
# The last column breaks ties, as 0 does for every click of the program.
sqlite3 -cmd ".load $(pkg-config --variable=extension gru4rec)" "$work/shop.db" "
    CREATE VIRTUAL TABLE m USING gru4rec((SELECT session, item, ts FROM clicks), session=session,
        item=item, time=ts, n_epochs=2, layers=16, n_sample=32, blend=0);
    SELECT json_extract(gru4rec_train('m'), '$.items') > 10;
    SELECT item || printf(' %.6f', score) FROM gru4rec_recommend('m', '[110, 117, 999]', 10)" \
    >"$work/sql" 2>"$work/out"
check $? 'the extension loads from where it was installed'
"$work/recommend" n_epochs=2 layers=16 n_sample=32 110 117 999 <"$work/clicks.txt" \
    >"$work/c" 2>"$work/epochs"
check $? 'examples/c/recommend.c runs'
{ echo 1 && cat "$work/c"; } | diff - "$work/sql" >"$work/out" 2>&1
check $? 'it recommends what the extension does, with the same scores'
[ "$(grep -c '^epoch' "$work/epochs")" -eq 2 ]
check $? 'it shows its epochs'
echo '1 x 3' | "$work/recommend" >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q 'three integers' "$work/out"
check $? 'a line that is no click is an error'
# The options that prepare the clicks do so.
options='n_epochs=3 layers=16 n_sample=32 session_gap=300 collapse_repeats=true max_length=3 min_support=2
    long_sessions=drop validation=0.2 patience=2'
sqlite3 -cmd ".load $(pkg-config --variable=extension gru4rec)" "$work/shop.db" "
    SELECT gru4rec_train('m', '$(echo $options | tr ' ' ',')') IS NULL;
    SELECT item || printf(' %.6f', score) FROM gru4rec_recommend('m', '[110, 117]', 10)" >"$work/sql" 2>"$work/out" &&
    "$work/recommend" $options 110 117 <"$work/clicks.txt" >"$work/c" 2>>"$work/out" &&
    { echo 0 && cat "$work/c"; } | diff - "$work/sql" >>"$work/out"
check $? 'it prepares the clicks as the extension does'
for option in since=2024-01-01 support_decay=0.5 activate=false keep_history=5 blend=1 commit_wait=1; do
    "$work/recommend" "$option" </dev/null >"$work/out" 2>&1
    [ $? -eq 1 ] && grep -q "${option%%=*} is only for the SQLite extension" "$work/out" || break
done
[ "$option" = commit_wait=1 ] && grep -q 'commit_wait is only for the SQLite extension' "$work/out"
check $? 'an option about a database is an error'
"$work/recommend" layres=16 </dev/null >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q "layers" "$work/out"
check $? 'an unknown option is an error that names the nearest'

# ---- what helps to work on the code ----

sh tests/kit/contributing.sh "$@" >"$work/out" 2>&1
check $? 'what CONTRIBUTING.md adds works as it says'

sh tests/kit/baseline.sh "$@" >"$work/out" 2>&1
check $? 'the baseline of src/baselines/README.md works as it says'

cp -p compile_commands.json "$work/kept.json" 2>/dev/null
$make -s compile_commands >"$work/out" 2>&1
sqlite3 :memory: "SELECT value ->> 'file' FROM json_each(readfile('compile_commands.json'))
    WHERE (value ->> 'command') LIKE '% -c %'" 2>>"$work/out" | sort >"$work/known"
[ -e "$work/kept.json" ] && mv "$work/kept.json" compile_commands.json || rm -f compile_commands.json
ls src/*/*.c ext/*.c ext/*/*.c examples/c/*.c | grep -v '^ext/mpi/' | sort | comm -23 - "$work/known" >"$work/out"
[ -s "$work/known" ] && [ ! -s "$work/out" ]
check $? 'compile_commands.json knows every file of the code'

$make -s stats >"$work/out" 2>&1 && grep -q '^ext/train ' "$work/out" && grep -q 'gru4rec.so' "$work/out"
check $? 'make stats'

. tests/kit/trace.sh

sh tests/layers/selftest.sh >"$work/out" 2>&1
check $? 'tests/layers.sh sees the faults that tests/layers/selftest.sh plants'

total
