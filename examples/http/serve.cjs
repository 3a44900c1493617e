// serve.cjs DATABASE [PORT]: what serve.py does, in Node and in one process: takes clicks and recommends, over HTTP.
//
//     POST /click  {"visitor": "anna", "item": 727196}
//     GET /next?visitor=anna&n=5
//
// It takes the driver that Node has, from version 22.13 on, else libsql (npm install libsql). Never train in this process:
// a training would block it.
'use strict';
const http = require('http');
const path = require('path');

const LIMIT = 1 << 16; // bytes of a body
const NEXT = `SELECT item, score, basis FROM gru4rec_recommend('rec',
    (SELECT state FROM live WHERE session_id = ? AND ts > unixepoch() - 1800), ?) WHERE exclude_seen = 1`;
const BESTSELLERS = `SELECT item_id AS item, count(*) AS score, 'bestsellers' AS basis FROM
    (SELECT item_id FROM clicks WHERE session_id <> ? ORDER BY rowid DESC LIMIT 1000) GROUP BY item_id ORDER BY score DESC LIMIT ?`;

function connect(file) {
    let db;
    try {
        const { DatabaseSync } = require('node:sqlite');
        db = new DatabaseSync(file, { allowExtension: true });
    } catch (error) {
        if (error.code !== 'ERR_UNKNOWN_BUILTIN_MODULE') throw error;
        const Database = require('libsql');
        db = new Database(file);
    }
    db.exec('PRAGMA busy_timeout = 5000'); // a click waits for a training that commits; the default of both drivers is 0
    db.exec('PRAGMA synchronous = NORMAL'); // a click waits for no disk; see README.md
    db.loadExtension(process.env.GRU4REC || path.join(__dirname, '../../gru4rec.so'));
    return db;
}

const refuse = (status, message) => Object.assign(new Error(message), { status });

function click(text) {
    let visitor, item;
    try {
        ({ visitor, item } = JSON.parse(text));
    } catch {
        throw refuse(400, 'the body must be {"visitor": ..., "item": ...}');
    }
    if (typeof visitor !== 'string' || visitor === '' || !(Number.isSafeInteger(item) || typeof item === 'string'))
        throw refuse(400, 'visitor must be a text, item a text or an integer');
    insert.run(visitor, item, Math.floor(Date.now() / 1000));
    db.exec(`DELETE FROM ${trained() ? 'live_due' : 'live_queue'}`); // sql/live_queue.sql
    return [204];
}

function next(query) {
    const visitor = query.get('visitor'), n = Number(query.get('n') ?? 10);
    if (!visitor || !Number.isInteger(n) || n < 1 || n > 100)
        throw refuse(400, 'wanted: /next?visitor=...&n=..., with n from 1 to 100');
    const rows = (trained() ? recommend : bestsellers).all(visitor, n);
    return [200, { visitor, basis: rows[0]?.basis ?? null, items: rows.map(({ item, score }) => ({ item, score })) }];
}

async function answer(request) {
    const url = new URL(request.url, 'http://localhost'), route = `${request.method} ${url.pathname}`;
    if (route === 'GET /next') return next(url.searchParams);
    if (route !== 'POST /click') throw refuse(404, `there is no ${route.slice(0, 100)}`);
    const parts = [];
    let size = 0;
    for await (const part of request)
        if ((size += part.length) <= LIMIT) parts.push(part);
    if (size > LIMIT) throw refuse(413, 'Content Too Large');
    return click(Buffer.concat(parts).toString());
}

const db = connect(process.argv[2]);
const version = db.prepare("SELECT value FROM rec_config WHERE key = 'version'");
const trained = () => version.get() !== undefined; // false before the first training
const recommend = db.prepare(NEXT), bestsellers = db.prepare(BESTSELLERS);
const insert = db.prepare('INSERT INTO clicks(session_id, item_id, ts) VALUES (?, ?, ?)');
if (trained()) recommend.all('', 1); // loads the model before the first visitor comes
const server = http.createServer(async (request, response) => {
    const [status, body] = await answer(request).catch((error) => [error.status ?? 503, { error: error.message }]);
    if (body) response.setHeader('Content-Type', 'application/json');
    response.writeHead(status).end(body && JSON.stringify(body));
});
server.listen(Number(process.argv[3] ?? 8000), () => console.log(`serves ${process.argv[2]} on port ${server.address().port}`));
for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => server.close(() => db.close()).closeAllConnections());
