/** One access to a page behind the end of a truncated file, under one report of lost memory, and what everybody saw of it. */
import type { AccessOutcome, LossCounter, LossPanic, LossReport, LossRunEnd, TaskAccessKind, TimelineEntry } from '../../loss/index.js';

/** How a guest comes to touch the page. */
export interface LossCase {
  readonly title: string;
  readonly access: TaskAccessKind;
  /** A task at CPL3; the kernel for a task, guarded by its exception table; the kernel for itself. */
  readonly who: 'task' | 'copy' | 'kernel';
}

/** Every report is tried with these. */
export const LOSS_CASES: readonly LossCase[] = [
  { title: 'task loads', access: 'load', who: 'task' },
  { title: 'task stores', access: 'store', who: 'task' },
  { title: 'kernel copies, guarded', access: 'kernel-read', who: 'copy' },
  { title: 'kernel loads, unguarded', access: 'kernel-load', who: 'kernel' },
];

/** What the page is like once the file is long enough again: the same access by the same guest. */
export type Afterwards = 'works' | 'still lost' | 'nobody there';

/** See the module's comment. */
export interface LossObservation {
  readonly report: Pick<LossReport, 'name' | 'title'>;
  readonly tried: LossCase;
  /** gva of the access. */
  readonly address: number;
  readonly end: LossRunEnd;
  /** What the task has of it. */
  readonly outcome: AccessOutcome;
  readonly panic: LossPanic | null;
  /** Counted by the guest's kernel for this access alone. */
  readonly counters: Readonly<Record<LossCounter, number>>;
  /** MCi_STATUS of its machine check; 0n where there was none. */
  readonly mciStatus: bigint;
  readonly afterwards: Afterwards;
  readonly timeline: readonly TimelineEntry[];
  readonly tscKhz: number;
}
