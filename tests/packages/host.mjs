// host.mjs DRIVER DATABASE: runs the statements of standard input; prints the first column.
import { readFileSync } from 'node:fs';
import { getLoadablePath, load } from 'gru4rec';

const [driver, file] = process.argv.slice(2);
const module = await import(driver);
const db = driver === 'node:sqlite' ? new module.DatabaseSync(file, { allowExtension: true })
  : driver === 'bun:sqlite' ? new module.Database(file)
  : new module.default(file);
load(db);
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const statement = db.prepare(line);
  if (!/^(SELECT|WITH)/.test(line)) statement.run();
  else for (const row of statement.all()) console.log(String(Object.values(row)[0]));
}
db.close();
if (!getLoadablePath().includes('gru4rec-')) throw new Error(getLoadablePath());
