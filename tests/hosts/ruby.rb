require "sqlite3"

VALUES = [1, 1.0, 1.5, "1", SQLite3::Blob.new("1"), nil]
db = SQLite3::Database.new(ARGV[1])
db.enable_load_extension(true)
db.load_extension(ARGV[0])
$stdin.each_line do |statement|
  (statement.include?("?") ? VALUES.map { |value| [value] } : [[]]).each do |values|
    db.execute(statement, values).each { |row| puts row[0] }
  rescue SQLite3::Exception => error
    puts "error #{error.message}"
  end
end
db.close
