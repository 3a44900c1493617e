# words.awk words.txt FILE...: identifiers that do not mean what words.txt says.
#
# Prints "FILE: identifier ..." once for each file and identifier, and "ok" for each file.
FNR == 1 && NR != 1 { print "ok"; in_comment = 0 }
NR == FNR && NF >= 3 && !/^#/ { known[$1]; n++; word[n] = $1; file[n] = $2; pattern[n] = $3 }
NR == FNR { next }
{
    gsub(/'([^'\\]|\\.)'/, "")
    gsub(/"([^"\\]|\\.)*"/, "")
    if (in_comment) {
        if (!sub(/^.*\*\//, ""))
            next
        in_comment = 0
    }
    gsub(/\/\*([^*]|\*[^\/])*\*\//, "")
    if (sub(/\/\*.*/, ""))
        in_comment = 1
    gsub(/[^A-Za-z0-9_]+/, " ")
    n_names = split($0, name, " ")
    for (i = 1; i <= n_names; i++)
        check(name[i])
}
END { print "ok" }

function check(name,    n_parts, part, k) {
    if ((FILENAME, name) in seen)
        return
    seen[FILENAME, name]
    n_parts = split(tolower(name), part, "_")
    if (n_parts > 1) # a letter is a name by itself only, as the t of size_t is not
        for (k in part)
            if (length(part[k]) == 1)
                part[k] = ""
    for (k = 1; k <= n_parts; k++)
        if (part[k] in known && !fits(part[k], name))
            print FILENAME ": '" part[k] "' in " name " has another meaning (tests/layers/words.txt)"
}

function fits(what, name,    k) {
    for (k = 1; k <= n; k++)
        if (word[k] == what && FILENAME ~ file[k] && name ~ pattern[k])
            return 1
    return 0
}
