/** One at a time: set-ups of a checkout, builds of a kernel. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { STATE_DIRECTORY } from './checkout.js';
import { SetupFailure } from './failure.js';

/** flock(1)'s answer when the lock is taken, told apart from its own errors. */
const TAKEN = 75;

/**
 * @typedef {object} LockPlan
 * @property {string} file absolute; made when it is not there
 * @property {string} what is kept apart, for messages: "set-up of this checkout"
 * @property {number} waitSeconds at most
 * @property {(line: string) => void} say told that we wait
 */

/** The set-up of a checkout, and whatever else changes it. */
export const SETUP = Object.freeze({ file: join(STATE_DIRECTORY, 'lock'), what: 'set-up of this checkout', waitSeconds: 1800 });

/**
 * flock(1) locks the open file description it inherits, which is ours: the lock outlives flock and ends with this process,
 * however it ends, so there is no stale lock to recognise.
 * @param {number} fd of the lock file
 * @param {LockPlan} plan for messages
 * @param {...string} how flock's options
 * @returns {boolean} whether the lock is ours
 */
function flock(fd, { file }, ...how) {
  const { status, error, stderr } = spawnSync('flock', [...how, '-E', String(TAKEN), '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
  if (error !== undefined) {
    throw new SetupFailure('TOOL_MISSING', 'flock is needed to keep two runs apart; install it with: apt-get install -y util-linux');
  }
  if (status !== 0 && status !== TAKEN) throw new SetupFailure('STATE_UNWRITABLE', `the lock file ${file} cannot be locked: ${String(stderr).trim()}`);
  return status === 0;
}

/**
 * Takes the lock, waiting for its holder to end if there is one.
 * @param {LockPlan} plan which, and for how long
 * @returns {number} the lock file's descriptor; closing it gives the lock back
 * @throws {SetupFailure} TOOL_MISSING, STATE_UNWRITABLE, LOCK_TIMED_OUT
 */
export function takeLock(plan) {
  const { file, what, waitSeconds, say } = plan;
  let fd;
  try {
    mkdirSync(dirname(file), { recursive: true });
    fd = openSync(file, 'a');
  } catch (error) {
    throw new SetupFailure('STATE_UNWRITABLE', `the lock file ${file} cannot be written: ${String(error)}`);
  }
  const limit = waitSeconds < 60 ? `${String(waitSeconds)} s` : `${String(waitSeconds / 60)} minutes`;
  if (flock(fd, plan, '-n')) return fd;
  say(`waiting for another ${what}, at most ${limit}`);
  if (flock(fd, plan, '-w', String(waitSeconds))) return fd;
  throw new SetupFailure('LOCK_TIMED_OUT', `another ${what} has not ended for ${limit}; see: fuser ${file}`);
}
