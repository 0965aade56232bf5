/** Where things are in a source checkout, and whether this is one. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The directory that holds package.json. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Stamps, logs and the lock of the set-up. Not in node_modules, which `npm ci` empties. */
export const STATE_DIRECTORY = join(ROOT, '.bootstrap');

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
