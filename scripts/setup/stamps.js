/** Which step was last completed from which sources. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATE_DIRECTORY } from './checkout.js';

const FILE = join(STATE_DIRECTORY, 'stamps.json');

/**
 * A missing or damaged file means that nothing is known to be done.
 * @returns {Record<string, string>} fingerprints by step
 */
export function readStamps() {
  try {
    return /** @type {Record<string, string>} */ (JSON.parse(readFileSync(FILE, 'utf8')));
  } catch {
    return {};
  }
}

/**
 * Records a step, or forgets it. Call with the lock held.
 * @param {string} step its name
 * @param {string | undefined} value its fingerprint; undefined: not done
 */
export function writeStamp(step, value) {
  const stamps = readStamps();
  if (value === undefined) {
    if (!(step in stamps)) return;
    delete stamps[step];
  } else {
    stamps[step] = value;
  }
  mkdirSync(STATE_DIRECTORY, { recursive: true });
  // Renamed into place: a run without the lock must never read half a file.
  const draft = `${FILE}.${String(process.pid)}`;
  writeFileSync(draft, `${JSON.stringify(stamps, null, 2)}\n`);
  renameSync(draft, FILE);
}
