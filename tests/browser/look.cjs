// look.cjs CHROMIUM PAGES SHOTS: opens each page of the folder PAGES in Chromium, light and dark, at 360 and 1,280 pixels, and
// looks at it as a person would: nothing is cut, no texts lie over each other, none is too small. Also: no message on the
// console, no request but the page itself. Screenshots go to the folder SHOTS. A page whose name begins with fault- has a
// fault, which must be found.
const [chromium, pages, shots] = process.argv.slice(2);
const fs = require('fs');
const path = require('path');
const { check, listen, run } = require('./browser.cjs');

// Runs in the page: what is wrong with it, a line each. least: the smallest text in pixels.
function faults(least) {
    const found = [];
    const slack = 1.5; // pixels by which boxes of text may touch: they are higher than what is drawn
    const texts = [];
    const walker = document.createTreeWalker(document.body ?? document.documentElement, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        if (!node.data.trim() || !node.parentElement || ['STYLE', 'style', 'TITLE', 'title', 'desc'].includes(node.parentElement.nodeName)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const svg = node.parentElement.closest('svg');
        // a text of a picture may be turned: its element has the box that counts
        const boxes = svg ? [node.parentElement.closest('text').getBoundingClientRect()] : [...range.getClientRects()];
        for (const box of boxes)
            if (box.width > 0 && box.height > 0) texts.push({ box, node, svg, text: node.data.trim().slice(0, 40) });
    }
    // text boxes do not overlap
    texts.sort((a, b) => a.box.top - b.box.top);
    texts.forEach((a, i) => {
        for (let j = i + 1; j < texts.length && texts[j].box.top < a.box.bottom - slack; j++) {
            const b = texts[j];
            if (a.node === b.node || (a.svg && a.node.parentElement.closest('text') === b.node.parentElement?.closest('text'))) continue;
            if (Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left) > slack &&
                Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top) > slack)
                found.push(`'${a.text}' lies over '${b.text}'`);
        }
    });
    // nothing is cut: by the page, by the picture, by an element that hides or scrolls
    const width = document.documentElement.clientWidth;
    for (const { box, svg, text } of texts) {
        const frame = svg ? svg.getBoundingClientRect() : { left: 0, right: width, top: 0, bottom: Infinity };
        if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
            found.push(`'${text}' is cut`);
    }
    if (document.scrollingElement && document.scrollingElement.scrollWidth > width)
        found.push(`the page is ${document.scrollingElement.scrollWidth} pixels wide, the window ${width}`);
    for (const element of document.querySelectorAll('body *'))
        if (!element.closest('svg') && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible')
            found.push(`${element.nodeName} '${element.textContent.slice(0, 40)}' is wider than its place`);
    // text can be read
    for (const { node, svg, text } of texts) {
        const matrix = svg ? node.parentElement.getScreenCTM() : null;
        const scale = matrix ? Math.hypot(matrix.a, matrix.b) : 1;
        const size = scale * parseFloat(getComputedStyle(node.parentElement).fontSize);
        if (size < least - 0.01) found.push(`'${text}' has ${size.toFixed(1)} pixels`);
    }
    return { texts: texts.length, found: [...new Set(found)] };
}

// Runs in the page: the brightness of its ground and of its text, 0 to 255.
function brightness() {
    const of = color => color.match(/[\d.]+/g).slice(0, 3).reduce((sum, x) => sum + Number(x) / 3, 0);
    const style = getComputedStyle(document.body);
    return [of(style.backgroundColor), of(style.color)];
}

async function look(browser, file, scheme, width) {
    const name = `${path.basename(file).replace(/\.\w+$/, '')}-${scheme}-${width}`;
    const url = 'file://' + path.resolve(file);
    const { page, told } = await listen(browser, wanted => wanted === url || wanted === 'data:,');
    await page.setViewport({ width, height: 800 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(url, { waitUntil: 'load' });
    const { texts, found } = await page.evaluate(faults, 9);
    if (texts === 0) found.push('it has no text');
    const [ground, ink] = await page.evaluate(brightness);
    if ((scheme === 'dark' ? ink - ground : ground - ink) < 150) found.push(`its ground has brightness ${ground}, its text ${ink}`);
    await page.screenshot({ path: path.join(shots, name + '.png'), fullPage: true });
    if (scheme === 'light' && width > 1000 && file.includes('report')) {
        const pdf = await page.pdf({ format: 'A4' });
        fs.writeFileSync(path.join(shots, name + '.pdf'), pdf);
        if (pdf.length < 5000) found.push('it does not print');
    }
    await page.close();
    check(name, found.concat(told));
}

run(chromium, async browser => {
    const files = fs.readdirSync(pages).filter(name => name.endsWith('.html')).sort().map(name => path.join(pages, name));
    for (const file of files)
        for (const scheme of path.basename(file).startsWith('fault-') ? ['light'] : ['light', 'dark'])
            for (const width of [360, 1280]) await look(browser, file, scheme, width);
});
