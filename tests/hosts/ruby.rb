require "sqlite3"

db = SQLite3::Database.new(ARGV[1])
db.enable_load_extension(true)
db.load_extension(ARGV[0])
$stdin.each_line { |statement| db.execute(statement) { |row| puts row[0] } }
db.close
