#!/bin/sh
# site.sh: looks at the documentation site that `make site` built in Chromium (site.cjs). Screenshots are in
# build/browser-site/shots, of whole pages with WHOLE=1. Where there is no Chromium or Sphinx, a line says so.

. tests/versions/lib.sh
. tests/browser/lib.sh
need_chromium 'the documentation site'
apt_package python3-sphinx python3-myst-parser python3-sphinx-rtd-theme || {
    echo 'note: no Sphinx (Debian: python3-sphinx, python3-myst-parser, python3-sphinx-rtd-theme), so nobody looked at the documentation site'
    finish
}
out=build/browser-site
rm -rf "$out"
mkdir -p "$out/shots"
check 'the site is built, without a warning' make -s site || finish
cp -r build/site "$out/pages"

# Faults, which must be found.
long=$(printf 'A text that goes on and on. %.0s' 1 2 3 4 5 6 7 8 9 10)
fault "$out/pages" wide "<pre>$long</pre>"
fault "$out/pages" cut "<div style='overflow:hidden;white-space:nowrap'>$long</div>"
fault "$out/pages" file '<a href="docs/nowhere.html">No page</a>'
fault "$out/pages" folder '<a href="docs/">A folder</a>'
fault "$out/pages" place '<a href="docs/faq.html#nowhere">No heading</a>'
fault "$out/pages" outside '<a href="../../Makefile">Not in the site</a>'
fault "$out/pages" address '<a href="https://example">No address</a>'
fault "$out/pages" script '<script>nothing()</script>'
fault "$out/pages" request '<script src="https://example.org/x.js"></script>'
fault "$out/pages" picture '<img src="nowhere.png" alt="no picture">'

look_at site.cjs "$out/pages" "$out/shots"
finish
