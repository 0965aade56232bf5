/** Everything that was recorded of a run: what host threads did, and when the guest's tasks ran. */
import type { GuestTraceLane } from '../../guest/index.js';
import type { TraceRecords } from './trace-writer.js';

/** What to record; memory for it is made beforehand. */
export interface TraceOptions {
  /** Most records of each vCPU's and each resolver's thread. */
  readonly records: number;
  /** Most spans of each task of the guest. */
  readonly spans: number;
  /** A work task that did not run for longer than this has been away, TSC cycles. */
  readonly gapCycles: number;
}

/** A trace of usual size: 2 MiB a thread, 128 KiB a task. */
export const TRACE_DEFAULTS: TraceOptions = { records: 65_536, spans: 4096, gapCycles: 50_000 };

/** See the module's comment. */
export interface MachineTrace {
  readonly vcpus: readonly TraceRecords[];
  readonly resolvers: readonly TraceRecords[];
  readonly tasks: readonly GuestTraceLane[];
}
