/** Where things are, and whether this is a source checkout. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The directory that holds package.json. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * An absolute path below the root.
 * @param {...string} parts path elements
 * @returns {string} the path
 */
export const inRoot = (...parts) => join(ROOT, ...parts);

/**
 * False in a package installed by npm: it carries what was built and no tsconfig.json.
 * @returns {boolean} whether there are sources to build
 */
export const isSourceCheckout = () => existsSync(inRoot('tsconfig.json'));

/**
 * What was downloaded and built for all checkouts of a user, outside of them.
 * @param {...string} parts path elements
 * @returns {string} an absolute path below $XDG_CACHE_HOME/kvm-faultlab, or ~/.cache/kvm-faultlab
 */
export function inCache(...parts) {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kvm-faultlab', ...parts);
}

/**
 * Stamps, logs and the lock of the set-up. Not in node_modules, which `npm ci` empties. An installed package may belong to somebody else:
 * its logs go to the cache.
 */
export const STATE_DIRECTORY = isSourceCheckout() ? join(ROOT, '.bootstrap') : inCache('logs');
