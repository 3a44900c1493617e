// stop.cjs EXTENSION DATABASE PACKAGE: Node trains in a process of its own, which can be stopped; the one that serves goes
// on serving the version before. child: what that process does.
const { spawn } = require('child_process');
const [extension, file, name, role] = process.argv.slice(2);
const driver = require(name);
const Database = driver.DatabaseSync ?? driver;

function open() {
    const db = new Database(file, driver.DatabaseSync ? { allowExtension: true } : {});
    db.enableLoadExtension?.(true);
    db.loadExtension(extension + '.so');
    return db;
}

const rows = (db, sql) => db.prepare(sql).all().map(row => Object.values(row).join(' '));

function check(isTrue, what) {
    if (isTrue) return;
    console.log('FAIL', what);
    process.exit(1);
}

async function serve() {
    const db = open();
    rows(db, 'PRAGMA journal_mode = WAL');
    db.exec('CREATE TABLE clicks(session_id, item_id, ts)');
    db.exec('WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 8000) ' +
            'INSERT INTO clicks SELECT i / 8, (i / 8 * 7 + i % 8) % 200, i FROM c');
    rows(db, "SELECT gru4rec_train('rec', 'clicks', 'layers=32,n_sample=64,n_epochs=1')");
    const best = () => rows(db, "SELECT item, score FROM gru4rec_recommend('rec', 5, 10)").join();
    const before = best();
    const child = spawn(process.execPath, [...process.argv.slice(1), 'child'], { stdio: 'inherit' });
    process.on('exit', () => child.kill('SIGKILL')); // whatever happens, it does not train on
    const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(signal ?? code)));
    const isTraining = () => rows(db, "SELECT count(*) FROM rec_epoch JOIN rec_version USING (version) WHERE status = 'training'")[0] > 0;
    for (let i = 0; i < 500 && !isTraining(); i++) await new Promise(resolve => setTimeout(resolve, 20));
    check(isTraining(), 'the child trains');
    check(best() === before, 'the version before serves meanwhile');
    const start = Date.now();
    child.kill('SIGINT'); // as Ctrl-C does; a limit in time: setTimeout(() => child.kill(), ...)
    const how = await ended;
    check(how === 'SIGINT', `ended by ${how}`);
    check(Date.now() - start < 1000, `${Date.now() - start} ms`);
    check(best() === before, 'the version before goes on serving');
    const status = rows(db, "SELECT value ->> 'status' FROM json_each(gru4rec_info('rec'), '$.versions')").pop();
    check(status === 'killed', `status ${status}`);
    rows(db, "SELECT gru4rec_train('rec', 'n_epochs=1,seed=2')");
    check(best() !== before, 'the next training works');
    db.close();
}

if (role === 'child')
    rows(open(), "SELECT gru4rec_train('rec', 'n_epochs=100000')");
else
    serve();
