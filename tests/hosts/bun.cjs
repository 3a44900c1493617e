const { Database } = require('bun:sqlite');
const [extension, file] = process.argv.slice(2);
const db = new Database(file);
db.loadExtension(extension);
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n'))
    for (const row of db.query(line).all()) console.log(Object.values(row)[0]);
db.close(true);
