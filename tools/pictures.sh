#!/bin/sh
# pictures.sh FOLDER: draws the pictures of docs/pictures into a folder: with the model that is kept there, and events that
# are invented anew. The same on every machine: what is drawn is rounded.

set -e
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp docs/pictures/shop.db "$work/shop.db"
chmod +w "$work/shop.db"
sqlite3 "$work/shop.db" <sql/demo_clicks.sql >/dev/null
sqlite3 "$work/shop.db" 'DELETE FROM clicks WHERE session_id % 4 <> 2; DELETE FROM clicks_test WHERE session_id % 4 <> 2'

# draw WHAT [OPTIONS]
draw() {
    sqlite3 "$work/shop.db" '.load ./gru4rec' "SELECT gru4rec_plot('shop', '$1', '$2')" >"$folder/$1.svg"
}

draw learning
draw methods '{"test":"clicks_test"}'
draw positions '{"test":"clicks_test"}'
draw cutoffs '{"test":"clicks_test","cutoffs":[1,2,5,10,20,50]}'
draw lengths
draw popularity
draw days '{"test":"clicks_test"}'
draw items '{"label":"SELECT id, category FROM products","titles":"SELECT id, title FROM products"}'
draw trials
