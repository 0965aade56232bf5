/**
 * The files that a command names, on their way into the lab and back. What it reads is read there through a read-only share of its
 * directory; what it writes is written into the lab's memory and, when the command has ended, brought here: nothing of the host can be
 * written to from inside but one temporary directory.
 */
import { createReadStream, createWriteStream, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SetupFailure } from '../setup/failure.js';
import { isBelow, isExported } from './shares.js';

/** @typedef {import('./shares.js').Share} Share */
/** @typedef {{ path: string, use: 'input' | 'output' }} NamedFile */

/**
 * @typedef {object} FilePlan
 * @property {readonly Share[]} shares all of them, in the order in which to mount them
 * @property {readonly string[]} directories to be there
 * @property {readonly { target: string, path: string }[]} links to make
 * @property {readonly string[]} outputs that the command may write, absolute
 */

/** Where the outputs are put inside, each under its number; init/files.c writes there. */
const OUT = '/lab/out';

/** Directories that the lab has of its own: paths in them mean the lab's, as /dev/stdout does. */
const OWN = ['/dev', '/proc', '/sys'];

/** Where init keeps what it needs: a file of the host in such a place could be in its way. */
const INIT = '/lab';

/** @param {string} path that may not exist @returns {string | undefined} without links */
function real(path) {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Plans how files get there and back.
 * @param {readonly NamedFile[]} files as the command line has them, relative to the current directory
 * @param {object} surroundings of the command
 * @param {readonly Share[]} surroundings.base shares that the lab has anyhow
 * @param {string} surroundings.directory the current one, here and inside
 * @returns {FilePlan} the plan
 * @throws {SetupFailure} NOT_EXPORTED for a file that the lab cannot be given
 */
export function planFiles(files, { base, directory }) {
  const absolute = files.map(({ path, use }) => ({ path: resolve(directory, path), use })).filter(({ path }) => !OWN.some((own) => isBelow(path, own)));
  for (const { path } of absolute) {
    if (isBelow(path, INIT)) throw new SetupFailure('NOT_EXPORTED', `the lab has a ${INIT} of its own, so it cannot be given ${path}; put it elsewhere`);
  }
  const outputs = absolute.filter(({ use }) => use === 'output').map(({ path }) => path);
  /** @type {Map<string, Share>} */
  const added = new Map();
  /** @type {Map<string, string>} */
  const links = new Map();
  for (const { path } of absolute.filter(({ use }) => use === 'input')) {
    const target = real(path);
    // The command itself says best what it misses.
    if (target === undefined) continue;
    if (!isExported(target, base)) links.set(target, exportFile(target, added));
    if (path !== target && !isExported(path, base)) links.set(path, target);
  }
  // A file that is reached by a link of its directory is made where that leads.
  const parents = outputs.map((path) => dirname(path)).flatMap((parent) => [parent, real(parent) ?? parent]);
  return {
    // What a command writes to must not be read-only there; what it writes stays in memory.
    shares: [...base.map((share) => (parents.some((parent) => share.kind === 'ro' && isBelow(parent, share.path)) ? { ...share, kind: /** @type {const} */ ('overlay') } : share)), ...added.values()],
    directories: [...new Set([directory, ...parents, ...[...links.keys()].map((path) => dirname(path))])],
    links: [...links].map(([path, target]) => ({ path, target })),
    outputs: [...new Set(outputs)],
  };
}

/**
 * @param {string} target a file, or a directory, without links
 * @param {Map<string, Share>} added shares by directory; takes another one where needed
 * @returns {string} its path inside
 * @throws {SetupFailure} NOT_EXPORTED
 */
function exportFile(target, added) {
  const isDirectory = statSync(target).isDirectory();
  const directory = isDirectory ? target : dirname(target);
  if (directory === '/') {
    throw new SetupFailure('NOT_EXPORTED', `the lab is given the directory of each file that it reads, which for ${target} would be all of this host; put it into a directory of its own`);
  }
  const share = added.get(directory) ?? { tag: `files${String(added.size)}`, path: directory, inside: `/lab/files/${String(added.size)}`, kind: /** @type {const} */ ('ro') };
  added.set(directory, share);
  return isDirectory ? share.inside ?? '' : join(share.inside ?? '', basename(target));
}

/**
 * @param {string} staging an empty directory of ours
 * @returns {Share} where the lab puts outputs
 */
export function stagingShare(staging) {
  mkdirSync(staging);
  return { tag: 'staging', path: staging, inside: OUT, kind: 'rw' };
}

/**
 * Brings outputs to where the command line wants them. Those that the command did not make are left as they are.
 * @param {readonly string[]} outputs absolute paths here
 * @param {string} staging the directory that the lab put them into
 * @returns {Promise<void>} when all are there
 * @throws {SetupFailure} STATE_UNWRITABLE
 */
export async function bringBack(outputs, staging) {
  for (const [at, path] of outputs.entries()) {
    const staged = join(staging, String(at));
    // The guest could have made anything; only a file is copied, never what a link leads to.
    if (lstatSync(staged, { throwIfNoEntry: false })?.isFile() !== true) continue;
    try {
      await pipeline(createReadStream(staged), createWriteStream(path));
    } catch (error) {
      throw new SetupFailure('STATE_UNWRITABLE', `${path}, which the command wrote in the lab, could not be brought back: ${String(error)}`);
    }
  }
}
