#!/bin/sh
# needs.sh FILE TAG: whether FILE needs no library but the C library's, and of that nothing newer than TAG says, as
# manylinux_2_31_x86_64 says glibc 2.31, musllinux_1_2_x86_64 musl, and win_amd64 the DLLs that every Windows has.
set -eu
file=$1 tag=$2

# readelf reads the files of all processors. Each function fails where there is nothing to read.
libraries() {
    readelf -dW "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | grep .
}
glibc_versions() {
    readelf --dyn-syms -W "$file" | grep -o '@GLIBC_[0-9.]*' | sed s/@GLIBC_// | sort -Vu
}

case $tag in
manylinux_*)
    needed=$(libraries) || { echo "$file names no libraries"; exit 1; }
    others=$(echo "$needed" | grep -vE '^(libc|libm|libpthread|libdl|ld-linux.*)\.so\.[0-9]$' || :)
    allowed=$(echo "$tag" | sed 's/^manylinux_\([0-9]*\)_\([0-9]*\)_.*/\1.\2/')
    newest=$(glibc_versions | tail -n 1)
    [ -z "$others" ] || { echo "$file needs" $others; exit 1; }
    [ -n "$newest" ] && [ "$(printf '%s\n' "$newest" "$allowed" | sort -V | tail -n 1)" = "$allowed" ] || {
        echo "$file needs glibc $newest; $tag allows $allowed"
        exit 1
    }
    echo "$file needs glibc $newest and nothing else"
    ;;
musllinux_*) # musl's loader takes libc.so for itself; its symbols have no versions
    needed=$(libraries) || { echo "$file names no libraries"; exit 1; }
    others=$(echo "$needed" | grep -vE '^libc(\.musl-.*)?\.so(\.1)?$' || :)
    glibc=$(glibc_versions | tail -n 1)
    [ -z "$others$glibc" ] || { echo "$file needs" $others $glibc; exit 1; }
    echo "$file needs musl and nothing else"
    ;;
win_*)
    needed=$(objdump -p "$file" | sed -n 's/.*DLL Name: //p' | grep .) || { echo "$file names no DLLs"; exit 1; }
    others=$(echo "$needed" | grep -vixE '(kernel32|msvcrt)\.dll' || :)
    [ -z "$others" ] || { echo "$file needs" $others; exit 1; }
    echo "$file needs" $needed "and nothing else"
    ;;
*)
    echo "packaging/needs.sh has no rule for $tag"
    exit 1
    ;;
esac
