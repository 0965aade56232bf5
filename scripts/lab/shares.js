/** What the lab sees of the host's files: system programs and the project read-only, one folder to write to. */
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ROOT } from '../setup/checkout.js';

/**
 * @typedef {object} Share
 * @property {string} tag its name between QEMU and the lab
 * @property {string} path where it is, on the host and inside
 * @property {'ro' | 'rw' | 'overlay'} kind overlay: written to inside, unchanged outside
 */

/** Where programs and their libraries are; on a merged /usr all but the first are links into it. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** What programs read in /etc: names of users, the loader's cache, alternatives such as cc. Nothing secret. */
const ETC = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/os-release', '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/alternatives'];

/** @param {string} path to look at @param {string} directory that may hold it @returns {boolean} whether it does */
const isBelow = (path, directory) => path === directory || path.startsWith(`${directory}/`);

/** @returns {string | undefined} the prefix of a Node that is not among the system's programs */
function ownNodePrefix() {
  const prefix = dirname(dirname(process.execPath));
  return SYSTEM.some((directory) => isBelow(process.execPath, directory)) ? undefined : prefix;
}

/**
 * @param {string} outDirectory absolute and existing: written to from inside
 * @returns {Share[]} in the order in which to mount them
 */
export function shares(outDirectory) {
  /** @type {Share[]} */
  const all = SYSTEM.filter((path) => existsSync(path) && !lstatSync(path).isSymbolicLink()).map((path) => ({ tag: path.slice(1), path, kind: 'ro' }));
  const node = ownNodePrefix();
  if (node !== undefined && !isBelow(node, ROOT)) all.push({ tag: 'node', path: node, kind: 'ro' });
  all.push({ tag: 'project', path: ROOT, kind: 'overlay' }, { tag: 'out', path: outDirectory, kind: 'rw' });
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
