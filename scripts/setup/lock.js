/** One set-up at a time in a checkout. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { STATE_DIRECTORY } from './checkout.js';
import { SetupFailure } from './failure.js';

const WAIT_SECONDS = 1800;
/** flock(1)'s answer when the lock is taken, told apart from its own errors. */
const TAKEN = 75;

/**
 * flock(1) locks the open file description it inherits, which is ours: the lock outlives flock and ends with this process,
 * however it ends, so there is no stale lock to recognise.
 * @param {number} fd of the lock file
 * @param {...string} how flock's options
 * @returns {boolean} whether the lock is ours
 */
function flock(fd, ...how) {
  const { status, error, stderr } = spawnSync('flock', [...how, '-E', String(TAKEN), '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
  if (error !== undefined) {
    throw new SetupFailure('TOOL_MISSING', 'the set-up needs flock to keep two runs apart; install it with: apt-get install -y util-linux');
  }
  if (status !== 0 && status !== TAKEN) {
    throw new SetupFailure('STATE_UNWRITABLE', `the lock file in ${STATE_DIRECTORY} cannot be locked: ${String(stderr).trim()}`);
  }
  return status === 0;
}

/**
 * Takes the lock, waiting for another set-up to end if there is one.
 * @param {(line: string) => void} say told that we wait
 * @returns {number} the lock file's descriptor; closing it gives the lock back
 */
export function takeLock(say) {
  let fd;
  try {
    mkdirSync(STATE_DIRECTORY, { recursive: true });
    fd = openSync(join(STATE_DIRECTORY, 'lock'), 'a');
  } catch (error) {
    throw new SetupFailure('STATE_UNWRITABLE', `the set-up keeps its state in ${STATE_DIRECTORY}, which cannot be written: ${String(error)}`);
  }
  if (flock(fd, '-n')) return fd;
  say(`waiting for another set-up of this checkout, at most ${String(WAIT_SECONDS / 60)} minutes`);
  if (flock(fd, '-w', String(WAIT_SECONDS))) return fd;
  throw new SetupFailure('LOCK_TIMED_OUT', `another set-up of this checkout has run for ${String(WAIT_SECONDS / 60)} minutes; see: fuser ${join(STATE_DIRECTORY, 'lock')}`);
}
