/** Compares docs/DEPENDENCIES.md with what package.json asks for and what the lock file says of licences. */
import { readFileSync } from 'node:fs';
import { inRoot } from '../setup/checkout.js';

/** @typedef {Record<string, string>} Ranges */

/**
 * @param {string} path below the root
 * @returns {unknown} its JSON
 */
const json = (path) => /** @type {unknown} */ (JSON.parse(readFileSync(inRoot(path), 'utf8')));

/** @type {string[]} */
const wrong = [];
const text = readFileSync(inRoot('docs/DEPENDENCIES.md'), 'utf8');
/** Rows by package: range and licence. */
const rows = new Map([...text.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|/gm)].map(([, name = '', range, licence]) => [name, `${String(range)} ${String(licence)}`]));

for (const directory of ['', 'test/oracle/']) {
  const { dependencies = {}, devDependencies = {} } = /** @type {{ dependencies?: Ranges, devDependencies?: Ranges }} */ (json(`${directory}package.json`));
  const lock = /** @type {{ packages: Record<string, { license?: string }> }} */ (json(`${directory}package-lock.json`));
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    const wanted = `${range} ${lock.packages[`node_modules/${name}`]?.license ?? 'unknown'}`;
    const row = rows.get(name);
    if (row === undefined) wrong.push(`${name} has no row`);
    else if (row !== wanted) wrong.push(`${name}: the row says ${row}, it is ${wanted}`);
    rows.delete(name);
  }
}
for (const name of rows.keys()) wrong.push(`${name} has a row and is not used`);
for (const line of wrong) console.error(`docs/DEPENDENCIES.md: ${line}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
