/** Runs a build tool with its output in a log file, an end to the waiting, and signals passed on. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT, STATE_DIRECTORY } from './checkout.js';
import { SetupFailure } from './failure.js';

const TAIL_LINES = 25;
const KILL_GRACE_MS = 5000;
/** In the words of npm and Node, and of apt. */
const NETWORK_TROUBLE = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|Failed to fetch|Unable to fetch|Temporary failure resolving|Could not connect)\b/;
/** @type {readonly NodeJS.Signals[]} */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * A shell that becomes the tool, after it has started a watcher in the tool's process group: that ends the group when our end of
 * descriptor 3 closes, which it does however we end. Else make would go on building for a set-up that was killed.
 */
const WATCHED = '{ read -r nothing <&3; kill -KILL 0; } >/dev/null 2>&1 & exec 3<&-; exec "$@"';

/**
 * Runs one command in its own process group, so that ending it ends the compilers it started, even when we are killed.
 * @param {object} job what to run
 * @param {string} job.name names the log file
 * @param {readonly string[]} job.command the tool and its arguments
 * @param {number} job.limitSeconds after this it is killed
 * @param {NodeJS.ProcessEnv} [job.environment] added to ours
 * @param {boolean} [job.inherits] false: `environment` in place of ours
 * @param {string} [job.directory] where to run it; the root by default
 * @param {string} [job.networkHint] what to do where the log shows that the network was the trouble
 * @returns {Promise<void>} when it ended well
 * @throws {SetupFailure} STEP_FAILED, STEP_TIMED_OUT, NETWORK
 */
export async function runLogged({ name, command, limitSeconds, environment = {}, inherits = true, directory = ROOT, networkHint = '' }) {
  mkdirSync(STATE_DIRECTORY, { recursive: true });
  const logFile = join(STATE_DIRECTORY, `${name}.log`);
  const log = openSync(logFile, 'w');
  writeSync(log, `$ ${command.join(' ')}\n`);
  const child = spawn('sh', ['-c', WATCHED, 'sh', ...command], { cwd: directory, stdio: ['ignore', log, log, 'pipe'], detached: true, env: inherits ? { ...process.env, ...environment } : environment });
  closeSync(log);

  /** @param {NodeJS.Signals} signal to the whole group */
  const kill = (signal) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The group has ended already.
    }
  };
  /** @type {NodeJS.Signals | undefined} */
  let interruptedBy;
  let timedOut = false;
  /** @param {NodeJS.Signals} signal to stop with */
  const stop = (signal) => {
    kill(signal);
    setTimeout(() => { kill('SIGKILL'); }, KILL_GRACE_MS).unref();
  };
  /** @param {NodeJS.Signals} signal we were sent */
  const interrupt = (signal) => {
    interruptedBy = signal;
    stop('SIGTERM');
  };
  for (const signal of PASSED_ON) process.on(signal, interrupt);
  const timer = setTimeout(() => {
    timedOut = true;
    stop('SIGTERM');
  }, limitSeconds * 1000);

  /** @type {string} */
  const outcome = await new Promise((resolve) => {
    child.on('error', (error) => { resolve(error.message); });
    child.on('exit', (code, signal) => { resolve(code === 0 ? '' : code === null ? `ended by ${String(signal)}` : `exit code ${String(code)}`); });
  });
  clearTimeout(timer);
  child.stdio[3]?.destroy();
  for (const signal of PASSED_ON) process.off(signal, interrupt);

  if (interruptedBy !== undefined) process.exit(128 + constants.signals[interruptedBy]);
  if (outcome === '') return;
  const text = readFileSync(logFile, 'utf8');
  const tail = text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  const network = networkHint === '' ? null : NETWORK_TROUBLE.exec(text);
  if (network !== null) throw new SetupFailure('NETWORK', `\`${command.join(' ')}\` could not reach the network (${network[0]}): ${networkHint}`, tail);
  if (timedOut) throw new SetupFailure('STEP_TIMED_OUT', `\`${command.join(' ')}\` did not end within ${String(limitSeconds)} s; its log is ${logFile}`, tail);
  throw new SetupFailure('STEP_FAILED', `\`${command.join(' ')}\` failed (${outcome}); the whole log is ${logFile}`, tail);
}
