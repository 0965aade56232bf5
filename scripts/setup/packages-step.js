/** node_modules as package-lock.json wants it. */
import { readFileSync } from 'node:fs';
import { inRoot } from './checkout.js';
import { runLogged } from './run-logged.js';
import { npmCommand, requireTools } from './tools.js';

/** @typedef {{ version?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockedPackage */

/**
 * @param {string} file a lock file
 * @returns {Record<string, LockedPackage> | undefined} its packages by path; undefined without a readable file
 */
function lockedPackages(file) {
  try {
    return /** @type {{ packages: Record<string, LockedPackage> }} */ (JSON.parse(readFileSync(file, 'utf8'))).packages;
  } catch {
    return undefined;
  }
}

/**
 * Compares what is wanted with npm's own record of what it installed, which it writes last: right whoever installed it.
 * @param {string} directory that holds package-lock.json and node_modules
 * @returns {boolean} whether every package is there in its version
 */
export function packagesInstalled(directory) {
  const wanted = lockedPackages(`${directory}/package-lock.json`);
  const installed = lockedPackages(`${directory}/node_modules/.package-lock.json`);
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true;
    const found = installed[path];
    // npm leaves out optional packages that are for another platform.
    return found === undefined ? optional === true || devOptional === true : found.version === version;
  });
}

/**
 * Installs exactly what the lock file says and runs no package's scripts.
 * @param {string} directory that holds package-lock.json
 * @param {string} name of the log
 * @returns {Promise<void>} when installed
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED, STEP_TIMED_OUT
 */
export async function installPackages(directory, name) {
  const npm = npmCommand();
  if (npm === undefined) {
    requireTools('installing packages', ['npm']);
    return;
  }
  // --include=dev: the build needs the compiler also where NODE_ENV is production.
  const command = [...npm, 'ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  const networkHint = 'packages come from the npm registry (`npm config get registry`); check the network or npm\'s proxy settings and try again';
  await runLogged({ name, command, limitSeconds: 900, directory, networkHint });
}

/** @type {import('./steps.js').Step} */
export const packagesStep = {
  name: 'packages',
  label: 'installing packages (npm ci)',
  fingerprint: () => '',
  isCurrent: () => packagesInstalled(inRoot()),
  run: () => installPackages(inRoot(), 'packages'),
};
