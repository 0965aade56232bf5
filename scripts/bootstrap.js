/**
 * From a clone to something that runs: packages, native addon, guest, dist. Does only what is not done yet, prints nothing when there
 * is nothing to do, and needs nothing but Node itself.
 */
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SetupFailure, exitWith } from './setup/failure.js';
import { SETUP, takeLock } from './setup/lock.js';
import { readStamps, writeStamp } from './setup/stamps.js';
import { STEPS } from './setup/steps.js';

/** The oldest Node that the addon, the CLI and the build tools all support. */
const OLDEST_NODE = Object.freeze([20, 17]);

/** @typedef {import('./setup/steps.js').Step} Step */

/** @param {string} line of progress; on stderr, since stdout may be a report */
const say = (line) => process.stderr.write(`set-up: ${line}\n`);

/**
 * @param {Step} step one of them
 * @returns {boolean} whether its results are there and made from what is there now
 */
const isDone = (step) => step.isCurrent() && (readStamps()[step.name] ?? '') === step.fingerprint();

/** @throws {SetupFailure} NODE_TOO_OLD */
function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupFailure('NODE_TOO_OLD', `this is Node ${process.versions.node}; kvm-faultlab needs Node ${OLDEST_NODE.join('.')} or newer (see https://nodejs.org or https://deb.nodesource.com)`);
}

/**
 * Does one step and stamps it. The stamp goes first: an interrupted step is not done.
 * @param {Step} step that is not done
 */
async function perform(step) {
  const started = performance.now();
  const fingerprint = step.fingerprint();
  process.stderr.write(`set-up: ${step.label} ... `);
  try {
    writeStamp(step.name, undefined);
    await step.run();
    writeStamp(step.name, fingerprint);
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/**
 * Makes this checkout ready.
 * @param {object} [options] what may stay undone
 * @param {readonly Step['name'][]} [options.optional] steps whose failure is only reported, for commands that work without
 * @param {readonly Step['name'][]} [options.only] do these alone
 * @returns {Promise<void>} when everything that is not optional is done
 * @throws {SetupFailure} with a code and one sentence
 */
export async function bootstrap({ optional = [], only } = {}) {
  checkNode();
  const steps = STEPS.filter((step) => only === undefined || only.includes(step.name));
  if (steps.every(isDone)) return;
  const lock = takeLock({ ...SETUP, say });
  try {
    for (const step of steps) {
      if (isDone(step)) continue;
      try {
        await perform(step);
      } catch (error) {
        if (!(error instanceof SetupFailure) || !optional.includes(step.name)) throw error;
        say(`going on without: ${error.message}`);
      }
    }
  } finally {
    closeSync(lock);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bootstrap().catch(exitWith);
