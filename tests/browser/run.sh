#!/bin/sh
# run.sh: makes reports and pictures (pages.sql), and looks at them in Chromium (look.cjs). Screenshots are in
# build/browser/shots. Where there is no Chromium, a line says so.

. tests/versions/lib.sh
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$chromium" ]; then
    echo 'note: no Chromium (Debian: chromium), so nobody looked at reports and pictures'
    finish
fi
npm_modules puppeteer-core 24.10.0 || {
    echo 'note: no puppeteer-core (npm), so nobody looked at reports and pictures'
    finish
}
out=build/browser
pages=$out/pages
rm -rf "$out"
mkdir -p "$pages" "$out/shots" "$out/svg"

# page FILE...: a page with what is in the files.
page() {
    cat <<'EOF'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>body{margin:16px;background:#fff;color:#000}
@media (prefers-color-scheme:dark){body{background:#000;color:#fff}}</style></head><body>
EOF
    cat "$@"
    echo '</body></html>'
}

cp tests/fixtures/pictures.db "$out/shop.db"
chmod +w "$out/shop.db"
{
    echo '.parameter init'
    echo ".parameter set :svg \"'$out/svg/'\""
    echo ".parameter set :pages \"'$pages/'\""
    cat tests/browser/pages.sql
} >"$out/all.sql"
check 'reports and pictures are written' sh -c "sqlite3 -bail $out/shop.db <$out/all.sql"
for svg in "$out"/svg/*.svg; do
    page "$svg" >"$pages/$(basename "$svg" .svg).html"
done
if command -v xmllint >/dev/null; then
    check 'reports and pictures are well-formed' xmllint --noout "$pages"/report-*.html "$out"/svg/*.svg
fi

# Faults, which must be found.
fault() {
    name=$1
    shift
    echo "$*" | page - >"$pages/fault-$name.html"
}
fault over '<p style="position:absolute;top:20px">One text</p><p style="position:absolute;top:25px">Another text</p>'
fault wide "<p style='white-space:nowrap'>$(printf 'A text that goes on and on. %.0s' 1 2 3 4 5 6 7 8 9 10)</p>"
fault cut '<div style="overflow:hidden;width:40px;white-space:nowrap">A text that is cut</div>'
fault small '<p style="font-size:8px">A small text</p>'
fault request '<p>A picture from elsewhere <img src="elsewhere.png" alt=""></p>'
fault console '<p>A message</p><script>console.log("here")</script>'
fault ink '<p>White on white</p><style>body{color:#fff}</style>'
fault svg '<svg viewBox="0 0 100 20"><text x="90" y="15" font-size="10">is cut</text></svg>'

result=$(NODE_PATH=$modules node tests/browser/look.cjs "$chromium" "$pages" "$out/shots" 2>&1)
status=$?
echo "$result" | sed '$d'
line=$(echo "$result" | tail -n 1 | grep -E '^[0-9]+ passed, [0-9]+ failed')
p=${line%% passed*}
f=${line#*passed, }
f=${f%% failed*}
if [ -z "$line" ] || { [ $status -ne 0 ] && [ "$f" -eq 0 ]; }; then
    echo "FAIL  look.cjs (exit status $status)"
    f=$((${f:-0} + 1))
fi
passed=$((passed + ${p:-0}))
failed=$((failed + f))
finish
