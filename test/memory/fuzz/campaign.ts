/** A fuzz in a process of its own, so that a hang or a crash is a finding too; and what makes a finding useful: a short run that fails again. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { patience } from '../../support/slowness.js';
import type { FuzzPlan, FuzzResult } from './run.js';
import { shrink, type Range } from './shrink.js';

const RUN = fileURLToPath(new URL('./run.js', import.meta.url));
/** Limits: for starting and ending, and for an operation with what the checkers do meanwhile. */
const BASE_MS = 60_000;
const OPERATION_MS = 20;

/** What became of a child: a result, or how it ended without one. */
export type Outcome = FuzzResult | { readonly failure: { readonly at: number; readonly what: string } };

/** Runs a plan. Rejects only where the process cannot be started. */
export function runPlan(plan: FuzzPlan): Promise<Outcome> {
  const limitMs = patience(BASE_MS + (plan.to - plan.from) * OPERATION_MS);
  const child = spawn(process.execPath, ['--expose-gc', RUN, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) {
        resolve(JSON.parse(stdout) as FuzzResult);
        return;
      }
      const what = isLate ? `it did not end within ${limitMs / 1000} s` : `it ended with code ${code}, signal ${signal}`;
      resolve({ failure: { at: plan.to - 1, what: `${what}; ${stdout}${stderr}` } });
    });
  });
}

/** What was found, and the shortest run that was seen to find it again. */
export interface Finding extends Range {
  readonly what: string;
  readonly at: number;
}

/** Runs a plan, and a failure again and again. Null where nothing was found. */
export async function campaign(plan: FuzzPlan): Promise<{ readonly outcome: Outcome; readonly finding: Finding | null }> {
  const outcome = await runPlan(plan);
  if (outcome.failure === null) return { outcome, finding: null };
  const { at, what } = outcome.failure;
  const range = await shrink(plan, at, async (part) => (await runPlan({ ...plan, ...part })).failure !== null);
  return { outcome, finding: { what, at, ...range } };
}

/** One line, with the command that does it again. */
export function describeFinding(seed: number, { what, at, from, to }: Finding): string {
  return `seed ${seed}, operation ${at}: ${what}\nAgain: npm run fuzz:dax -- ${to - from} ${seed} ${from}`;
}
