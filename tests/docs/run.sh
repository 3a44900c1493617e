#!/bin/sh
# run.sh: runs the blocks of README.md, docs/*.md and examples/*/README.md (page.py), and
# compares the options table, what docs/architecture.md lists, and the links between the pages.
#
# Each page runs on a small copy of the demo's clicks. Then all of them run one after another on
# the database that `make demo` leaves of them, which has a model rec. Run from the project's
# root, after make.

. tests/check.sh
python=${PYTHON:-/usr/bin/python3}

sqlite3 "$work/shop.db" <sql/demo_clicks.sql >"$work/out" 2>&1 &&
    sqlite3 "$work/shop.db" 'DELETE FROM clicks WHERE session_id % 10 <> 2;
        DELETE FROM clicks_test WHERE session_id % 10 <> 2' >>"$work/out" 2>&1
check $? sql/demo_clicks.sql
mkdir "$work/demo" && ln -s "$PWD/gru4rec.so" "$work/demo" && cp "$work/shop.db" "$work/demo.db" &&
    (cd "$work/demo" && sed '/^\.read/d' "$OLDPWD/sql/demo.sql" | sqlite3 ../demo.db) >"$work/out" 2>&1
check $? 'sql/demo.sql on that'

# page NAME OF THE DATABASE, ARGUMENTS OF page.py; shows the lines about blocks that did not run.
page() {
    database=$1
    shift
    "$python" tests/docs/page.py "$@" "$work/$database.db" >"$work/out" 2>&1
    check $? "the blocks of $* on $database.db"
    [ "$database" = demo ] || grep 'is not run: ' "$work/out"
}

if [ -x "$python" ]; then
    for file in README.md docs/*.md examples/*/README.md; do
        page shop "$file"
        page demo --keep "$file"
    done
    "$python" tests/docs/messages.py docs/troubleshooting.md >"$work/out" 2>&1
    check $? 'the messages of docs/troubleshooting.md that it does not provoke'
    sed 's/is too old; use 3.38/is very old; use 3.38/' docs/troubleshooting.md >"$work/page.md"
    "$python" tests/docs/messages.py "$work/page.md" >"$work/out" 2>&1
    [ $? -eq 1 ] && grep -q 'the code does not say: .*is very old' "$work/out"
    check $? 'a message that the code does not have is seen'
    "$python" tests/docs/page_test.py "$work/shop.db" >"$work/out" 2>&1
    check $? 'what page.py must find'
else
    echo "note: no $python; the blocks of the pages are not run"
fi

sh tests/docs/options.sh >"$work/out" 2>&1
check $? 'the options table of docs/options.md'
sh tests/docs/reference.sh >"$work/out" 2>&1
check $? 'the sections of docs/reference.md'
(cd "$work/demo" && sqlite3 x.db <"$OLDPWD/tests/docs/examples.sql" && [ "$(wc -l <examples_of_options.sql)" -gt 60 ] &&
    sqlite3 -bail -cmd '.load ./gru4rec' x.db <examples_of_options.sql) >"$work/out" 2>&1
check $? 'the examples that gru4rec_help() has for options'

sh tests/docs/baselines.sh >"$work/out" 2>&1
check $? 'the baselines that docs/evaluation.md and src/baselines/README.md list'
sed '/^| `stan`/d; s/`vs_knn_k`/k/' docs/evaluation.md >"$work/page.md"
PAGE=$work/page.md sh tests/docs/baselines.sh >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q 'a row of stan is missing' "$work/out" && grep -q 'vs_knn_k in the row of vs-knn is missing' "$work/out"
check $? 'baselines that it does not list are seen'

# Each figure of accuracy belongs to a case of tests/accuracy, which can repeat it.
"$python" tests/accuracy/repeat.py --check >"$work/out" 2>&1
check $? 'the figures of accuracy in the pages have cases'
"$python" tests/accuracy/accepted.py ./gru4rec.so >"$work/out" 2>&1
check $? 'each question of these cases is accepted, on an invented log'
mkdir -p "$work/figures/docs" && cp README.md "$work/figures" && cp docs/*.md "$work/figures/docs"
(cd "$work/figures" && sed -i '/ONLY=losses/d; s/^| neighbours | .5133 /| neighbours | .5133 .1234 /; s/^| 2 ranks/| 3 ranks/
    s/| `2694969e86b5b962` |/| `2694969e86b5b963` |/; s/^## Warm start/Recall@20 was 0.987.\n\n&/' docs/*.md
    "$python" "$OLDPWD/tests/accuracy/repeat.py" --check) >"$work/out" 2>&1
[ $? -eq 1 ] && [ "$(grep -c '^FAIL' "$work/out")" -eq 6 ]
check $? 'figures without a case, unknown rows, and other checksums are seen'

# packaging/artefacts: the platforms that docs/install.md promises.
sh packaging/artefact.sh | while read -r platform; do
    eval "$(sh packaging/artefact.sh "$platform")"
    grep "^|.*| \`$platform\`: .* | $blas: .* | $compiler" docs/install.md || echo "docs/install.md has no row of $platform, $blas, $compiler"
done >"$work/out"
grep -q . "$work/out" && ! grep -q 'has no row' "$work/out"
check $? 'the platforms of packaging/artefacts in docs/install.md'

mkdir "$work/pictures"
sh tools/pictures.sh ./gru4rec "$work/pictures" >"$work/out" 2>&1 && diff -r docs/pictures "$work/pictures" >>"$work/out"
check $? 'the pictures of docs/pictures (make pictures)'

sh tests/docs/architecture.sh >"$work/out" 2>&1
check $? 'what docs/architecture.md lists'
sed 's/^| `last_event`/| `latest_event`/; s/^| 9 |/| 7 |/' docs/architecture.md >"$work/page.md"
PAGE=$work/page.md sh tests/docs/architecture.sh >"$work/out" 2>&1
[ $? -eq 1 ] && [ "$(grep -c '^< ' "$work/out")" -eq 2 ]
check $? 'what it lists wrongly is seen'

sh tests/docs/links.sh $(find . -name '*.md' -not -path './build/*') >"$work/out" 2>&1
check $? 'links between the pages'
printf '[a](nowhere.md) [b](#nothing) [c](#there)\n## There\n' >"$work/page.md"
sh tests/docs/links.sh "$work/page.md" >"$work/out" 2>&1
[ "$(grep -c 'nowhere.md is no file$\|#nothing is no heading$' "$work/out")" -eq 2 ] && [ "$(wc -l <"$work/out")" -eq 2 ]
check $? 'links that lead nowhere are seen'

total
