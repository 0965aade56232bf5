/**
 * The Worker of one vCPU: creates it, runs it, plays the VMM for its exits, until the guest is done or the machine stops. Everything in
 * the loop is synchronous: one ioctl an exit, no allocation, no hop to another thread unless a page must be waited for.
 */
import { parentPort } from 'node:worker_threads';
import { ReadyQueue } from '../asyncpf/index.js';
import { EAGAIN, EFAULT, EHWPOISON, EINTR, FaultLabError, errnoName, isCoded } from '../errors/index.js';
import { PageLatency, PageStates, RequestRing, loadFaultPolicy, type FaultPolicy } from '../faults/index.js';
import { DOORBELL_DONE, DOORBELL_PANIC, DOORBELL_PHASE, DOORBELL_PORT, WINDOW_BASE, bootVcpu, guestPanic } from '../guest/index.js';
import { VcpuStatistics, Vm, type Vcpu } from '../kvm/index.js';
import { InterceptedPages, PagedWindow, SystemRam } from '../memory/index.js';
import { keepStamps, nativeAddon } from '../native/index.js';
import {
  KVM_EXIT_IO,
  KVM_EXIT_IO_OUT,
  KVM_EXIT_MMIO,
  KVM_EXIT_X86_RDMSR,
  KVM_EXIT_X86_WRMSR,
  KVM_SYNC_X86_EVENTS,
  KVM_SYNC_X86_REGS,
  KVM_SYNC_X86_SREGS,
} from '../uapi/index.js';
import { ControlBlock } from './control-block.js';
import { VCPU_COUNTERS, openCounters, type Counters, type VcpuCounter } from './counters.js';
import { EmulatedAsyncPf, MsiReadyDelivery } from './emulated-async-pf.js';
import { ExitFaults } from './exit-faults.js';
import { FaultDecisions } from './fault-decisions.js';
import { MachineReader } from './guest-reader.js';
import { GO_TIMEOUT_MS } from './limits.js';
import { loadMemoryFailureHandler, type MemoryFailureHandler } from './memory-failure-handler.js';
import { MemoryFailures } from './memory-failures.js';
import { MODES } from './modes.js';
import { PageRequests } from './page-requests.js';
import type { VcpuPlan, WorkerMessage } from './plan.js';
import { serializeError } from './serialized-error.js';
import { bootedNs, heapSizeBytes } from './start-times.js';
import { receiveOrders } from './worker-orders.js';
import { EmulatedVcpuEnd } from './uapi/emulated-vcpu-end.js';
import { NativeVcpuEnd } from './uapi/native-vcpu-end.js';
import { SharedModel } from './uapi/shared-model.js';
import { UapiFaults } from './uapi/uapi-faults.js';
import { ThreadTimes } from './thread-times.js';
import { TraceKind, TraceWriter } from './trace/trace-writer.js';
import type { VcpuUapi } from './uapi/uapi-end.js';

/** What an exit came to. */
type Step = 'continue' | 'done';

/** See the module's comment. */
class VcpuRunner {
  private readonly vm: Vm;
  private readonly ram: SystemRam;
  private readonly window: PagedWindow;
  private readonly bitmapMapping;
  private readonly vcpu: Vcpu;
  private readonly control: ControlBlock;
  private readonly counters: Counters<VcpuCounter>;
  /** Where the VMM plays the host's end of the async page fault protocol itself. */
  private readonly protocol: Pick<EmulatedAsyncPf, 'writeMsr' | 'readMsr' | 'poll'> | null;
  /** Where a proposal's interface is in use. */
  private readonly uapi: VcpuUapi | null = null;
  private readonly faults: ExitFaults | null;
  private readonly requests: PageRequests;
  private readonly memoryFailures: MemoryFailures;
  /** Null where nothing is recorded. */
  private readonly trace: TraceWriter | null;
  private readonly times: ThreadTimes | null;
  private readonly statistics: VcpuStatistics | null;

