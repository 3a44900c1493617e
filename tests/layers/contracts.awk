# contracts.awk HEADER: each function of a public header, and what its comment lacks.
#
# Prints "ok", or the fault, for each function. A function's comment is the one above it, or
# above the declarations that it follows without an empty line; so _new and _free can share
# one. One that returns gru4rec_status must name its errors there: the codes, as NOMEM.
/^$/ { comment = ""; is_fresh = 1 }
/^\/\*/ { comment = ""; in_comment = 1 }
in_comment { comment = comment " " $0 }
in_comment && /\*\// { in_comment = 0; next }
in_comment { next }
/^[a-z].*\(/ && !/^typedef|^extern|^#/ && !in_function { in_function = 1; declaration = "" }
in_function { declaration = declaration " " $0 }
in_function && /;/ {
    in_function = 0
    name = declaration
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (comment == "")
        print name "() has no comment in " FILENAME
    else if (declaration ~ /^ *gru4rec_status / &&
             comment !~ /(NOMEM|INVALID|INTERRUPTED|DIVERGED)/)
        print name "() returns a status, and its comment in " FILENAME " names no error"
    else
        print "ok"
}
