// serve.cjs LINK: what serve.py does, in Node: reads histories, a line each, and recommends from the copy that LINK names
// at that moment. DRIVER names the package, which has the interface of better-sqlite3 (libsql has it too).
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const Database = require(process.env.DRIVER || 'better-sqlite3');
process.env.GRU4REC_READONLY = '1';     // before the extension is loaded, and not in a worker, whose env is a copy

// The database that a path names, opened anew when the path names another file.
class Copy {
    constructor(path, extension) {
        Object.assign(this, { path, extension });
    }

    open() {
        const name = fs.realpathSync(this.path);
        const { dev, ino } = fs.statSync(name, { bigint: true });
        const file = `${dev} ${ino} ${name}`;   // an inode stays taken while the old copy is open
        if (file !== this.file) {
            const db = new Database(name, { readonly: true });
            db.loadExtension(this.extension);
            this.db?.close();
            Object.assign(this, { file, db });
        }
        return this.db;
    }
}

const copy = new Copy(process.argv[2], process.env.GRU4REC || path.join(__dirname, '../../gru4rec'));
readline.createInterface({ input: process.stdin }).on('line', (history) => {
    const db = copy.open();
    const { version } = db.prepare("SELECT value AS version FROM rec_config WHERE key = 'version'").get();
    const rows = db.prepare("SELECT item, score FROM gru4rec_recommend('rec', ?, 5)").all(history.trim());
    console.log(JSON.stringify({ version, items: rows.map((row) => [row.item, row.score]) }));
});
