/** Where the lab keeps what it downloaded and built: outside the repository, shared by all checkouts of a user. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupFailure } from '../setup/failure.js';

/**
 * @param {...string} parts path elements
 * @returns {string} an absolute path below $XDG_CACHE_HOME/kvm-faultlab, or ~/.cache/kvm-faultlab
 */
export function inCache(...parts) {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kvm-faultlab', ...parts);
}

/**
 * A directory that is either complete or not there: filled under another name, then renamed. Two who fill it at once do the work twice
 * and the first one's stays.
 * @param {string} path absolute, below the cache
 * @param {(draft: string) => Promise<void> | void} fill puts everything into an empty directory
 * @returns {Promise<string>} the path
 * @throws {SetupFailure} STATE_UNWRITABLE, or what `fill` throws
 */
export async function cachedDirectory(path, fill) {
  if (existsSync(path)) return path;
  let draft;
  try {
    mkdirSync(dirname(path), { recursive: true });
    draft = mkdtempSync(`${path}.draft-`);
  } catch (error) {
    throw new SetupFailure('STATE_UNWRITABLE', `the lab keeps its kernels in ${inCache()}, which cannot be written (set XDG_CACHE_HOME to have them elsewhere): ${String(error)}`);
  }
  try {
    await fill(draft);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(path)) throw error;
  }
  return path;
}
