'use strict';
// Finds the extension that the package of this platform has in it, and loads it.

const fs = require('fs');
const path = require('path');
const { optionalDependencies } = require('./package.json');

// Whether this program runs with musl, as on Alpine: its file names the loader that it wants, near its beginning. Where the
// file cannot be read, glibc is the better guess.
function isMusl() {
  const start = Buffer.alloc(4096);
  try {
    const file = fs.openSync(process.execPath, 'r');
    fs.readSync(file, start, 0, start.length, 0);
    fs.closeSync(file);
  } catch {
    return false;
  }
  return start.includes('/ld-musl-');
}

function platformPackage() {
  const musl = process.platform === 'linux' && isMusl() ? '-musl' : '';
  return `gru4rec-${process.platform}-${process.arch}${musl}`;
}

// The path of the extension's file.
function getLoadablePath() {
  const name = platformPackage();
  const known = Object.keys(optionalDependencies);
  if (!known.includes(name))
    throw new Error(`gru4rec: there is no package ${name}, only ${known.join(', ')}; ` +
      'compile gru4rec.c for this platform, and give the path of what that makes to loadExtension()');
  let manifest;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch (cause) {
    throw Object.assign(new Error(`gru4rec: the package ${name} is not installed; run npm install on this platform, ` +
      'without --omit=optional, instead of copying node_modules from another one'), { cause });
  }
  return path.join(path.dirname(manifest), require(manifest).main);
}

// Loads the extension into a connection of better-sqlite3, node:sqlite, bun:sqlite or libsql.
function load(db) {
  if (typeof db?.loadExtension !== 'function')
    throw new TypeError('gru4rec: load() wants an open database with loadExtension(), as better-sqlite3, node:sqlite, ' +
      'bun:sqlite and libsql have it');
  db.loadExtension(getLoadablePath());
}

module.exports = { getLoadablePath, load };