  constructor(
    private readonly plan: VcpuPlan,
    handler: MemoryFailureHandler,
    policy: FaultPolicy,
  ) {
    const addon = nativeAddon();
    this.vm = Vm.adopt(plan.vm);
    this.ram = SystemRam.adopt(plan.lowRam);
    this.window = PagedWindow.adopt(plan.window);
    this.bitmapMapping = addon.Mapping.adopt(plan.bitmap);
    this.control = new ControlBlock(plan.control);
    this.counters = openCounters(VCPU_COUNTERS, plan.vcpuCounters, plan.index);
    this.vcpu = this.vm.createVcpu(plan.index);
    this.vcpu.setSliceNs(plan.sliceNs);
    this.vcpu.setCpuid(plan.cpuid);
    bootVcpu(this.vcpu, plan.boot);

    const mode = MODES[plan.mode];
    // KVM serves the MSRs of features that CPUID does not show unless it is told: a guest that does not look would get async page
    // faults from the kernel in a mode that has none.
    if (!mode.asyncPf && this.vm.checkExtension('ENFORCE_PV_FEATURE_CPUID') > 0) this.vcpu.enableCap('ENFORCE_PV_FEATURE_CPUID', 0, [1n]);
    const states = new PageStates(plan.states);
    const ready = new ReadyQueue(plan.readyQueues, plan.index);
    const bitmap = new InterceptedPages(this.bitmapMapping.view(), this.window.pageCount, plan.bitsPerPage);
    const rings = plan.rings.map((ring) => new RequestRing(ring));
    this.trace = plan.traces === null ? null : new TraceWriter(plan.traces.vcpus[plan.index]);
    const requests = (this.requests = new PageRequests(states, rings, this.counters, () => this.control.stopped, this.trace));
    const decisions = new FaultDecisions(policy, new PageLatency(plan.latencyNs, plan.quick, plan.latencyModel), states, plan.index);
    const shared = plan.model === null ? null : new SharedModel(plan.model);
    const own =
      mode.vmmInjects && shared === null
        ? new EmulatedAsyncPf(plan.index, this.vcpu, this.ram, ready, new MsiReadyDelivery(this.vm, this.ram, ready, plan.index), states)
        : null;
    let faults: UapiFaults | null = null;
    let end: EmulatedVcpuEnd | null = null;
    if (shared !== null) {
      shared.setVcpuShare(plan.index, this.vcpu.share());
      if (!shared.plan.native) {
        const bell = rings[plan.index % rings.length];
        end = new EmulatedVcpuEnd(shared, plan.index, this.vcpu, this.vm, this.ram, bitmap, () => {
          bell.ring();
        });
      }
      const uapi = end ?? NativeVcpuEnd.open(shared.plan, this.vcpu, mode.asyncPf ? plan.capabilities : null);
      this.uapi = uapi;
      faults = new UapiFaults(plan.index, uapi, requests, decisions, this.counters, shared, bitmap, mode.asyncPf, shared.plan.rings);
    }
    this.protocol = mode.vmmInjects ? (end ?? own) : null;
    const target = { window: this.window, base: WINDOW_BASE, bitmap, states };
    this.memoryFailures = new MemoryFailures(plan.index, this.vcpu, plan.memory, target, handler, this.counters, () => this.control.stopped);
    this.faults = null;
    if (mode.catches === 'exit') {
      this.vcpu.syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
      this.faults = new ExitFaults(
        this.vcpu,
        new MachineReader(this.ram, this.window, WINDOW_BASE, bitmap),
        this.window,
        bitmap,
        requests,
        this.counters,
        own,
        faults,
        decisions,
      );
    }
    this.control.vcpuThreads[plan.index] = this.vcpu.threadId;
    // Last: nobody would close its file if what follows failed.
    this.statistics = plan.threadTimes === null ? null : statisticsOf(this.vcpu);
    this.times = plan.threadTimes === null ? null : ThreadTimes.ofThisThread(plan.threadTimes[plan.index], this.statistics);
  }

  /** The file of KVM's counts, from now on the main thread's to close; undefined where nothing is counted. */
  releaseStatistics(): number | undefined {
    return this.statistics?.release();
  }

  get tscKhz(): number {
    return this.vcpu.tscKhz();
  }

  /** Of the guest's TSC to the host's; null where the kernel does not say. */
  get tscOffset(): number | null {
    try {
      return Number(BigInt.asIntN(64, this.vcpu.tscOffset()));
    } catch (error) {
      if (isCoded(error) && (error.code === 'KVM_ENXIO' || error.code === 'KVM_ENOTTY')) return null;
      throw error;
    }
  }

  /** Number for kicks from other threads. */
  get share(): number {
    return this.vcpu.share();
  }

  /** Runs until the guest is done or the machine stops. */
  run(): void {
    if (!this.control.waitForGo(GO_TIMEOUT_MS)) {
      throw new FaultLabError('START_TIMEOUT', `vCPU ${this.plan.index} was not started within ${GO_TIMEOUT_MS / 1000} s`);
    }
    while (!this.control.stopped) {
      this.uapi?.enter();
      this.trace?.note(TraceKind.ENTER, 0, 0);
      const result = this.vcpu.run();
      this.trace?.note(TraceKind.LEAVE, result, result === 0 ? this.vcpu.exit.exitReason : 0);
      this.uapi?.left(result);
      this.counters.exits++;
      if (result === 0) {
        if (this.handleExit() === 'done') break;
      } else if (result === -EINTR) {
        this.counters.interruptions++;
        this.protocol?.poll();
      } else if (result === -EFAULT && this.faults !== null) {
        this.counters.faultExits++;
        this.faults.handle();
      } else if (result === -EHWPOISON) {
        this.memoryFailures.handle();
      } else if (result !== -EAGAIN) {
        // EAGAIN: the vCPU waited for an INIT or SIPI, and one came.
        this.refuse(result);
      }
    }
  }

