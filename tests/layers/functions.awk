# functions.awk FILE...: "LINES FILE NAME" of each function, from { to }. clang-format puts
# those braces, and no struct's or array's {, into the first column.
FNR == 1 { name = "" }
/^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
/;$/ && !/^[ \t]/ { name = "" }
/^ .*\);$/ && first == 0 { name = "" }
/^{/ { first = FNR }
/^}/ && first > 0 { if (name != "") print FNR - first + 1, FILENAME, name; name = ""; first = 0 }
