// site.cjs CHROMIUM SITE SHOTS: opens each page of the documentation site in the folder SITE in Chromium, from disk, at 360
// and 1,280 pixels. It has no script error, asks for nothing outside the folder, and does not scroll sideways; its pictures
// load; its links lead to files of the folder and to places that are on their pages. The search finds words, and only where
// they are. Links to other sites are looked at for their form only. Screenshots go to the folder SHOTS.
const [chromium, folder, shots] = process.argv.slice(2);
const fs = require('fs');
const path = require('path');
const { fileURLToPath, pathToFileURL } = require('url');
const { check, listen, run } = require('./browser.cjs');

const site = path.resolve(folder) + path.sep;
const name_of = file => path.relative(site, file).replace(/\.html$/, '').replaceAll(path.sep, '-');
const is_inside = url => url.startsWith('data:') || url.startsWith(pathToFileURL(site).href);

// Runs in the page: what is wrong with it, a line each, for the width that the window has.
function faults() {
    const found = [];
    const width = document.documentElement.clientWidth;
    // the drawer of contents waits beside the page; what scrolls by itself may be as wide as it wants
    const may_be_outside = element => {
        for (let up = element; up && up !== document.body; up = up.parentElement) {
            const style = getComputedStyle(up);
            if (up.matches('nav') || ['auto', 'scroll'].includes(style.overflowX) || style.visibility === 'hidden') return true;
        }
        return false;
    };
    // as far as a person can scroll, also where the scrollbar is not shown
    window.scrollTo(1e6, 0);
    if (window.scrollX > 0) found.push(`the page scrolls sideways, by ${window.scrollX} pixels`);
    window.scrollTo(0, 0);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        if (!node.data.trim() || ['SCRIPT', 'STYLE', 'title'].includes(node.parentElement.nodeName)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects())
            if (box.width > 1 && (box.right > width + 1 || box.left < -1) && !may_be_outside(node.parentElement)) {
                found.push(`'${node.data.trim().slice(0, 40)}' is cut, or makes the page wide`);
                break;
            }
    }
    for (const image of document.images) {
        if (!image.complete || image.naturalWidth === 0) found.push(`the picture ${image.src} does not load`);
        else if (image.getBoundingClientRect().width < 100) found.push(`the picture ${image.src} is too small`);
        if (!image.alt) found.push(`the picture ${image.src} has no text for who cannot see it`);
    }
    return found;
}

// Runs in the page: its links as they are written and where they lead, the places that links can lead to, and its text.
function contents() {
    return {
        links: [...document.querySelectorAll('a[href]')].map(link => [link.getAttribute('href'), link.href]),
        ids: [...document.querySelectorAll('[id]')].map(element => element.id),
        text: document.body.textContent,
    };
}

// What is wrong with a link; pages: the contents of each page of the site by its path.
function dead(pages, [written, url]) {
    if (/^(https?|mailto):/.test(url)) return /^(https?:\/\/[\w.-]+\.[a-z]+(\/\S*)?|mailto:\S+@\S+)$/.test(url) ? null : `${written} is no address`;
    if (!is_inside(url)) return `${written} leads out of the site`;
    const target = new URL(url);
    const place = decodeURIComponent(target.hash.slice(1));
    target.hash = target.search = '';
    const file = fileURLToPath(target);
    if (!fs.existsSync(file) || !fs.statSync(file).isFile()) return `${written} is no file`;
    return place === '' || pages.get(file)?.ids.includes(place) ? null : `${written} is no place of that page`;
}

// Opens a page at both widths; gives its contents, with what is wrong.
async function open(browser, file) {
    const { page, told } = await listen(browser, is_inside);
    const found = [];
    for (const width of [360, 1280]) {
        await page.setViewport({ width, height: width < 1000 ? 740 : 900 });
        if (width === 360) await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
        found.push(...(await page.evaluate(faults)).map(fault => `${width} pixels: ${fault}`));
        await page.screenshot({ path: path.join(shots, `${name_of(file)}-${width}.png`), fullPage: Boolean(process.env.WHOLE) });
    }
    const what = await page.evaluate(contents);
    await page.close();
    return { ...what, problems: found.concat(told) };
}

// The pages that the search gives for a word.
async function search(browser, word) {
    const { page, told } = await listen(browser, is_inside);
    await page.goto(`${pathToFileURL(site + 'search.html').href}?q=${encodeURIComponent(word)}`, { waitUntil: 'load' });
    await page.waitForFunction(() => /found|did not match/.test(document.querySelector('.search-summary')?.textContent));
    const hits = await page.evaluate(() => [...document.querySelectorAll('ul.search a')].map(link => link.href));
    await page.setViewport({ width: 360, height: 740 });
    const found = await page.evaluate(faults);
    await page.screenshot({ path: path.join(shots, `search-${word}-360.png`) });
    await page.close();
    return { files: hits.map(hit => fileURLToPath(hit.replace(/[?#].*/, ''))), problems: found.concat(told) };
}

async function check_search(browser, pages, word) {
    const { files, problems } = await search(browser, word);
    const has = file => pages.get(file)?.text.includes(word);
    const wanted = [...pages.keys()].filter(has);
    for (const file of files) if (!has(file)) problems.push(`it finds ${name_of(file)}, which does not have the word`);
    for (const file of wanted) if (!files.includes(file)) problems.push(`it does not find ${name_of(file)}`);
    if (wanted.length === 0) problems.push('no page has the word');
    check(`search for ${word}`, problems);
}

// index.html leads to the front page.
async function check_index(browser) {
    const { page, told } = await listen(browser, is_inside);
    await page.goto(pathToFileURL(site + 'index.html').href);
    await page.waitForFunction(() => location.pathname.endsWith('/README.html')).catch(() => told.push('it does not lead to README.html'));
    await page.close();
    check('index', told);
}

run(chromium, async browser => {
    const files = fs.readdirSync(site, { recursive: true }).filter(name => name.endsWith('.html') && name !== 'index.html');
    const pages = new Map();
    for (const file of files.sort().map(name => site + name)) pages.set(file, await open(browser, file));
    for (const [file, page] of pages)
        check(name_of(file), page.problems.concat([...new Set(page.links.map(link => dead(pages, link)))].filter(Boolean)));
    await check_index(browser);
    for (const word of ['busy_timeout', 'OPENBLAS_NUM_THREADS', 'collapse_repeats']) await check_search(browser, pages, word);
    const { files: none, problems } = await search(browser, 'quixotically');
    check('search for a word that is nowhere', problems.concat(none.map(file => `it finds ${name_of(file)}`)));
});
