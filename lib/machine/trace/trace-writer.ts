/**
 * Recording of what the threads of a machine do: a block of shared memory for each writer, made before the run, so that a record costs a clock reading
 * and four stores and no allocation. The first records are kept; those for which there is no room are counted.
 */
import { nativeAddon } from '../../native/index.js';

/** What happened. `a` and `b` of a record by kind. */
export const TraceKind = {
  /** A vCPU's thread enters KVM_RUN. */
  ENTER: 1,
  /** It came back; a: result, b: exit reason. */
  LEAVE: 2,
  /** It waits for a page outside KVM_RUN; a: page. */
  WAIT: 3,
  /** The wait is over; a: page. */
  WAKE: 4,
  /** A fault was left to the guest; a: page. */
  TOLD: 5,
  /** A resolver learned of a fault; a: page, b: index of the vCPU whose thread sleeps for it in the kernel, -1 where none does or it is not known. */
  ASKED: 6,
  /** A resolver begins to fill pages; a: the first, b: how many. */
  FILL: 7,
  /** They are in place; as FILL. */
  FILLED: 8,
} as const;

/** Numbers of the head: how many records there are, how many found no room. */
const COUNT = 0;
const LOST = 1;
const HEAD = 4;
/** Numbers of a record: time, kind, a, b. */
const RECORD = 4;

/** What one writer recorded. */
export interface TraceRecords {
  /** Four numbers a record: CLOCK_MONOTONIC in ns, kind ({@link TraceKind}), a, b. In the order in which they were made. */
  readonly numbers: Float64Array;
  /** Records for which there was no room. */
  readonly lost: number;
}

/** See the module's comment. One writer a block. */
export class TraceWriter {
  private readonly numbers: Float64Array;
  private readonly end: number;
  private readonly addon = nativeAddon();
  private next = HEAD;

  /** @param buffer - made by {@link TraceWriter.allocate} */
  constructor(buffer: SharedArrayBuffer) {
    this.numbers = new Float64Array(buffer);
    this.end = this.numbers.length;
  }

  static allocate(records: number): SharedArrayBuffer {
    return new SharedArrayBuffer((HEAD + records * RECORD) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** Notes that something happens now. */
  note(kind: number, a: number, b: number): void {
    const { numbers, next } = this;
    if (next === this.end) {
      numbers[LOST]++;
      return;
    }
    this.addon.noteMonotonicNs(numbers, next);
    numbers[next + 1] = kind;
    numbers[next + 2] = a;
    numbers[next + 3] = b;
    this.next = next + RECORD;
    numbers[COUNT]++;
  }
}

/** What a writer left in its block, once it is gone. */
export function readTraceRecords(buffer: SharedArrayBuffer): TraceRecords {
  const numbers = new Float64Array(buffer);
  return { numbers: numbers.slice(HEAD, HEAD + numbers[COUNT] * RECORD), lost: numbers[LOST] };
}

/** Numbers of one record of {@link TraceRecords.numbers}. */
export const TRACE_RECORD_NUMBERS = RECORD;
