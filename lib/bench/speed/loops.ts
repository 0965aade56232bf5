/** The VMM loops that TypeScript and the C reference both run. Each is one run of the same guest by either. */
import type { DeliveryMode } from '../../machine/index.js';

/** Names of the loops, in the order reports show them. */
export const LOOP_NAMES = ['port-out', 'sync-exit', 'apf-user', 'apf-kernel'] as const;
/** A name of {@link LOOP_NAMES}. */
export type LoopName = (typeof LOOP_NAMES)[number];

/** What one run of a loop is. */
export interface Loop {
  readonly name: LoopName;
  /** One sentence for people. */
  readonly summary: string;
  readonly mode: DeliveryMode;
  /** `doorbell`: guest/doorbell, whose entries of the order are `DOORBELL_RINGS` round trips each; else the bench's guest, an entry a fault. */
  readonly guest: 'doorbell' | 'guest';
  readonly faultTasks: number;
  readonly workTasks: number;
}

/** Every loop. One fault task, so that no fault waits for another; work beside it where the guest is told of faults, so that the vCPU has something to run. */
export const LOOPS: Readonly<Record<LoopName, Loop>> = {
  'port-out': { name: 'port-out', summary: 'port-out exit round trip', mode: 'sync-exit', guest: 'doorbell', faultTasks: 1, workTasks: 0 },
  'sync-exit': { name: 'sync-exit', summary: 'sync-exit fault, access to resume', mode: 'sync-exit', guest: 'guest', faultTasks: 1, workTasks: 0 },
  'apf-user': { name: 'apf-user', summary: 'apf-user fault, both events and completion', mode: 'apf-user', guest: 'guest', faultTasks: 1, workTasks: 1 },
  'apf-kernel': { name: 'apf-kernel', summary: 'apf-kernel fault', mode: 'apf-kernel', guest: 'guest', faultTasks: 1, workTasks: 1 },
};
