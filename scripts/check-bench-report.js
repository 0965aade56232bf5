/**
 * `node scripts/check-bench-report.js FILE`: whether a bench's JSON report shows every delivery mode of the library, each run to its end
 * with exact integrity and agreeing counts. It trusts no verdict of the report that it can derive itself.
 */
import { readFileSync } from 'node:fs';
import { inRoot } from './setup/checkout.js';

/** @typedef {import('../lib/bench/index.js').BenchReport} BenchReport */
/** @typedef {BenchReport['modes'][number]} ModeReport */

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node scripts/check-bench-report.js FILE\n');
  process.exit(2);
}
const report = /** @type {BenchReport} */ (JSON.parse(readFileSync(file, 'utf8')));
const { MODE_NAMES } = /** @type {{ MODE_NAMES: readonly string[] }} */ (await import(inRoot('dist/lib/index.js')));

/**
 * @param {ModeReport | undefined} mode what one mode did
 * @returns {string[]} what is wrong with it
 */
function faultsOf(mode) {
  if (mode === undefined) return ['is not in the report'];
  const { end, pages, integrity, events, latency, passed } = mode;
  const faults = events.checks.filter(({ guest, host }) => guest !== host).map(({ what, guest, host }) => `${what}: guest ${String(guest)}, host ${String(host)}`);
  if (end !== 'done') faults.push(`ended as ${end}`);
  if (pages !== report.parameters.pages) faults.push(`visited ${String(pages)} of ${String(report.parameters.pages)} pages`);
  if (integrity.compared !== pages || integrity.mismatched !== 0 || integrity.guestMismatches !== 0) faults.push(`integrity ${JSON.stringify(integrity)}`);
  if (events.checks.length === 0) faults.push('no counts were compared');
  if (latency === null) faults.push('has no latency');
  if (!passed && faults.length === 0) faults.push('failed without a reason');
  return faults;
}

let bad = 0;
for (const name of MODE_NAMES) {
  const faults = faultsOf(report.modes.find(({ mode }) => mode === name));
  if (faults.length > 0) bad += 1;
  process.stdout.write(`${name}: ${faults.length === 0 ? 'exact, all counts agree' : faults.join('; ')}\n`);
}
if (!report.passed && bad === 0) {
  bad += 1;
  process.stdout.write('every mode is good, yet the report says that it failed\n');
}
process.exitCode = bad === 0 ? 0 : 1;
