#!/bin/sh
# links.sh FILE...: links of Markdown files to files and headings that are not there. Prints
# "FILE: LINK".

status=0

# The anchors of a file's headings, as hosting sites make them.
anchors() {
    sed -n '/^```/,/^```/d; s/^#\{1,6\} //p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9_ -]//g; s/ /-/g'
}

for file; do
    for link in $(sed '/^ *```/,/^ *```/d' "$file" | grep -o '](\([^) ]*\))' | sed 's/^](//; s/)$//'); do
        path=${link%%#*}
        target=$(dirname "$file")/$path
        case $link in
        *://*) continue ;;
        '#'*) target=$file ;;
        esac
        if [ ! -e "$target" ]; then
            echo "$file: $link is no file"
            status=1
        elif [ "$link" != "$path" ] && ! anchors "$target" | grep -qxF -- "${link#*#}"; then
            echo "$file: $link is no heading"
            status=1
        fi
    done
done
exit $status
