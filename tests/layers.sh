#!/bin/sh
# layers.sh BUILD_DIR OBJECT...: the structural rules, checked on the sources and on what
# was built of them.
#
#   1. a file includes headers of its own folder, or of one that its folder may see (below)
#   2. only blas_openblas.c and blas_core.c see CBLAS and OpenBLAS; src/ never sees SQLite, ext/ no header of src/
#   3. an object uses symbols of its own folder, or of one that its folder may see; ext/ uses
#      of src/ only what include/gru4rec.h declares
#   4. a symbol begins with the stem of its file, after g4r_ or gru4rec_ in src/; what older
#      copies share with blas_openblas.c keeps its name
#   5. gru4rec.so exports its three entry points, and what its copies in a process share
#   6. a file that is no header has at most 600 lines, a function at most 50; a line with a
#      comment has at most 90 columns (clang-format sees to the others where it can)
#   7. each function of include/gru4rec.h has a comment; where it returns a gru4rec_status
#      that names its errors (layers/contracts.awk)
#   8. words that once had several meanings stand in names for one (layers/words.txt)
#
# layers/selftest.sh plants a fault for each rule.

build=$1
shift
passed=0
failed=0
shared=

# check STATUS TEXT
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# The folders that a folder may see, beside itself.
may_see() {
    case $1 in
    src/base | ext/base) echo '' ;;
    src/kernels | src/options | src/data) echo 'src/base' ;;
    src/baselines) echo 'src/data src/base' ;;
    src/tune) echo 'src/options src/data src/base' ;;
    src/model) echo 'src/kernels src/base' ;;
    src/train) echo 'src/model src/data src/kernels src/base' ;;
    src/serve) echo 'src/baselines src/model src/data src/kernels src/base' ;;
    src/evaluate) echo 'src/serve src/baselines src/model src/data src/kernels src/base' ;;
    ext/events) echo 'ext/base' ;;
    ext/store) echo 'ext/events ext/base' ;;
    ext/cache) echo 'ext/store ext/events ext/base' ;;
    ext/train | ext/serve | ext/tools | ext/mpi) echo 'ext/cache ext/store ext/events ext/base' ;;
    ext/report) echo 'ext/tools ext/cache ext/store ext/events ext/base' ;;
    ext) echo 'ext/report ext/mpi ext/train ext/serve ext/tools ext/cache ext/store ext/events ext/base' ;;
    *) echo unknown ;;
    esac
}

for file in src/*/*.[ch] ext/*.[ch] ext/*/*.[ch]; do
    folder=${file%/*}
    seen=$(may_see "$folder")
    [ "$seen" != unknown ]
    check $? "$folder has no rule in tests/layers.sh"
    for header in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file"); do
        case $header in
        *include/gru4rec.h | *include/gru4rec_trace.h | *include/gru4rec_platform.h | *include/gru4rec_windows.h) continue ;;
        ../*) other=${folder%%/*}/${header#../} && other=${other%/*} ;;
        */*) other=$folder/${header%/*} ;;
        *) other=$folder ;;
        esac
        case " $folder $seen " in *" $other "*) true ;; *) false ;; esac
        check $? "$file includes $header; $folder may see: $seen"
    done
done

! grep -l '\<cblas_\|<cblas\|\<openblas_' src/*/*.[ch] ext/*.[ch] ext/*/*.[ch] |
    grep -vx 'src/kernels/blas_\(openblas\|core\)\.c'
check $? 'CBLAS is used outside src/kernels/blas_openblas.c and blas_core.c'
! grep -l 'sqlite3' src/*/*.[ch]
check $? 'SQLite is used in src/'
# Rules 2 to 4, by one look at all symbols: prints "ok" or what is wrong.
check_symbols() {
    {
        for folder in src/* ext ext/*; do
            [ -d "$folder" ] && echo "see $folder $(may_see "$folder")"
        done
        grep -o 'gru4rec_[a-z0-9_]*(' include/gru4rec.h | sed 's/^/public /; s/($//'
        nm -A -P "$@" | sed 's,^.*/\(\(src\|ext\)/[^:]*\)\.o: ,symbol \1 ,'
    } | awk '
        function folder_of(object) { sub("/[^/]*$", "", object); return object }
        function is_named(object, name,    stem) {
            stem = object
            sub(".*/", "", stem)
            if (object ~ /^src/ && !sub("^(g4r|gru4rec)_", "", name))
                return 0
            sub("s$", "", stem)
            return name ~ "^" stem "s?(_|$)"
        }
        function is_outside(object, name) { # what src/ does not see
            return object ~ /^src/ && name ~ /^(sqlite3|cblas|openblas)_/ &&
                !(object ~ "^src/kernels/blas_(openblas|core)$" && name !~ /^sqlite3/)
        }
        function may_use(user, owner, name) {
            if (user == owner || name == "sqlite3_api")
                return 1
            if (user ~ /^ext/ && owner ~ /^src/)
                return name ~ /^gru4rec_/ && (name in public)
            return (user, owner) in sees
        }
        $1 == "see" { for (i = 3; i <= NF; i++) sees[$2, $i] = 1 }
        $1 == "public" { public[$2] = 1 }
        $1 == "symbol" && $4 ~ /[A-TV-Z]/ { owner[$3] = $2 }
        $1 == "symbol" && $4 == "U" { user[++n] = $2; used[n] = $3 }
        END {
            for (name in owner) {
                object = owner[name]
                if (object == "ext/gru4rec_ext" || name == "gru4rec_blas_shared_1")
                    continue
                print is_named(object, name) ? "ok" : object ".c defines " name "; make it static, or begin its name with the name of the file"
            }
            for (i = 1; i <= n; i++) {
                if (is_outside(user[i], used[i]))
                    print user[i] ".c uses " used[i]
                if (!(used[i] in owner))
                    continue
                print may_use(folder_of(user[i]), folder_of(owner[used[i]]), used[i]) ? \
                    "ok" : user[i] ".c uses " used[i] " of " owner[used[i]] ".c"
            }
        }'
}

