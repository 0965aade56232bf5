/** Where the lab keeps what it downloaded and built: outside the repository, shared by all checkouts of a user. */
import { closeSync, existsSync, mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SetupFailure } from '../setup/failure.js';
import { takeLock } from '../setup/lock.js';
import { say } from './steps.js';
import { ownedDirectory, removeAbandoned } from './temporary.js';

/**
 * @param {...string} parts path elements
 * @returns {string} an absolute path below $XDG_CACHE_HOME/kvm-faultlab, or ~/.cache/kvm-faultlab
 */
export function inCache(...parts) {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kvm-faultlab', ...parts);
}

/** Room that is left for others. */
const RESERVE_BYTES = 200e6;

/** A build on a slow machine, and some. */
const LOCK_WAIT_SECONDS = 9000;

/** @param {number} bytes @returns {string} for people */
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * @template T
 * @param {() => T} work writes to the cache
 * @returns {T} its result
 * @throws {SetupFailure} STATE_UNWRITABLE
 */
function writing(work) {
  try {
    return work();
  } catch (error) {
    throw new SetupFailure('STATE_UNWRITABLE', `the lab keeps its kernels in ${inCache()}, which cannot be written (set XDG_CACHE_HOME to have them elsewhere): ${String(error)}`);
  }
}

/**
 * One process at a time. The lock ends with its holder, however that ends.
 * @template T
 * @param {string} name of the lock's file in the cache
 * @param {string} what is kept apart, for messages: "build of the lab's kernel"
 * @param {() => Promise<T>} work done while the lock is held
 * @returns {Promise<T>} its result
 * @throws {SetupFailure} STATE_UNWRITABLE, LOCK_TIMED_OUT, TOOL_MISSING, or what `work` throws
 */
export async function withCacheLock(name, what, work) {
  writing(() => { mkdirSync(inCache(), { recursive: true }); });
  const lock = takeLock({ file: inCache(name), what, waitSeconds: LOCK_WAIT_SECONDS, say });
  try {
    return await work();
  } finally {
    closeSync(lock);
  }
}

/**
 * A directory that is either complete or not there: filled under another name, then renamed. Two who fill it at once do the work twice
 * and the first one's stays. What a killed process left half-filled, the next one deletes.
 * @param {string} path absolute, below the cache
 * @param {object} how to fill it
 * @param {number} how.sizeBytes what it takes on disk while it is filled
 * @param {(draft: string) => Promise<void> | void} how.fill puts everything into an empty directory
 * @returns {Promise<string>} the path
 * @throws {SetupFailure} STATE_UNWRITABLE, DISK_FULL, or what `fill` throws
 */
export async function cachedDirectory(path, { sizeBytes, fill }) {
  if (existsSync(path)) return path;
  const parent = dirname(path);
  const draft = writing(() => {
    mkdirSync(parent, { recursive: true });
    removeAbandoned(parent);
    return ownedDirectory(`${path}.draft`);
  });
  const remove = () => { rmSync(draft, { recursive: true, force: true }); };
  // A tool that is interrupted ends this process.
  process.on('exit', remove);
  try {
    const { bavail, bsize } = statfsSync(parent);
    if (bavail * bsize < sizeBytes + RESERVE_BYTES) {
      throw new SetupFailure('DISK_FULL', `${basename(path)} takes ${gigabytes(sizeBytes)} in ${parent} while it is made, and ${gigabytes(bavail * bsize)} are free; make room, or set XDG_CACHE_HOME`);
    }
    await fill(draft);
    renameSync(draft, path);
  } catch (error) {
    remove();
    if (!existsSync(path)) throw error;
  } finally {
    process.off('exit', remove);
  }
  return path;
}
