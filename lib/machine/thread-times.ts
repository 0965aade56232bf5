/**
 * How a vCPU's thread spends its time and what KVM counts of it, as the kernel's scheduler counts it, taken when the guest rings at both ends of a phase: on a CPU, waiting for one, and
 * asleep otherwise. Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { VcpuStatistics } from '../kvm/index.js';
import { nativeAddon } from '../native/index.js';

/** Two for each of the guest's phases. */
const MOST_MOMENTS = 6;
/** Statistics of KVM's that say what a fault costs it, by KVM's names (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD; which there are depends on the kernel). */
export const KVM_COUNTS = ['exits', 'pf_taken', 'insn_emulation', 'irq_injections', 'irq_exits', 'signal_exits', 'halt_exits', 'host_state_reload', 'tlb_flush'] as const;
/** A name of {@link KVM_COUNTS}. */
export type KvmCount = (typeof KVM_COUNTS)[number];
const TIMES = 6;
const NUMBERS = TIMES + KVM_COUNTS.length;
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
  /** What KVM counted of the vCPU; without those that this kernel does not count. */
  readonly kvm: Readonly<Partial<Record<KvmCount, number>>>;
}

/** See the module's comment. One writer. */
export class ThreadTimes {
  private readonly numbers: Float64Array;

  /**
   * @param buffer - made by {@link ThreadTimes.allocate}
   * @param fd - of the writing thread's schedstat file; null: there is none
   * @param statistics - of its vCPU; null: there are none
   */
  constructor(
    buffer: SharedArrayBuffer,
    private readonly fd: number | null = null,
    private readonly statistics: VcpuStatistics | null = null,
  ) {
    this.numbers = new Float64Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer((HEAD + MOST_MOMENTS * NUMBERS) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** For the calling thread. `path` is another file than its schedstat; `statistics` are not closed with it. */
  static ofThisThread(buffer: SharedArrayBuffer, statistics: VcpuStatistics | null, path = SCHEDSTAT): ThreadTimes {
    let fd: number | null = null;
    try {
      fd = openSync(path, 'r');
    } catch {
      // The account says what is missing for it.
    }
    return new ThreadTimes(buffer, fd, statistics);
  }

  /** Notes how it stands now; nothing once all moments are taken. */
  note(inKvmNs: number, waitedNs: number): void {
    const count = this.numbers[0];
    if (count === MOST_MOMENTS) return;
    const { tsc, monotonicNs } = nativeAddon();
    const { onCpuNs, runDelayNs } = this.schedstat();
    const counts = KVM_COUNTS.map((name) => this.statistics?.value(name) ?? NaN);
    this.numbers.set([Number(tsc()), monotonicNs(), onCpuNs, runDelayNs, inKvmNs, waitedNs, ...counts], HEAD + count * NUMBERS);
    this.numbers[0] = count + 1;
  }

  /** What was noted, in order. */
  read(): ThreadTime[] {
    const known = (value: number): number | null => (Number.isNaN(value) ? null : value);
    return Array.from({ length: this.numbers[0] }, (_, at) => {
      const [tscCycles, monotonicNs, onCpuNs, runDelayNs, inKvmNs, waitedNs, ...counts] = this.numbers.subarray(HEAD + at * NUMBERS, HEAD + (at + 1) * NUMBERS);
      const kvm = Object.fromEntries(KVM_COUNTS.map((name, index) => [name, counts[index]] as const).filter(([, value]) => !Number.isNaN(value)));
      return { tscCycles, monotonicNs, onCpuNs: known(onCpuNs), runDelayNs: known(runDelayNs), inKvmNs, waitedNs, kvm };
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