while IFS= read -r line; do
    [ "$line" = ok ]
    check $? "$line"
done <<EOF
$(check_symbols "$@")
EOF

# MPI is in gru4rec_mpi.so alone.
! grep -l '<mpi\.h>' src/*/*.[ch] ext/*.[ch] ext/*/*.[ch] | grep -v '^ext/mpi/'
check $? 'MPI is used outside ext/mpi/'
! grep -l 'GRU4REC_MPI\|GRU4REC_TIMING' src/*/*.h ext/*/*.h | grep -v '^ext/mpi/\|^src/base/timing\.h$'
check $? 'a header asks for GRU4REC_MPI or GRU4REC_TIMING, which the Makefile looks for in files that are no headers'
for library in "$build"/gru4rec.so "$build"/gru4rec_mpi.so; do
    [ -f "$library" ] && break
done
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort | tr '\n' ' ')
# Only copies that share an OpenBLAS share anything; gru4rec_blas_core_shared_1 is there where
# OpenBLAS can be made to choose.
case $build in *-static* | *-builtin*) ;; *) exported=${exported#gru4rec_blas_core_shared_1 } && shared='gru4rec_blas_shared_1 ' ;; esac
[ "$exported" = "${shared}sqlite3_extension_init sqlite3_gru4rec_init sqlite3_grurec_init " ]
check $? "${library##*/} exports: $exported"

# Rules 6 to 8: "ok" or what is wrong, a line each.
rules=$(dirname "$0")/layers
all='src/*/*.[ch] ext/*.[ch] ext/*/*.[ch]'
check_shape() {
    awk 'FNR == 1 && NR > 1 { print n, file } { n = FNR; file = FILENAME } END { print n, file }' \
        src/*/*.c ext/*.c ext/*/*.c |
        awk '{ print $1 <= 600 ? "ok" : $2 " has " $1 " lines; at most 600: make two files of it" }'
    awk -f "$rules/functions.awk" $all |
        awk '{ print $1 <= 50 ? "ok" : $3 "() in " $2 " has " $1 " lines; at most 50" }'
    awk 'length > 90 && /^ *\*|\/\*/ {
            print FILENAME " has a comment of " length " columns in line " FNR "; at most 90" }
        END { print "ok" }' include/*.h $all
    awk -f "$rules/contracts.awk" include/gru4rec.h
    awk -f "$rules/words.awk" "$rules/words.txt" include/gru4rec.h $all
}

while IFS= read -r line; do
    [ "$line" = ok ]
    check $? "$line"
done <<EOF
$(check_shape)
EOF

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
