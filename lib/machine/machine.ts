/**
 * A machine: one tiny guest, its vCPU Workers, its resolver Workers, and the supervisor that starts, watches and ends them. Whatever
 * happens, `run()` settles and `close()` leaves nothing behind: no thread, no mapping, no file descriptor.
 */
import { closeSync } from 'node:fs';
import { FaultLabError, attempt, fromNative } from '../errors/index.js';
import { ReadyQueue } from '../asyncpf/index.js';
import type { GuestNotes, GuestVcpuReport } from '../guest/index.js';
import { Vcpu } from '../kvm/index.js';
import { nativeAddon, readStamps, type StampLog } from '../native/index.js';
import {
  RESOLVER_COUNTERS,
  VCPU_COUNTERS,
  openCounters,
  sumCounters,
  type Counters,
  type ResolverCounter,
  type VcpuCounter,
} from './counters.js';
import { beginWorkers } from './begin-workers.js';
import { settlesWithin, within } from './limited-waits.js';
import { MODES } from './modes.js';
import { checkOptions, type CheckedOptions, type MachineOptions } from './options.js';
import { MachineParts, longestLatencyNs } from './parts.js';
import type { MachineTrace } from './trace/machine-trace.js';
import { ThreadTimes, type ThreadTime } from './thread-times.js';
import { readTraceRecords } from './trace/trace-writer.js';
import type { MachineStartTimes } from './start-times.js';
import { SharedModel } from './uapi/shared-model.js';
import type { SupervisedWorker} from './supervised-worker.js';
import { type ReadyMessage } from './supervised-worker.js';

const START_TIMEOUT_MS = 180_000;
/** After a stop, the guest gets this long (besides the latency) to end by itself. */
const STOP_GRACE_MS = 2_000;
/** A Worker that was told to stop ends within this time, or its thread is terminated. */
const JOIN_TIMEOUT_MS = 2_000;
const WATCH_INTERVAL_MS = 250;

/** Why a run ended. */
export type RunEnd = 'done' | 'stopped' | 'failed';

/** Where one of the machine's threads ran. */
export interface ThreadPlacement {
  /** `vCPU 0`, `resolver 0`. */
  readonly thread: string;
  /** CPUs that the thread may use. */
  readonly cpus: readonly number[];
}

/** What a run left behind. Counters are sums over vCPUs or resolvers. */
export interface MachineResult {
  readonly end: RunEnd;
  /** `native`: by the kernel's own interface; `emulated`: this VMM made it out of others. */
  readonly implementation: 'native' | 'emulated';
  /** Guest kernels' own counters, by vCPU. */
  readonly guest: readonly GuestVcpuReport[];
  readonly vcpus: Counters<VcpuCounter>;
  readonly resolvers: Counters<ResolverCounter>;
  /** Ready events delivered by the VMM, wake-all included; 0 where KVM delivers them. */
  readonly readyDelivered: number;
  /** Ready events dropped because the guest had disabled delivery. */
  readonly readyStale: number;
  /** TSC frequency of the vCPUs, kHz. */
  readonly tscKhz: number;
  /** Checksum lanes by page, as the guest computed them. */
  readonly sums: Int32Array;
  /** First-access latencies by page, TSC cycles; 0 for a page not visited. */
  readonly latencyCycles: BigUint64Array;
  /** What threads and tasks did; null where nothing was recorded. */
  readonly trace: MachineTrace | null;
  /** Pages in the order in which they were asked for; null where that was not recorded. */
  readonly requested: Uint32Array | null;
  readonly placement: readonly ThreadPlacement[];
  /** Null where none were asked for. */
  readonly stamps: MachineStamps | null;
  readonly start: MachineStartTimes;
  /** What each Worker's JavaScript heap took when it had done its job, bytes; of those whose job was done when this was collected. */
  readonly heaps: readonly { readonly thread: string; readonly sizeBytes: number }[];
}

/** When things happened, by thread; see StampKind. */
export interface MachineStamps {
  readonly vcpus: readonly StampLog[];
  readonly resolvers: readonly StampLog[];
  /** The guest's TSC less the host's, by vCPU; null where the kernel does not say. */
  readonly tscOffsets: readonly (number | null)[];
  /** TSC of the guest at the first access, by page; 0 for a page not visited. */
  readonly startCycles: BigUint64Array;
  /** TSC cycles between two readings in a row. */
  readonly floorCycles: number;
  /** When the guest's handlers were entered, by vCPU; null where the guest does not note it. */
  readonly notes: readonly (GuestNotes | null)[];
  /** The guest's TSC at the begin of its three phases, by vCPU; 0 for one that did not take place. */
  readonly phaseStarts: readonly (readonly number[])[];
  /** How each vCPU's thread spent its time, at both ends of each phase. */
  readonly threads: readonly (readonly ThreadTime[])[];
}

