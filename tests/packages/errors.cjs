// errors.cjs: what the package says where it cannot load. In a folder with the package gru4rec, and without one for a platform
// if that is named: errors.cjs missing.
const assert = require('assert');
const { getLoadablePath, load } = require('gru4rec');

const name = require('fs').readdirSync('node_modules').find(name => name.startsWith('gru4rec-'));
if (process.argv[2] === 'missing') {
  assert.strictEqual(name, undefined);
  assert.throws(getLoadablePath, /gru4rec-linux-x64.* is not installed; run npm install on this platform/);
} else {
  assert.ok(getLoadablePath().endsWith(`/node_modules/${name}/gru4rec.so`), getLoadablePath());
  assert.throws(() => load({}), /load\(\) wants an open database with loadExtension/);
  assert.throws(() => load(null), /load\(\) wants/);
  for (const [key, value] of [['platform', 'sunos'], ['arch', 'mips']]) {
    const kept = Object.getOwnPropertyDescriptor(process, key);
    Object.defineProperty(process, key, { value });
    assert.throws(getLoadablePath, /there is no package gru4rec-.*, only gru4rec-linux-x64.*; compile gru4rec.c/);
    Object.defineProperty(process, key, kept);
  }
}
