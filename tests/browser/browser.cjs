// browser.cjs: what the programs that look at pages share: Chromium, what a page tells while it loads, and verdicts.
// puppeteer-core is found by NODE_PATH.
const puppeteer = require('puppeteer-core');

let passed = 0, failed = 0;

// A page whose name begins with fault- has a fault, which must be found.
function check(name, problems) {
    if (name.startsWith('fault-')) problems = problems.length > 0 ? [] : ['its fault was not found'];
    if (problems.length === 0) return void passed++;
    failed++;
    console.log(`FAIL  ${name}`);
    for (const problem of problems.slice(0, 12)) console.log(`    ${problem}`);
    if (problems.length > 12) console.log(`    and ${problems.length - 12} more`);
}

// A new page of the browser, and the list of what it tells from now on: messages, errors, requests that fail or that
// is_wanted(url) does not want.
async function listen(browser, is_wanted) {
    const page = await browser.newPage();
    page.setDefaultTimeout(150000); // the machine may be busy
    const told = [];
    page.on('console', message => told.push(`console: ${message.text()}`));
    page.on('pageerror', error => told.push(`error: ${error.message}`));
    page.on('request', request => is_wanted(request.url()) || told.push(`request: ${request.url()}`));
    page.on('requestfailed', request => told.push(`failed: ${request.url()}`));
    return { page, told };
}

// Runs look(browser), then prints the totals.
async function run(chromium, look) {
    const browser = await puppeteer.launch({ executablePath: chromium, headless: true,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none', '--hide-scrollbars'] });
    try {
        await look(browser);
    } finally {
        await browser.close();
    }
    console.log(`${passed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
}

module.exports = { check, listen, run };
