#!/bin/sh
# needs.sh FILE TAG: whether FILE needs no library but the C library's, and of that nothing newer than TAG says, as
# manylinux_2_31_x86_64 says glibc 2.31, musllinux_1_2_x86_64 musl, and win_amd64 the DLLs that every Windows has.
set -eu
file=$1 tag=$2
case $tag in
manylinux_*)
    others=$(objdump -p "$file" | awk '$1 == "NEEDED" && $2 !~ /^(libc|libm|libpthread|libdl|ld-linux.*)\.so\.[0-9]$/ { print $2 }')
    allowed=$(echo "$tag" | sed 's/^manylinux_\([0-9]*\)_\([0-9]*\)_.*/\1.\2/')
    newest=$(objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' | sed s/GLIBC_// | sort -Vu | tail -n 1)
    [ -z "$others" ] || { echo "$file needs" $others; exit 1; }
    [ "$(printf '%s\n' "$newest" "$allowed" | sort -V | tail -n 1)" = "$allowed" ] || {
        echo "$file needs glibc $newest; $tag allows $allowed"
        exit 1
    }
    echo "$file needs glibc $newest and nothing else"
    ;;
musllinux_*) # musl's loader takes libc.so for itself; its symbols have no versions
    others=$(objdump -p "$file" | awk '$1 == "NEEDED" && $2 !~ /^libc(\.musl-.*)?\.so(\.1)?$/ { print $2 }')
    glibc=$(objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
    [ -z "$others$glibc" ] || { echo "$file needs" $others $glibc; exit 1; }
    echo "$file needs musl and nothing else"
    ;;
win_*)
    others=$(objdump -p "$file" | awk '$1 == "DLL" && $2 == "Name:" && $3 !~ /^(KERNEL32|msvcrt)\.dll$/ { print $3 }')
    [ -z "$others" ] || { echo "$file needs" $others; exit 1; }
    echo "$file needs KERNEL32.dll and msvcrt.dll and nothing else"
    ;;
*)
    echo "packaging/needs.sh has no rule for $tag"
    exit 1
    ;;
esac
