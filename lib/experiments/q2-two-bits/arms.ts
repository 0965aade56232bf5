/** Who decides about a page, and whether KVM knows beforehand: the arms of Q2. */
import type { MeasuredRun, RunOptions } from '../workload/measured-run.js';
import { BY_CLASS } from '../workload/by-class.js';

/** An arm. */
export interface Arm {
  readonly id: 'all-sync' | 'all-async' | 'one-bit' | 'two-bits';
  readonly title: string;
  readonly options: Omit<RunOptions, 'windowPages'>;
  /** Faults that the guest is told of, of `slow` and `quick` pages. */
  readonly told: (slow: number, quick: number) => number;
}

const ONE_BIT = 'async-pf-userfault-2026';

/** See the module's comment. */
export const ARMS: readonly Arm[] = [
  { id: 'all-sync', title: 'every page by a synchronous exit', options: { uapi: ONE_BIT, mode: 'sync-exit' }, told: () => 0 },
  { id: 'all-async', title: 'one bit, every page left to the guest', options: { uapi: ONE_BIT, mode: 'apf-user' }, told: (slow, quick) => slow + quick },
  { id: 'one-bit', title: 'one bit, user space waits for quick pages after the guest was told', options: { uapi: ONE_BIT, mode: 'apf-user', policy: BY_CLASS }, told: (slow, quick) => slow + quick },
  { id: 'two-bits', title: 'two bits, KVM tells the guest of slow pages alone', options: { uapi: 'sync-async-2bit', mode: 'apf-user', policy: BY_CLASS }, told: (slow) => slow },
];

/** What an arm did against what it is to do: null, or what is wrong. Faults that the guest could not be told of make it less, never more. */
export function deviation(arm: Arm, slow: number, quick: number, run: MeasuredRun): string | null {
  const due = arm.told(slow, quick);
  const { refusedAsync } = run.result.vcpus;
  if (run.notPresent > due || run.notPresent < due - refusedAsync) return `the arm "${arm.title}" told the guest of ${run.notPresent} faults where ${due} are due (${refusedAsync} could not be told)`;
  return run.notPresent === run.ready ? null : `the arm "${arm.title}" counts ${run.notPresent} not-present and ${run.ready} ready events`;
}
