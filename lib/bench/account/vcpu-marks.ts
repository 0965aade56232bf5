/** Moments of one vCPU, of its guest's tasks, its handlers and its thread, in one order: between two of them lies a stretch of one kind. */
import { EFAULT } from '../../errors/index.js';
import type { GuestNotes, GuestTraceLane } from '../../guest/index.js';
import { StampKind, type StampLog } from '../../native/index.js';

/** What happened. */
export const Mark = {
  /** A work task runs, and has run until then. */
  WORK: 0,
  WORK_END: 1,
  /** A fault task's access, its end, and the page summed. */
  ACCESS: 2,
  ACCESS_END: 3,
  SUMMED: 4,
  /** A handler was entered. */
  NOT_PRESENT: 5,
  READY: 6,
  TICK: 7,
  /** KVM_RUN came back: with EFAULT, or otherwise. */
  FAULT_EXIT: 8,
  EXIT: 9,
  /** The thread begins to wait for a page, at the earliest; it does no more. */
  LOCATED: 10,
  AWAKE: 11,
  /** KVM_RUN is called. */
  ENTER: 12,
} as const;

/** Ascending in time. */
export interface VcpuMarks {
  /** TSC of the guest. */
  readonly at: Float64Array;
  /** One of {@link Mark}. */
  readonly kind: Uint8Array;
}

/**
 * Collects them.
 * @param lanes - of this vCPU's tasks
 * @param shiftCycles - the host's TSC less the guest's
 */
export function vcpuMarks(lanes: readonly GuestTraceLane[], notes: GuestNotes, log: StampLog, shiftCycles: number): VcpuMarks {
  const at: number[] = [];
  const kind: number[] = [];
  const note = (moment: number, what: number): void => {
    at.push(moment);
    kind.push(what);
  };
  for (const lane of lanes) {
    const isWork = lane.kind === 'work';
    for (const { start, end, done } of lane.spans) {
      note(start, isWork ? Mark.WORK : Mark.ACCESS);
      note(end, isWork ? Mark.WORK_END : Mark.ACCESS_END);
      if (!isWork) note(done, Mark.SUMMED);
    }
  }
  for (const moment of notes.notPresent) note(moment, Mark.NOT_PRESENT);
  for (const moment of notes.ready) note(moment, Mark.READY);
  for (const moment of notes.tick) note(moment, Mark.TICK);
  log.tsc.forEach((tsc, index) => {
    const what = hostMark(log.kind[index], log.argument[index]);
    if (what !== null) note(tsc - shiftCycles, what);
  });
  const order = Uint32Array.from(at, (_, index) => index).sort((a, b) => at[a] - at[b] || a - b);
  return { at: Float64Array.from(order, (index) => at[index]), kind: Uint8Array.from(order, (index) => kind[index]) };
}

function hostMark(kind: number, argument: number): number | null {
  switch (kind) {
    case StampKind.RUN_ENTER:
      return Mark.ENTER;
    case StampKind.RUN_LEAVE:
      return argument >>> 16 === EFAULT ? Mark.FAULT_EXIT : Mark.EXIT;
    case StampKind.LOCATED:
      return Mark.LOCATED;
    case StampKind.AWAKE:
      return Mark.AWAKE;
    default:
      return null;
  }
}
