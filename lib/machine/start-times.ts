/** When the parts of a machine's start were done, on one clock for all threads: where the time to the first KVM_RUN goes. */
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { nativeAddon } from '../native/index.js';

/** One Worker's part. All are CLOCK_MONOTONIC, ns. */
export interface WorkerStartTimes {
  /** Node's own part of the thread was done. */
  readonly bootedNs: number;
  /** Its modules were loaded, and it could have read its orders. */
  readonly loadedNs: number;
  /** It had its orders, and began to open what they name. */
  readonly orderedNs: number;
  /** It was ready to run. */
  readonly readyNs: number;
}

/** A machine's start. All are CLOCK_MONOTONIC, ns. */
export interface MachineStartTimes {
  /** `Machine.create` was called. */
  readonly calledNs: number;
  /** The Workers' threads were made, and begin. */
  readonly workersNs: number;
  /** The VM, its memory and everything else that is no thread was made. */
  readonly partsNs: number;
  /** By thread's name, in the order of {@link ThreadPlacement}. */
  readonly workers: readonly (WorkerStartTimes & { readonly thread: string })[];
  /** The guest was let go. */
  readonly goNs: number;
}

/** When Node's own part of this thread was done: CLOCK_MONOTONIC, ns. */
export function bootedNs(): number {
  return nativeAddon().monotonicNs() - (performance.now() - performance.nodeTiming.bootstrapComplete) * 1e6;
}

/** What this thread's JavaScript heap has from the kernel, bytes, for compiled code included; what V8 has from malloc is not in it. */
export function heapSizeBytes(): number {
  return getHeapStatistics().total_physical_size;
}