  close(): void {
    this.counters.runNs = this.vcpu.runTimeNs;
    this.counters.waitNs = this.requests.waitedNs;
    this.times?.close();
    this.statistics?.close();
    this.vcpu.close();
    this.bitmapMapping.close();
    this.window.close();
    this.ram.close();
    this.vm.close();
  }

  private handleExit(): Step {
    switch (this.vcpu.exit.exitReason) {
      case KVM_EXIT_IO:
        return this.handleIo();
      case KVM_EXIT_X86_WRMSR:
        this.counters.msrExits++;
        this.handleMsrWrite();
        return 'continue';
      case KVM_EXIT_X86_RDMSR:
        this.counters.msrExits++;
        this.handleMsrRead();
        return 'continue';
      case KVM_EXIT_MMIO:
        if (this.faults?.handleEmulated(this.vcpu.exit) === true) {
          this.counters.faultExits++;
          return 'continue';
        }
        this.memoryFailures.refuseEmulated(this.vcpu.exit.mmioGpa);
        return this.refuse(0);
      default:
        return this.refuse(0);
    }
  }

  private handleIo(): Step {
    const { exit } = this.vcpu;
    if (exit.ioDirection !== KVM_EXIT_IO_OUT || exit.ioPort !== DOORBELL_PORT) return this.refuse(0);
    this.counters.doorbells++;
    switch (exit.ioData32) {
      case DOORBELL_DONE:
        return 'done';
      case DOORBELL_PANIC:
        throw guestPanic(this.ram.data, this.plan.index);
      case DOORBELL_PHASE:
        this.times?.note(this.vcpu.runTimeNs, this.requests.waitedNs);
        return 'continue';
      default:
        return 'continue';
    }
  }

  private handleMsrWrite(): void {
    const { exit } = this.vcpu;
    const accepted = this.protocol?.writeMsr(exit.msrIndex, exit.msrDataLow, exit.msrDataHigh) ?? false;
    exit.setMsrError(!accepted);
  }

  private handleMsrRead(): void {
    const { exit } = this.vcpu;
    const value = this.protocol?.readMsr(exit.msrIndex) ?? null;
    exit.setMsrError(value === null);
    if (value !== null) exit.setMsrData(Number(value & 0xffffffffn), Number(value >> 32n));
  }

  /** An exit that this VMM has no answer for: the guest asked for something it was not given. */
  private refuse(result: number): never {
    const exit = this.vcpu.decodeExit(result);
    const rip = this.vcpu.getRegs().get('rip');
    const detail = JSON.stringify(exit, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
    throw new FaultLabError('UNHANDLED_EXIT', `KVM_RUN left the guest in a way this VMM does not handle, at rip 0x${rip.toString(16)}: ${detail}`, {
      syscall: 'KVM_RUN',
      ...(result < 0 ? { errno: -result, hint: `KVM_RUN failed with ${errnoName(-result)}; \`dmesg | tail\` may say more` } : {}),
    });
  }
}

/** Null on kernels without (before 5.14). */
function statisticsOf(vcpu: Vcpu): VcpuStatistics | null {
  try {
    return VcpuStatistics.of(vcpu);
  } catch (error) {
    if (isCoded(error)) return null;
    throw error;
  }
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

let runner: VcpuRunner | null = null;
try {
  const loadedNs = nativeAddon().monotonicNs();
  const plan = await receiveOrders<VcpuPlan>();
  const orderedNs = nativeAddon().monotonicNs();
  if (plan.cpus !== null) nativeAddon().setAffinity(plan.cpus);
  keepStamps(plan.stamps);
  runner = new VcpuRunner(plan, await loadMemoryFailureHandler(plan.memoryFailureHandler), await loadFaultPolicy(plan.policy, plan.policyMemory));
  const start = { bootedNs: bootedNs(), loadedNs, orderedNs, readyNs: nativeAddon().monotonicNs() };
  post({ kind: 'ready', start, threadId: nativeAddon().threadId(), cpus: nativeAddon().getAffinity(), tscKhz: runner.tscKhz, tscOffset: plan.stamps === null ? null : runner.tscOffset, vcpu: runner.share, statisticsFd: runner.releaseStatistics() });
  runner.run();
  post({ kind: 'done', heapSizeBytes: heapSizeBytes() });
} catch (error) {
  post({ kind: 'failed', error: serializeError(error) });
} finally {
  runner?.close();
  keepStamps(null);
}
