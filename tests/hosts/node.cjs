// node.cjs EXTENSION DATABASE PACKAGE: any driver with prepare(), all() and run().
const [extension, file, name] = process.argv.slice(2);
const driver = require(name);
const Database = driver.DatabaseSync ?? driver;
const db = new Database(file, driver.DatabaseSync ? { allowExtension: true } : {});
db.enableLoadExtension?.(true);
db.loadExtension(extension + '.so');
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
    const statement = db.prepare(line);
    if (statement.reader === false) statement.run();
    else for (const row of statement.all()) console.log(Object.values(row)[0]);
}
db.close();
