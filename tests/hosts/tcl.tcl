package require sqlite3
sqlite3 db [lindex $argv 1]
db enable_load_extension 1
db eval "SELECT load_extension('[lindex $argv 0]')"
while {[gets stdin statement] >= 0} {
    db eval $statement row { puts $row([lindex $row(*) 0]) }
}
db close
