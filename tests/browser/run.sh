#!/bin/sh
# run.sh: makes reports and pictures (pages.sql), and looks at them in Chromium (look.cjs). Screenshots are in
# build/browser/shots. Where there is no Chromium, a line says so.

. tests/versions/lib.sh
. tests/browser/lib.sh
need_chromium 'reports and pictures'
out=build/browser
pages=$out/pages
rm -rf "$out"
mkdir -p "$pages" "$out/shots" "$out/svg"

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
fault "$pages" over '<p style="position:absolute;top:20px">One text</p><p style="position:absolute;top:25px">Another text</p>'
fault "$pages" wide "<p style='white-space:nowrap'>$(printf 'A text that goes on and on. %.0s' 1 2 3 4 5 6 7 8 9 10)</p>"
fault "$pages" cut '<div style="overflow:hidden;width:40px;white-space:nowrap">A text that is cut</div>'
fault "$pages" small '<p style="font-size:8px">A small text</p>'
fault "$pages" request '<p>A picture from elsewhere <img src="elsewhere.png" alt=""></p>'
fault "$pages" console '<p>A message</p><script>console.log("here")</script>'
fault "$pages" ink '<p>White on white</p><style>body{color:#fff}</style>'
fault "$pages" svg '<svg viewBox="0 0 100 20"><text x="90" y="15" font-size="10">is cut</text></svg>'

look_at look.cjs "$pages" "$out/shots"
finish
