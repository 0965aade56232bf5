/** What every lab sees of the host's files: the system's programs and the project. */
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ROOT, inRoot, isSourceCheckout } from '../setup/checkout.js';
import { SetupFailure } from '../setup/failure.js';

/**
 * @typedef {object} Share
 * @property {string} tag its name between QEMU and the lab
 * @property {string} path where it is on the host
 * @property {string} [inside] where the lab has it; the same path where this is left out
 * @property {'ro' | 'rw' | 'overlay'} kind overlay: written to inside, unchanged outside
 */

/** Where programs and their libraries are; on a merged /usr all but the first are links into it. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** What programs read in /etc: names of users, the loader's cache, alternatives such as cc. Nothing secret. */
const ETC = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/os-release', '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/alternatives'];

/** @param {string} path to look at @param {string} directory that may hold it @returns {boolean} whether it does */
export const isBelow = (path, directory) => path === directory || path.startsWith(`${directory}/`);

/** @returns {string | undefined} the prefix of a Node that is not among the system's programs */
function ownNodePrefix() {
  const prefix = dirname(dirname(process.execPath));
  return SYSTEM.some((directory) => isBelow(process.execPath, directory)) ? undefined : prefix;
}

/**
 * Where all is that the project's programs load: the checkout, or the outermost node_modules of an installed package, which holds its
 * dependencies too.
 * @returns {string} a directory
 */
function projectDirectory() {
  const at = ROOT.indexOf('/node_modules/');
  return isSourceCheckout() || at === -1 ? ROOT : ROOT.slice(0, at + '/node_modules'.length);
}

/**
 * An installed package's dependencies may be links that lead elsewhere, or no directories at all.
 * @param {readonly Share[]} exported to the lab
 * @throws {SetupFailure} NOT_EXPORTED for a dependency that is in none of them
 */
function requireDependencies(exported) {
  const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (JSON.parse(readFileSync(inRoot('package.json'), 'utf8')));
  const { resolve } = createRequire(inRoot('package.json'));
  for (const name of Object.keys(dependencies)) {
    const found = (resolve.paths(name) ?? []).map((directory) => join(directory, name)).find((path) => existsSync(path));
    if (found !== undefined && isExported(realpathSync(found), exported)) continue;
    throw new SetupFailure(
      'NOT_EXPORTED',
      `the lab is given ${projectDirectory()}, and the package ${name} is ${found === undefined ? 'no directory there' : `in ${realpathSync(found)}`}; install kvm-faultlab with npm into a node_modules of its own`,
    );
  }
}

/**
 * @param {string} path absolute
 * @param {readonly Share[]} exported to the lab
 * @returns {boolean} whether the lab has it at the same path
 */
export const isExported = (path, exported) => exported.some((share) => isBelow(path, share.path));

/**
 * The system and the project, as every lab has them.
 * @returns {Share[]} in the order in which to mount them
 * @throws {SetupFailure} NOT_EXPORTED
 */
export function baseShares() {
  /** @type {Share[]} */
  const all = SYSTEM.filter((path) => existsSync(path) && !lstatSync(path).isSymbolicLink()).map((path) => ({ tag: path.slice(1), path, kind: 'ro' }));
  const project = projectDirectory();
  const node = ownNodePrefix();
  if (node !== undefined && !isBelow(node, project)) all.push({ tag: 'node', path: node, kind: 'ro' });
  all.push({ tag: 'project', path: project, kind: 'overlay' });
  if (!isSourceCheckout()) requireDependencies(all);
  return all;
}

/**
 * Copies links and small files that are not worth a share.
 * @param {import('./cpio.js').CpioArchive} archive takes them at the same paths
 */
export function copySystemFiles(archive) {
  for (const path of SYSTEM) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) archive.symlink(path, readlinkSync(path));
  }
  /** @param {string} path of a file, a link or a directory */
  const copy = (path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) readdirSync(path).forEach((name) => { copy(`${path}/${name}`); });
    else if (stat.isSymbolicLink() && path.startsWith('/etc/alternatives/')) archive.symlink(path, readlinkSync(path));
    else if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) archive.file(path, readFileSync(path));
  };
  ETC.forEach(copy);
}