/** How far a run is. */
export interface MachineProgress {
  readonly phase: GuestVcpuReport['phase'];
  /** Pages handed to fault tasks so far, at most `pageCount`. */
  readonly pages: number;
  readonly pageCount: number;
  /** Returns of KVM_RUN so far, all vCPUs. */
  readonly exits: number;
}

/** See the module's comment. */
export class Machine {
  private readonly vcpuShares: number[] = [];
  private placement: ThreadPlacement[] = [];
  private tscKhz = 0;
  private readonly tscOffsets: (number | null)[] = [];
  private readonly heaps: { readonly thread: string; readonly sizeBytes: number }[] = [];
  private stopping = false;
  private closed: Promise<void> | null = null;
  private started = false;

  private constructor(
    private readonly options: CheckedOptions,
    private readonly parts: MachineParts,
    private readonly workers: readonly SupervisedWorker[],
    private startTimes: MachineStartTimes,
  ) {
    for (const worker of workers) {
      // A Worker that failed has no size, and says so elsewhere.
      worker.done.then((sizeBytes) => this.heaps.push({ thread: worker.name, sizeBytes }), () => undefined);
    }
  }

  /**
   * Makes a machine and starts its Workers; the guest does not run yet.
   * @throws FaultLabError: `BAD_OPTION`, `GUEST_ELF`, `CAP_MISSING`, `KVM_*`, `UFFD_*`, or what the page source throws when it is opened
   */
  static async create(options: MachineOptions): Promise<Machine> {
    const checked = checkOptions(options);
    const { monotonicNs } = nativeAddon();
    const calledNs = monotonicNs();
    // A thread takes longer to start than all the rest takes to make: both at once.
    const workers: SupervisedWorker[] = [];
    let workersNs: number;
    let parts: MachineParts;
    try {
      attempt('start the Workers of a machine', () => {
        beginWorkers(checked, workers);
      });
      workersNs = monotonicNs();
      parts = attempt('make a machine', () => new MachineParts(checked));
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
    const machine = new Machine(checked, parts, workers, { calledNs, workersNs, partsNs: monotonicNs(), workers: [], goNs: 0 });
    try {
      await machine.orderWorkers();
      return machine;
    } catch (error) {
      await machine.close();
      throw fromNative(error, 'start the Workers of a machine');
    }
  }

  /**
   * How far the run is; cheap.
   * @throws FaultLabError `MACHINE_CLOSED`
   */
  progress(): MachineProgress {
    this.refuseClosed();
    const pageCount = this.options.order.length;
    const counters = Array.from({ length: this.options.vcpus }, (_, index) => openCounters(VCPU_COUNTERS, this.parts.plan.vcpuCounters, index));
    return { phase: this.parts.mailbox.vcpu(0).phase, pages: Math.min(this.parts.mailbox.cursor, pageCount), pageCount, exits: sumCounters(VCPU_COUNTERS, counters).exits };
  }

  /**
   * Runs the guest to its end, or until {@link stop}. Once.
   * @throws FaultLabError: `GUEST_PANIC`, `UNHANDLED_EXIT`, `FAULT_UNEXPLAINED`, `MEMORY_POISONED`, `HANDLER_FAILED`, `RESOLVER_FAILED`, `IMAGE_*`, `WORKER_DIED`,
   * `MACHINE_STALLED`, `MACHINE_USED` the second time, `MACHINE_CLOSED` when {@link close} came before the end
   */
  async run(): Promise<MachineResult> {
    this.refuseClosed();
    if (this.started) throw new FaultLabError('MACHINE_USED', 'this machine has run already: its guest cannot start again');
    this.started = true;
    const vcpus = this.workers.slice(0, this.options.vcpus);
    const resolvers = this.workers.slice(this.options.vcpus);
    this.startTimes = { ...this.startTimes, goNs: nativeAddon().monotonicNs() };
    this.parts.control.go();
    const watch = new AbortController();
    try {
      await Promise.race([
        Promise.all(vcpus.map((worker) => worker.done)),
        // A resolver ends only when it is told to: if one ends before, its error (or this) is the reason.
        ...resolvers.map(async (worker) => {
          await worker.done;
          if (!this.parts.control.stopped) throw new FaultLabError('WORKER_DIED', `${worker.name} ended before the guest was done`);
          await new Promise(() => undefined);
        }),
        this.watchForStall(watch.signal),
      ]);
      return await this.collect(this.stopping ? 'stopped' : 'done');
    } finally {
      watch.abort();
      await this.join();
    }
  }

  /**
   * What a run that failed left behind, once {@link run} has said so: `end` is `failed`, counts are as they stood, and pages that the guest had not summed are 0.
   * @throws FaultLabError `MACHINE_CLOSED`
   */
  async leftBehind(): Promise<MachineResult> {
    return await this.collect('failed');
  }

  /**
   * Asks the guest to end at its next tick; `run()` then settles with what there is. Ends it by force if it does not.
   * @param graceMs - how long the guest may take; time for the longest latency too, where left out
   */
  stop(graceMs = STOP_GRACE_MS + longestLatencyNs(this.options) / 1e6): void {
    // Whoever stops a machine need not know that it is gone already.
    if (this.stopping || this.closed !== null) return;
    this.stopping = true;
    this.parts.mailbox.requestStop();
    setTimeout(() => {
      this.halt();
    }, graceMs).unref();
  }

  /** Ends what still runs and releases everything. Idempotent; never throws for a run that failed. */
  async close(): Promise<void> {
    this.closed ??= this.join().then(async () => {
      try {
        await this.closeStatistics();
      } finally {
        this.parts.close();
      }
    });
    await this.closed;
  }

  /** Memory that the threads share as words, bytes: what they tell each other, and the bits of the pages. */
  get sharedWordsBytes(): number {
    return this.parts.sharedWordsBytes;
  }

  /** The Workers' threads, by name: for supervision from outside (and for tests of what happens when one dies). */
  get workerNames(): readonly string[] {
    return this.workers.map((worker) => worker.name);
  }

  /** Terminates one Worker's thread as a crash would. The run fails with `WORKER_DIED`. */
  async terminateWorker(name: string): Promise<void> {
    await this.workers.find((worker) => worker.name === name)?.terminate();
  }

  /** How the machine's mode comes about on this kernel. */
  private get implementation(): MachineResult['implementation'] {
    const { model } = this.parts.plan;
    if (model === null) return MODES[this.options.mode].on.stock;
    return model.native ? 'native' : 'emulated';
  }

  private async orderWorkers(): Promise<void> {
    const { plan, vcpuPlans, resolverPlans } = this.parts;
    [...vcpuPlans, ...resolverPlans].forEach((own, at) => {
      this.workers[at].order({ ...plan, ...own });
    });
    const ready = await within(START_TIMEOUT_MS, 'START_TIMEOUT', 'the Workers to be ready', Promise.all(this.workers.map((worker) => worker.ready)));
    for (const message of ready) this.note(message);
    this.placement = ready.map(({ cpus }, at) => ({ thread: this.workers[at].name, cpus }));
    this.startTimes = { ...this.startTimes, workers: ready.map(({ start }, at) => ({ thread: this.workers[at].name, ...start })) };
  }

  private refuseClosed(): void {
    if (this.closed !== null) throw new FaultLabError('MACHINE_CLOSED', 'this machine is closed: it has no memory to look at any more');
  }

  /** Every Worker is gone: whether it was ever ready is settled. */
  private async closeStatistics(): Promise<void> {
    for (const { ready } of this.workers) {
      const fd = await ready.then(({ statisticsFd }) => statisticsFd, () => undefined);
      if (fd !== undefined) closeSync(fd);
    }
  }

  private note(message: ReadyMessage): void {
    if (message.vcpu !== undefined) this.vcpuShares.push(message.vcpu);
    if (message.tscKhz !== undefined) this.tscKhz = message.tscKhz;
    if (message.tscOffset !== undefined) this.tscOffsets.push(message.tscOffset);
  }

  /** Makes every vCPU and resolver look at the stop flag, which ends them. */
  private halt(): void {
    if (this.closed !== null) return;
    this.parts.control.stop();
    for (const share of this.vcpuShares) Vcpu.kick(share);
    this.parts.wakeResolvers();
  }

  /** Ends all Workers, the gentle way first. */
  private async join(): Promise<void> {
    const gone = Promise.all(this.workers.map((worker) => worker.gone));
    this.halt();
    await Promise.all(this.workers.filter(({ ordered }) => !ordered).map((worker) => worker.terminate()));
    if (await settlesWithin(JOIN_TIMEOUT_MS, gone)) return;
    this.parts.releaseSleepers();
    if (await settlesWithin(JOIN_TIMEOUT_MS, gone)) return;
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  /** Rejects when nothing moves any more. */
  private async watchForStall(signal: AbortSignal): Promise<never> {
    const { monotonicNs } = nativeAddon();
    const patienceNs = this.options.stallNs + 3 * longestLatencyNs(this.options);
    let last = '';
    let sinceNs = monotonicNs();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS).unref());
      if (signal.aborted || this.closed !== null) return new Promise(() => undefined);
      const now = this.signOfLife();
      if (now !== last) {
        last = now;
        sinceNs = monotonicNs();
      } else if (monotonicNs() - sinceNs > patienceNs) {
        throw new FaultLabError('MACHINE_STALLED', `no page and no phase moved on for ${Math.round(patienceNs / 1e9)} s: ${this.describeState()}`);
      }
    }
  }

  /** Changes whenever the run advances. Ticks count only in phases that end by ticks: a guest that merely ticks while it pages is stuck. */
  private signOfLife(): string {
    const guests = Array.from({ length: this.options.vcpus }, (_, index) => this.parts.mailbox.vcpu(index));
    const signs = guests.map((guest) => [guest.phase, guest.pages, guest.phase === 'paging' ? 0 : guest.ticks].join('/'));
    // A page that arrived counts too: a guest of somebody else's may keep no counts in the mailbox.
    const { pages } = sumCounters(RESOLVER_COUNTERS, this.resolverCounters());
    return [this.parts.mailbox.cursor, pages, ...signs].join(' ');
  }

  private describeState(): string {
    const resolvers = sumCounters(RESOLVER_COUNTERS, this.resolverCounters());
    const phases = Array.from({ length: this.options.vcpus }, (_, index) => `vCPU ${index} ${this.parts.mailbox.vcpu(index).phase}`);
    const { pages, pageCount } = this.progress();
    return `${phases.join(', ')}; ${pages} of ${pageCount} pages handed out, ${resolvers.faults} asked for, ${resolvers.pages} delivered`;
  }

  private resolverCounters(): Counters<ResolverCounter>[] {
    return this.parts.resolverPlans.map(({ index }) => openCounters(RESOLVER_COUNTERS, this.parts.plan.resolverCounters, index));
  }

  private async collect(end: RunEnd): Promise<MachineResult> {
    await this.join();
    this.refuseClosed();
    const { plan, mailbox } = this.parts;
    const vcpus = Array.from({ length: this.options.vcpus }, (_, index) => index);
    const shared = plan.model === null ? null : new SharedModel(plan.model);
    const queues = vcpus.map((index) => {
      if (shared !== null) return { delivered: shared.delivered(index), stale: shared.stale(index) };
      return new ReadyQueue(plan.readyQueues, index);
    });
    return {
      end,
      implementation: this.implementation,
      guest: vcpus.map((index) => mailbox.vcpu(index)),
      vcpus: sumCounters(
        VCPU_COUNTERS,
        vcpus.map((index) => openCounters(VCPU_COUNTERS, plan.vcpuCounters, index)),
      ),
      resolvers: sumCounters(RESOLVER_COUNTERS, this.resolverCounters()),
      readyDelivered: queues.reduce((total, queue) => total + queue.delivered, 0),
      readyStale: queues.reduce((total, queue) => total + queue.stale, 0),
      tscKhz: this.tscKhz,
      sums: mailbox.sums().slice(),
      latencyCycles: mailbox.latencyCycles().slice(),
      trace:
        plan.traces === null
          ? null
          : { vcpus: plan.traces.vcpus.map(readTraceRecords), resolvers: plan.traces.resolvers.map(readTraceRecords), tasks: mailbox.traceLanes() },
      requested: this.parts.requestLog?.pages() ?? null,
      placement: this.placement,
      stamps: this.options.stamps ? this.collectStamps() : null,
      start: this.startTimes,
      heaps: this.heaps,
    };
  }

  private collectStamps(): MachineStamps {
    const { vcpuStamps, resolverStamps, mailbox } = this.parts;
    return {
      vcpus: vcpuStamps.map(readStamps),
      resolvers: resolverStamps.map(readStamps),
      tscOffsets: this.tscOffsets,
      startCycles: mailbox.startCycles().slice(),
      floorCycles: nativeAddon().timerFloor(),
      notes: vcpuStamps.map((_, index) => mailbox.notes(index)),
      phaseStarts: vcpuStamps.map((_, index) => mailbox.phaseStarts(index)),
      threads: (this.parts.plan.threadTimes ?? []).map((buffer) => new ThreadTimes(buffer).read()),
    };
  }
}
