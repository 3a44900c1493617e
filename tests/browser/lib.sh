# lib.sh - shared by the scripts of tests/browser; to be sourced in the project's root, after tests/versions/lib.sh.

# need_chromium WHAT: sets chromium and modules; where one of them cannot be had, a line says that nobody looked at WHAT.
need_chromium() {
    chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
    if [ -z "$chromium" ]; then
        echo "note: no Chromium (Debian: chromium), so nobody looked at $1"
        finish
    fi
    npm_modules puppeteer-core 24.10.0 || {
        echo "note: no puppeteer-core (npm), so nobody looked at $1"
        finish
    }
}

# page FILE...: a page with what is in the files.
page() {
    cat <<'END'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>body{margin:16px;background:#fff;color:#000}
@media (prefers-color-scheme:dark){body{background:#000;color:#fff}}</style></head><body>
END
    cat "$@"
    echo '</body></html>'
}

# fault FOLDER NAME HTML: writes a page with a fault, which must be found.
fault() {
    echo "$3" | page - >"$1/fault-$2.html"
}

# look_at PROGRAM ARGUMENTS: a program of this folder looks at pages; its totals are added.
look_at() {
    program=$1
    shift
    NODE_PATH=$modules check_runner "$program" node "tests/browser/$program" "$chromium" "$@"
}
