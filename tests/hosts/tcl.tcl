package require sqlite3
sqlite3 db [lindex $argv 1]
db enable_load_extension 1
db eval "SELECT load_extension('[lindex $argv 0]')"

# A value's type is what made it; @: as a BLOB; a variable that is not set is NULL.
proc run {statement parameter value} {
    if {$value ne ""} { set bound [eval $value] }
    if {[catch {
        db eval [string map [list ? $parameter] $statement] row { puts $row([lindex $row(*) 0]) }
    } message]} { puts "error $message" }
}

while {[gets stdin statement] >= 0} {
    if {![string match {*\?*} $statement]} {
        run $statement {} {}
        continue
    }
    run $statement {$bound} {expr {0 + 1}}
    run $statement {$bound} {expr {0.5 + 0.5}}
    run $statement {$bound} {expr {0.5 + 1}}
    run $statement {$bound} {string index 21 1}
    run $statement {@bound} {binary format a 1}
    run $statement {$bound} {}
}
db close
