/** Three ways through one fault under the 2026 design, and what a run of each must have counted. */
import { builtInPolicy } from '../../faults/index.js';
import type { RunOptions } from '../workload/measured-run.js';
import type { MeasuredRun } from '../workload/measured-run.js';

/** An arm. */
export interface Arm {
  readonly id: 'sync' | 'spurious' | 'async';
  readonly title: string;
  /** The same for the legend of a plot. */
  readonly short: string;
  readonly options: Omit<RunOptions, 'windowPages'>;
  /** Pairs of events per page that the guest must have counted. */
  readonly pairsPerPage: 0 | 1;
}

const UAPI = 'async-pf-userfault-2026';

/** See the module's comment. */
export const ARMS: readonly Arm[] = [
  { id: 'sync', title: 'synchronous exit: the guest is not told, the vCPU waits', short: 'the guest is not told, the vCPU waits', options: { uapi: UAPI, mode: 'sync-exit' }, pairsPerPage: 0 },
  {
    id: 'spurious',
    title: 'spurious pair: the guest is told, then the vCPU waits until the page is there',
    short: 'the guest is told, and the vCPU waits all the same',
    options: { uapi: UAPI, mode: 'apf-user', policy: builtInPolicy({ name: 'always-sync' }) },
    pairsPerPage: 1,
  },
  { id: 'async', title: 'asynchronous: the guest is told and goes on', short: 'the guest is told, and goes on', options: { uapi: UAPI, mode: 'apf-user' }, pairsPerPage: 1 },
];

/** Pairs for nothing that the guest took: both counts must agree with the host's. */
export function spuriousPairs(run: MeasuredRun): { readonly host: number; readonly guestNotPresent: number; readonly guestReady: number } {
  return { host: run.result.vcpus.spuriousPairs, guestNotPresent: run.notPresent, guestReady: run.ready };
}
