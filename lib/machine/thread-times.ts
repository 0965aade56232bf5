/**
 * How a vCPU's thread spends its time, as the kernel's scheduler counts it, taken when the guest rings at both ends of a phase: on a CPU, waiting for one, and
 * asleep otherwise. Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { nativeAddon } from '../native/index.js';

/** Two for each of the guest's phases. */
const MOST_MOMENTS = 6;
const NUMBERS = 6;
const HEAD = 1;
const SCHEDSTAT = '/proc/thread-self/schedstat';
/** Three numbers of at most 20 digits. */
const SCHEDSTAT_BYTES = 64;

/** One moment of one thread. All but `tscCycles` count up from when the thread began. */
export interface ThreadTime {
  /** The host's TSC. */
  readonly tscCycles: number;
  readonly monotonicNs: number;
  /** On a CPU, ns; null where the kernel does not say (no CONFIG_SCHED_INFO, no /proc). */
  readonly onCpuNs: number | null;
  /** Runnable, but another thread had the CPU, ns; null as `onCpuNs`. */
  readonly runDelayNs: number | null;
  /** Inside KVM_RUN, ns. */
  readonly inKvmNs: number;
  /** Asleep for pages outside KVM_RUN, ns. */
  readonly waitedNs: number;
}

/** See the module's comment. One writer. */
export class ThreadTimes {
  private readonly numbers: Float64Array;

  /**
   * @param buffer - made by {@link ThreadTimes.allocate}
   * @param fd - of the writing thread's schedstat file; null: there is none
   */
  constructor(
    buffer: SharedArrayBuffer,
    private readonly fd: number | null = null,
  ) {
    this.numbers = new Float64Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer((HEAD + MOST_MOMENTS * NUMBERS) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** For the calling thread. `path` is another file than its schedstat. */
  static ofThisThread(buffer: SharedArrayBuffer, path = SCHEDSTAT): ThreadTimes {
    let fd: number | null = null;
    try {
      fd = openSync(path, 'r');
    } catch {
      // The account says what is missing for it.
    }
    return new ThreadTimes(buffer, fd);
  }

  /** Notes how it stands now; nothing once all moments are taken. */
  note(inKvmNs: number, waitedNs: number): void {
    const count = this.numbers[0];
    if (count === MOST_MOMENTS) return;
    const { tsc, monotonicNs } = nativeAddon();
    const { onCpuNs, runDelayNs } = this.schedstat();
    this.numbers.set([Number(tsc()), monotonicNs(), onCpuNs, runDelayNs, inKvmNs, waitedNs], HEAD + count * NUMBERS);
    this.numbers[0] = count + 1;
  }

  /** What was noted, in order. */
  read(): ThreadTime[] {
    const known = (value: number): number | null => (Number.isNaN(value) ? null : value);
    return Array.from({ length: this.numbers[0] }, (_, at) => {
      const [tscCycles, monotonicNs, onCpuNs, runDelayNs, inKvmNs, waitedNs] = this.numbers.subarray(HEAD + at * NUMBERS);
      return { tscCycles, monotonicNs, onCpuNs: known(onCpuNs), runDelayNs: known(runDelayNs), inKvmNs, waitedNs };
    });
  }

  /** For the writer. */
  close(): void {
    if (this.fd !== null) closeSync(this.fd);
  }

  private schedstat(): { onCpuNs: number; runDelayNs: number } {
    const none = { onCpuNs: NaN, runDelayNs: NaN };
    if (this.fd === null) return none;
    const bytes = new Uint8Array(SCHEDSTAT_BYTES);
    try {
      const length = readSync(this.fd, bytes, 0, bytes.length, 0);
      const [onCpuNs, runDelayNs] = Buffer.from(bytes.subarray(0, length)).toString('latin1').split(' ').map(Number);
      return onCpuNs > 0 ? { onCpuNs, runDelayNs } : none;
    } catch {
      return none;
    }
  }
}
