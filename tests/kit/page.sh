# page.sh - to be sourced by the scripts that build what a page of the documentation adds:
# their arguments, RUNNER OBJECT... [-- LIBS], a folder $work, and what they share. Run from
# the project's root.

. tests/count.sh
runner=$(realpath "$1")
shift
libs=${*#*-- }
objects=${*%% -- *}
work=$(mktemp -d)
trap 'rm -rf "$work" "$count_out"' EXIT

# blocks PAGE: each block of C goes into the file of $work/blocks that its first comment names.
blocks() {
    mkdir -p "$work/blocks"
    awk -v folder="$work/blocks/" '
        /^ *```c$/ { in_block = 1; n = 0; match($0, /^ */); indent = RLENGTH; next }
        /^ *```$/ {
            if (in_block) {
                name = line[1] ~ /^\/\* [a-z]/ ? line[1] : line[2]
                sub(/^[^a-z]*/, "", name)
                sub(/ .*/, "", name)
                for (i = 1; i <= n; i++)
                    print line[i] >(folder name)
            }
            in_block = 0
        }
        in_block { line[++n] = substr($0, indent + 1) }
    ' "$1"
}

# compile FILE: its object into $work.
compile() {
    ${CC:-cc} -std=c11 -Wall -Wextra -Wshadow -Wconversion -Werror -O1 -fPIC -fvisibility=hidden \
        $(pkg-config --cflags openblas 2>/dev/null) -c "$1" -o "$work/$(basename "$1" .c).o"
}

# formatted FILE...: counts whether clang-format would change nothing.
formatted() {
    if ! command -v clang-format >/dev/null; then
        echo 'note  no clang-format'
        return
    fi
    cp .clang-format "$work"
    count 'they are formatted' sh -c 'clang-format --dry-run -Werror "$@" && echo "1 passed, 0 failed"' sh "$@"
}
