// node.cjs EXTENSION DATABASE PACKAGE: any driver with prepare(), all() and run(). Those that are like node:sqlite take
// parameters one by one, those that are like better-sqlite3 an array too, and libsql a BLOB in an array only.
const [extension, file, name] = process.argv.slice(2);
const driver = require(name);
const Database = driver.DatabaseSync ?? driver;
const db = new Database(file, driver.DatabaseSync ? { allowExtension: true } : {});
db.enableLoadExtension?.(true);
db.loadExtension(extension + '.so');
const values = [1n, 1, 1.5, '1', Buffer.from('1'), null];
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n'))
    for (const bound of line.includes('?') ? values.map(value => driver.DatabaseSync ? [value] : [[value]]) : [[]])
        try {
            const statement = db.prepare(line);
            if (statement.reader === false) statement.run(...bound);
            else for (const row of statement.all(...bound)) console.log(String(Object.values(row)[0]));
        } catch (error) {
            console.log('error', error.message);
        }
db.close();
