#!/bin/sh
# run.sh: runs every ```sql and ```python block of README.md and docs/*.md, and compares the
# options table, what docs/architecture.md lists, and the links between the pages.
#
# The SQL blocks of one file run in order in one shell, on a small copy of the demo's database,
# and stop at the first error; then its Python blocks as one program, in a folder with that
# copy as doc.db, gru4rec.so and examples. Run from the project's root, after make.

. tests/check.sh
python=${PYTHON:-/usr/bin/python3}
ln -s "$PWD/gru4rec.so" "$PWD/examples" "$work"
# The Python package, as pip installs it: Python finds the folder before gru4rec.so, SQLite the file.
mkdir "$work/gru4rec" && cp packaging/python/gru4rec/__init__.py gru4rec.so "$work/gru4rec"

sqlite3 "$work/shop.db" <sql/demo_clicks.sql >"$work/out" 2>&1 &&
    sqlite3 "$work/shop.db" 'DELETE FROM clicks WHERE session_id % 10 <> 2;
        DELETE FROM clicks_test WHERE session_id % 10 <> 2' >>"$work/out" 2>&1
check $? sql/demo_clicks.sql

for file in README.md docs/*.md; do
    [ -e "$file" ] || continue
    cp "$work/shop.db" "$work/doc.db"
    {
        echo .bail on
        sed -n '/^```sql/,/^```/ { /^```/d; p }' "$file"
    } >"$work/blocks.sql"
    n=$(grep -c '^```sql' "$file")
    sqlite3 "$work/doc.db" <"$work/blocks.sql" >"$work/out" 2>&1
    check $? "the $n SQL blocks of $file"
    n=$(grep -c '^```python' "$file")
    if [ "$n" -gt 0 ] && [ -x "$python" ]; then
        sed -n '/^```python/,/^```/ { /^```/d; p }' "$file" >"$work/blocks.py"
        (cd "$work" && "$python" blocks.py) >"$work/out" 2>&1
        check $? "the $n Python blocks of $file"
    fi
done

sh tests/docs/options.sh >"$work/out" 2>&1
check $? 'the options table of README.md'

sh tests/docs/baselines.sh >"$work/out" 2>&1
check $? 'the baselines that docs/evaluation.md and src/baselines/README.md list'
sed '/^| `stan`/d; s/`vs_knn_k`/k/' docs/evaluation.md >"$work/page.md"
PAGE=$work/page.md sh tests/docs/baselines.sh >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q 'a row of stan is missing' "$work/out" && grep -q 'vs_knn_k in the row of vs-knn is missing' "$work/out"
check $? 'baselines that it does not list are seen'

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
