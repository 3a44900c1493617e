#!/bin/sh
# artefact.sh PLATFORM: what packaging/artefacts says of a platform, as assignments for the shell to eval. Without
# PLATFORM: the platforms, a line each.

awk -v wanted="$1" '
    /^#/ { for (i = 2; i <= NF; i++) name[i - 1] = $i; next }
    wanted == "" { print $1; found = 1 }
    wanted == $1 { for (i = 1; i <= NF; i++) print name[i] "=" $i; found = 1 }
    END {
        if (!found) print "echo \"packaging/artefacts has no platform " wanted "\" >&2; exit 1"
    }' packaging/artefacts
