/** Runs a tool of the lab's preparation to its end. */
import { spawnSync } from 'node:child_process';
import { SetupFailure } from '../setup/failure.js';

/**
 * @param {readonly string[]} command the program and its arguments
 * @param {object} how
 * @param {string} how.purpose what it is for, for the message: "unpacking the kernel"
 * @param {number} how.limitSeconds after this it is killed
 * @param {string} [how.directory] where
 * @returns {string} its standard output
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED, STEP_TIMED_OUT
 */
export function runTool([program = '', ...args], { purpose, limitSeconds, directory }) {
  const { status, error, signal, stdout, stderr } = spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: limitSeconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') throw new SetupFailure('TOOL_MISSING', `${purpose} needs ${program}, which is not in PATH`);
  if (error !== undefined && 'code' in error && error.code === 'ETIMEDOUT') {
    throw new SetupFailure('STEP_TIMED_OUT', `${purpose}: ${program} did not end within ${String(limitSeconds)} s`, stderr.trim());
  }
  if (status !== 0) throw new SetupFailure('STEP_FAILED', `${purpose}: ${program} failed (${signal ?? `exit code ${String(status)}`})`, stderr.trim());
  return stdout;
}
