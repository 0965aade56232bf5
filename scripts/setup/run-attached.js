/** Runs a program on this terminal, with an end to the waiting. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ROOT } from './checkout.js';

/**
 * @param {readonly string[]} command the program and its arguments
 * @param {object} options how
 * @param {number} options.limitSeconds after this it is killed
 * @param {NodeJS.ProcessEnv} [options.environment] in place of ours
 * @param {string} [options.directory] where; the root by default
 * @returns {Promise<number>} its exit code as a shell has it: 128 + n when signal n ended it, 127 when it did not start
 */
export function runAttached([program = '', ...args], { limitSeconds, environment = process.env, directory = ROOT }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: directory, env: environment, stdio: 'inherit', timeout: limitSeconds * 1000, killSignal: 'SIGKILL' });
    // The terminal sends Ctrl-C to the child too: we only have to outlive it. SIGTERM is sent to us alone.
    const ignore = () => undefined;
    const pass = () => child.kill('SIGTERM');
    process.on('SIGINT', ignore);
    process.on('SIGTERM', pass);
    const finish = (/** @type {number} */ code) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', pass);
      resolve(code);
    };
    child.on('error', (error) => {
      process.stderr.write(`${program}: ${error.message}\n`);
      finish(127);
    });
    child.on('exit', (code, signal) => { finish(signal === null ? (code ?? 1) : 128 + constants.signals[signal]); });
  });
}
