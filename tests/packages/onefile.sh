# onefile.sh - sourced by run.sh: gru4rec.c, as docs/install.md tells: as an extension, and in a program with SQLite's own
# amalgamation, which a package of npm has.

# The commands of docs/install.md, with -O1 and -w, as SQLite is large.
compiles() {
    mkdir -p "$out/onefile" && sqlite_source better-sqlite3 9.6.0 "$out/onefile" &&
        cp "$dist/gru4rec.c" "$dist/gru4rec.h" $here/program.c "$out/onefile" &&
        grep -h '^gcc .*gru4rec\.c' docs/install.md >"$out/onefile/commands" &&
        [ "$(wc -l <"$out/onefile/commands")" -eq 2 ] &&
        (cd "$out/onefile" && sed 's/^gcc -O2/gcc -O1 -w/; /program\.c/s/$/ -o program/' commands | sh -ex)
}

if check 'gru4rec.c: the commands of docs/install.md' compiles; then
    trains 'gru4rec.c as an extension' "$out/onefile" \
        sh -c "cd '$out/onefile' && sed 's/\$/;/' | sqlite3 -bail -cmd '.load ./gru4rec' shop.db"
    trains 'gru4rec.c in a program with SQLite' "$out/onefile" sh -c "cd '$out/onefile' && ./program shop.db"
fi
