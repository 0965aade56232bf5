/** Runs the command line in a process of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { patience } from '../support/slowness.js';

/** Program that runs one command line. */
export const CLI = fileURLToPath(new URL('./children/cli.js', import.meta.url));
/** What a command may take. */
export const TIMEOUT_MS = patience(60_000);

/** How a command ended, and what it said. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line to its end. */
export function cli(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: TIMEOUT_MS, env });
  return { code: status, stdout, stderr };
}
