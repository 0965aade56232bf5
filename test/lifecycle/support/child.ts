/** Runs a script in a process of its own, so that what kills it does not kill the tests. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { patience } from '../../support/slowness.js';

/** How a child ended. Exactly one of `code` and `signal` is not null. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest life of a child. Far beyond what any needs: it is there so that a hang is a failure with a name. */
const LIMIT_MS = patience(20_000);

/** Runs test/lifecycle/children/`script`.js to its end. Rejects, and kills it, when it has not ended after 20 s (of a host that is not slow). */
export function runChild(script: string, args: readonly string[] = [], nodeFlags: readonly string[] = []): Promise<Ended> {
  const path = fileURLToPath(new URL(`../children/${script}.js`, import.meta.url));
  const child = spawn(process.execPath, [...nodeFlags, path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`waited ${LIMIT_MS / 1000} s for ${script} ${args.join(' ')} to end; it printed: ${stdout}${stderr}`));
    }, LIMIT_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** What assertions print of a child that ended otherwise than it should. */
export function describeEnd({ code, signal, stdout, stderr }: Ended): string {
  return `ended with code ${code}, signal ${signal}; stdout: ${stdout}; stderr: ${stderr}`;
}
