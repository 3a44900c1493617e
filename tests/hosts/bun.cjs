const { Database } = require('bun:sqlite');
const [extension, file] = process.argv.slice(2);
const db = new Database(file);
db.loadExtension(extension);
const values = [1n, 1, 1.5, '1', Buffer.from('1'), null];
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n'))
    for (const bound of line.includes('?') ? values.map(value => [value]) : [[]])
        try {
            for (const row of db.query(line).all(...bound)) console.log(String(Object.values(row)[0]));
        } catch (error) {
            console.log('error', error.message);
        }
db.close(true);
