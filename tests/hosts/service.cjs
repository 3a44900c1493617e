// service.cjs DATABASE: examples/http/serve.cjs as its users have it, with the driver that this Node finds: what it answers
// before the first training of the DATABASE's model and after it, a click while another process commits a training, and
// that it ends on SIGTERM.
const { spawn, execFileSync } = require('child_process');
const path = require('path');
const file = process.argv[2];
const root = path.join(__dirname, '../..');
const sql = (text) => execFileSync('sqlite3', ['-bail', '-cmd', '.timeout 60000', '-cmd', `.load '${root}/gru4rec'`, file, text]).toString().trim();

const server = spawn(process.execPath, [`${root}/examples/http/serve.cjs`, file, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => server.kill('SIGKILL')); // whatever happens, it does not serve on
setTimeout(() => fail('it takes too long'), 100000).unref();

function fail(what) {
    console.log('FAIL', what);
    process.exit(1);
}

async function main() {
    const port = /port (\d+)/.exec(await new Promise((resolve) => server.stdout.once('data', (data) => resolve(`${data}`))))[1];
    const ask = async (target, body) => {
        const answer = await fetch(`http://localhost:${port}${target}`, { headers: { Connection: 'close' }, ...(body !== undefined && { method: 'POST', body }) });
        const text = await answer.text();
        return [answer.status, text && JSON.parse(text)];
    };
    const click = (visitor, item) => ask('/click', JSON.stringify({ visitor, item }));
    for (let i = 0; i < 500; i++) if ((await click('others', i % 5 < 3 ? 727196 : 585078))[0] !== 204) fail('a click before the first training');
    const first = (await ask('/next?visitor=anna&n=2'))[1];
    if (first.basis !== 'bestsellers' || first.items.map(({ item }) => item).join() !== '727196,585078')
        fail(`before the first training: ${JSON.stringify(first)}`);
    sql("SELECT gru4rec_train('rec')");
    const stranger = await ask('/next?visitor=anna&n=3');
    if (stranger[1].basis !== 'popularity' || stranger[1].items.length !== 3) fail(`a new visitor: ${JSON.stringify(stranger)}`);
    for (const item of [727196, 585078])
        if ((await click('anna', item))[0] !== 204) fail('a click');
    if (sql('SELECT count(*) FROM live_queue') !== '0') fail('clicks wait');
    const items = (await ask('/next?visitor=anna&n=3'))[1].items.map(({ item }) => item).join();
    const expected = sql("SELECT group_concat(item) FROM gru4rec_recommend('rec', '[727196, 585078]', 3) WHERE exclude_seen = 1");
    if (items !== expected) fail(`after two clicks: ${items}, not ${expected}`);
    if (sql("SELECT group_concat(typeof(item_id)) FROM clicks WHERE session_id = 'anna'") !== 'integer,integer') fail('the type of the clicks');
    for (const [status, ...call] of [[404, '/'], [400, '/next'], [400, '/next?visitor=a&n=0'], [400, '/click', '[1]'], [400, '/click', '{'],
        [400, '/click', '{"visitor": "a", "item": 1.5}'], [413, '/click', 'x'.repeat(100000)]]) {
        const answer = await ask(...call);
        if (answer[0] !== status || !answer[1].error) fail(`${call[0]}: ${JSON.stringify(answer)}`);
    }
    // The lock is held for two seconds, as by a training that commits for long.
    const other = spawn('sqlite3', [file, 'BEGIN IMMEDIATE', '.shell echo locked; sleep 2', 'COMMIT']);
    await new Promise((resolve) => other.stdout.once('data', resolve));
    if ((await click('anna', 353823))[0] !== 204) fail('a click while another connection has the lock');
    sql("SELECT gru4rec_train('rec', 'n_epochs=1')");
    if ((await ask('/next?visitor=anna'))[1].basis !== 'session') fail('the state goes on with the new version');
    server.kill('SIGTERM');
    if (await new Promise((resolve) => server.once('exit', resolve)) !== 0) fail('it ends badly');
}

main().then(() => process.exit(0), (error) => fail(error.stack));
