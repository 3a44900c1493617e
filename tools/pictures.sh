#!/bin/sh
# pictures.sh EXTENSION FOLDER: draws the pictures of tests/fixtures/pictures.db, and
# the diagrams of docs/how-it-works.md, into a folder, which must exist. Run from the project's root.

extension=$1
folder=$2

# draw NAME OPTIONS
draw() {
    sqlite3 -readonly -cmd ".load $extension" tests/fixtures/pictures.db \
        "SELECT gru4rec_plot('shop', '$1', '$2')" >"$folder/$1.svg"
}

draw learning '{}'
draw methods '{"test": "clicks_test"}'
draw items '{"label": "SELECT id, category FROM products", "titles": "SELECT id, title FROM products"}'
"${PYTHON:-/usr/bin/python3}" tools/diagrams.py "$folder"
