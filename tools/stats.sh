#!/bin/sh
# stats.sh: how large the code is, by folder: files, lines, lines that are neither empty nor
# comment, functions, their median and longest, and those over 40 lines by name; the size of
# gru4rec.so; line coverage, if make coverage was run. Run from the project's root.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '%-16s %5s %7s %7s %9s %6s %7s %9s\n' folder files lines code functions median longest 'over 40'
for folder in include src/* ext ext/* tests examples; do
    [ -d "$folder" ] || continue
    case $folder in
    tests | examples) find "$folder" -name '*.[ch]' | sort ;;
    *) ls "$folder"/*.[ch] ;;
    esac >"$work/files"
    files=$(cat "$work/files")
    awk -f tests/layers/functions.awk $files | sort -n >"$work/functions"
    case $folder in src/* | ext*) cat "$work/functions" >>"$work/all" ;; esac
    # Comments of one line, and of several: what lies between /* and */.
    code=$(cat $files | sed -e 's|/\*.*\*/||' -e '/\/\*/,/\*\//d' -e '/^[[:space:]]*$/d' | wc -l)
    awk -v folder="$folder" -v code="$code" -v lines="$(cat $files | wc -l)" \
        -v files="$(wc -l <"$work/files")" '
        { length_of[NR] = $1; n_over += $1 > 40 }
        END {
            printf "%-16s %5d %7d %7d %9d %6d %7d %9d\n", folder, files, lines, code, NR,
                NR ? length_of[int((NR + 1) / 2)] : 0, NR ? length_of[NR] : 0, n_over
        }' "$work/functions"
done

echo
echo 'functions over 40 lines:'
sort -rn "$work/all" | awk '$1 > 40 { printf "%4d  %s in %s\n", $1, $3, $2 }'
echo
ls -L -l gru4rec.so | awk '{ printf "gru4rec.so: %d kB", $5 / 1000 }'
size gru4rec.so | awk 'NR == 2 { printf ", of which code and constants %d kB\n", $1 / 1000 }'
if [ -e build/coverage.txt ]; then
    tail -n 1 build/coverage.txt
else
    echo 'coverage: not measured here (make coverage)'
fi
