/**
 * Everything of a machine that is not a thread: the VM, its memory, the userfaultfd, the shared words. Made in one go and released in the
 * one order that cannot hang: whoever sleeps for a page is woken before the VM that waits for it is closed.
 */
import { readFileSync, statSync } from 'node:fs';
import { ReadyQueue } from '../asyncpf/index.js';
import { FaultLabError, attempt } from '../errors/index.js';
import { POLICY_MEMORY_BYTES, PageLatency, PageStates, RequestLog, RequestRing } from '../faults/index.js';
import { Mailbox, NO_TRACE, TABLES_BASE, WINDOW_BASE, guestCpuid, guestElf, installGuest, layOutGuest, parseElf, refuseGuest, type GuestLayout, type TraceSize } from '../guest/index.js';
import { Kvm, NativeUserfaultSlot, probeUapi, requireUapi, type Vm } from '../kvm/index.js';
import { InterceptedPages, PagedWindow, SystemRam, gpaNumber, guestRange, interceptedPagesSizeBytes } from '../memory/index.js';
import { nativeAddon, stampsSizeBytes, type NativeEventFd, type NativeMapping, type NativeUserfaultfd } from '../native/index.js';
import {
  ASYNC_PF_PER_VCPU,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_X86_DISABLE_EXITS_HLT,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  MADV_NOHUGEPAGE,
  MAP_NORESERVE,
  MAP_POPULATE,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  gpa,
} from '../uapi/index.js';
import { UAPI_PROFILES } from '../uapi/proposals/index.js';
import { ControlBlock } from './control-block.js';
import { RESOLVER_COUNTERS, VCPU_COUNTERS, countersSizeBytes } from './counters.js';
import { inFlightOf, mostRequests, resolverOf, windowPart } from './limits.js';
import { MODES, modeCapabilities } from './modes.js';
import type { CheckedOptions } from './options.js';
import type { ResolverPlan, SharedPlan, VcpuPlan } from './plan.js';
import { ThreadTimes } from './thread-times.js';
import { TraceWriter } from './trace/trace-writer.js';
import { SharedModel, type SharedModelPlan } from './uapi/shared-model.js';

/** Stamps that a fault leaves with one thread at most: of a vCPU two runs of KVM, two doorbells of the protocol, and what is between. */
const STAMPS_A_FAULT = 16;
const STAMPS_BESIDES = 1 << 16;

/** Its segments take a MiB at most; the rest is symbols. */
const MOST_GUEST_BYTES = 64 * 2 ** 20;

/** See the module's comment. */
export class MachineParts {
  readonly layout: GuestLayout;
  readonly mailbox: Mailbox;
  readonly control: ControlBlock;
  readonly plan: SharedPlan;
  readonly vcpuPlans: readonly Omit<VcpuPlan, keyof SharedPlan>[];
  readonly resolverPlans: readonly Omit<ResolverPlan, keyof SharedPlan>[];
  /** Memory for time stamps, by vCPU and by resolver; empty where none are kept. */
  readonly vcpuStamps: readonly NativeMapping[];
  readonly resolverStamps: readonly NativeMapping[];
  private readonly closers: (() => void)[] = [];
  /** Null where nobody asked for the order of requests. */
  readonly requestLog: RequestLog | null;
  /** One, or one for each resolver. */
  private readonly userfaultfds: readonly NativeUserfaultfd[];
  private readonly bitmapSizeBytes: number;
  private readonly window: PagedWindow;
  /** By resolver. */
  private readonly wakes: readonly NativeEventFd[];
  /** How many of the userfaultfds have their part of the window. */
  private registered = 0;

  /** @throws FaultLabError: what the host lacks or refuses */
  constructor(options: CheckedOptions) {
    try {
      const elf = parseElf(readGuest(options.guestPath), options.guestPath ?? 'guest.elf');
      this.layout = layOutGuest(elf, options.vcpus, options.windowPages, options.order.length, traceSize(options), options.stamps && elf.has('noted_vector_table'));
      const kvm = this.own(Kvm.open());
      const native = isNative(kvm, options);
      const vm = this.own(makeVm(kvm, options, native));
      const { layout } = this;
      const low = this.own(attempt('make the guest RAM', () => SystemRam.create(gpaNumber(0), layout.lowRamSizeBytes)));
      const tables = this.own(attempt('make the tables', () => SystemRam.create(gpaNumber(TABLES_BASE), layout.tablesSizeBytes)));
      this.window = this.own(attempt('make the window', () => PagedWindow.create(options.windowPages)));
      const bitsPerPage = options.uapi === 'sync-async-2bit' ? 2 : 1;
      const bitmapMapping = this.own(makeBitmap(options.windowPages, bitsPerPage));
      this.bitmapSizeBytes = bitmapMapping.sizeBytes;
      this.vcpuStamps = options.stamps ? Array.from({ length: options.vcpus }, () => this.own(makeStamps(options.order.length))) : [];
      this.resolverStamps = options.stamps ? Array.from({ length: options.resolvers }, () => this.own(makeStamps(options.order.length))) : [];
      this.userfaultfds = Array.from({ length: options.userfaultfds === 'shared' ? 1 : options.resolvers }, () => this.own(makeUserfaultfd(options)));
      this.wakes = Array.from({ length: options.resolvers }, () => this.own(attempt('make an eventfd', () => new (nativeAddon().EventFd)())));
      this.protectWindow();

      const boots = installGuest(elf, this.layout, low);
      this.mailbox = new Mailbox(low, tables, this.layout);
      this.mailbox.writeJob({ ...options, expected: options.expected ?? null, starts: options.stamps, phaseBells: options.stamps, traceGapCycles: options.trace?.gapCycles ?? 0 });
      [low, tables].forEach((ram, slot) => {
        vm.createMemorySlot({ slot, gpa: gpa(ram.base), sizeBytes: ram.sizeBytes, mapping: ram.mapping });
      });
      const windowSlot = { slot: 2, gpa: gpa(WINDOW_BASE), sizeBytes: options.windowPages * PAGE_SIZE, mapping: this.window.guestView };
      if (native) new NativeUserfaultSlot(vm, { ...windowSlot, userfaultBitmap: bitmapMapping, twoBits: bitsPerPage === 2 });
      else vm.createMemorySlot(windowSlot);

      this.plan = {
        mode: options.mode,
        vcpuCount: options.vcpus,
        vm: vm.share(),
        lowRam: low.share(),
        window: this.window.share(),
        memory: [
          ...[low, tables].map((ram) => guestRange(ram.base, ram.mapping)),
          ...[this.window.guestView, this.window.hostView].map((view) => guestRange(gpaNumber(WINDOW_BASE), view)),
        ],
        bitmap: bitmapMapping.share(),
        bitsPerPage,
        model: makeModel(options, native),
        capabilities: options.capabilities,
        policy: options.policy,
        policyMemory: new SharedArrayBuffer(POLICY_MEMORY_BYTES),
        latencyNs: options.latencyNs,
        quick: options.quick,
        latencyModel: options.latencyModel,
        control: ControlBlock.allocate(options.vcpus),
        traces: makeTraces(options),
        threadTimes: options.stamps ? Array.from({ length: options.vcpus }, () => ThreadTimes.allocate()) : null,
        states: PageStates.allocate(options.windowPages),
        rings: Array.from({ length: options.resolvers }, () => RequestRing.allocate(mostRequests(options.vcpus))),
        readyQueues: ReadyQueue.allocate(options.vcpus),
        vcpuCounters: new SharedArrayBuffer(countersSizeBytes(VCPU_COUNTERS, options.vcpus)),
        resolverCounters: new SharedArrayBuffer(countersSizeBytes(RESOLVER_COUNTERS, options.resolvers)),
      };
      this.control = new ControlBlock(this.plan.control);
      const supported = kvm.supportedCpuid();
      const { asyncPf } = MODES[options.mode];
      this.vcpuPlans = boots.map((boot, index) => ({
        index,
        boot,
        cpuid: guestCpuid(supported, index, asyncPf),
        sliceNs: sliceFor(longestLatencyNs(options)),
        stamps: this.vcpuStamps[index]?.share() ?? null,
        cpus: options.placement?.vcpus[index] ?? null,
        memoryFailureHandler: options.memoryFailureHandler,
      }));
      const requestLog = options.recordRequests ? RequestLog.allocate(options.windowPages) : null;
      this.requestLog = requestLog === null ? null : new RequestLog(requestLog);
      const populate = options.populate ? Uint32Array.from(new Set(options.order)).sort() : new Uint32Array();
      this.resolverPlans = this.plan.rings.map((_, index) => {
        const isOwn = (page: number): boolean => ownerOf(page, options) === index;
        return {
          index,
          userfaultfd: this.userfaultfds[index % this.userfaultfds.length].share(),
          wake: this.wakes[index].share(),
          source: options.source,
          stamps: this.resolverStamps[index]?.share() ?? null,
          cpus: options.placement?.resolvers[index] ?? null,
          inFlight: inFlightOf(index, options.resolvers, options.inFlight),
          populate: populate.filter(isOwn),
          prefetch: options.prefetch?.filter(isOwn) ?? new Uint32Array(),
          wakers: options.prefetch === undefined ? [] : this.plan.rings.map((ring, at) => ({ ring, eventfd: this.wakes[at].share() })),
          requestLog,
        };
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Memory of the plan that all threads see, bytes. */
  get sharedWordsBytes(): number {
    const { plan } = this;
    const one = [plan.policyMemory, plan.control, plan.states, plan.readyQueues, plan.vcpuCounters, plan.resolverCounters];
    return this.bitmapSizeBytes + [...one, ...plan.rings].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Makes every resolver look at the stop flag. */
  wakeResolvers(): void {
    for (const wake of this.wakes) wake.signal();
    for (const ring of this.plan.rings) new RequestRing(ring).ring();
  }

  /** Wakes everybody who sleeps for a page in the kernel. The guest must not run any more: it would see zeroes. */
  releaseSleepers(): void {
    if (this.registered === 0) return;
    const parts = this.userfaultfds.length;
    for (; this.registered > 0; this.registered--) {
      const { first, end } = windowPart(this.registered - 1, parts, this.window.pageCount);
      this.userfaultfds[this.registered - 1].unregister(this.window.guestView, first * PAGE_SIZE, (end - first) * PAGE_SIZE);
    }
  }

  /** Releases everything; idempotent. */
  close(): void {
    this.releaseSleepers();
    while (this.closers.length > 0) this.closers.pop()?.();
  }

  private own<T extends { close(): void }>(part: T): T {
    this.closers.push(() => {
      part.close();
    });
    return part;
  }

  private protectWindow(): void {
    const view = this.window.guestView;
    // Each page is to fault on its own.
    view.advise(0, view.sizeBytes, MADV_NOHUGEPAGE);
    this.userfaultfds.forEach((userfaultfd, part) => {
      const { first, end } = windowPart(part, this.userfaultfds.length, this.window.pageCount);
      attempt('register the window with userfaultfd', () =>
        userfaultfd.register(view, first * PAGE_SIZE, (end - first) * PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR),
      );
      this.registered++;
    });
  }
}

/** What a vCPU takes. */
const LONGEST_SLICE_NS = 60e9;

/** A slice that never ends within an ordinary wait for a page: it would cut the wait, and the guest would take its interrupts in between. */
function sliceFor(latencyNs: number): number {
  return Math.min(LONGEST_SLICE_NS, 100e6 + 3 * latencyNs);
}

/** What a page may take when each task waits for one, ns. */
export function longestLatencyNs({ latencyNs, quick, latencyModel, inFlight, vcpus, faultTasks }: CheckedOptions): number {
  const turns = inFlight === 0 ? 1 : Math.ceil((vcpus * faultTasks) / inFlight);
  return turns * new PageLatency(latencyNs, quick, latencyModel).longestNs;
}

/** The resolver that brings a page without being asked. */
function ownerOf(page: number, { userfaultfds, resolvers, windowPages }: CheckedOptions): number {
  if (userfaultfds === 'shared') return resolverOf(page, resolvers);
  return Array.from({ length: resolvers }, (_, part) => windowPart(part, resolvers, windowPages)).findIndex(({ first, end }) => page >= first && page < end);
}

/** A lane for each task. */
function traceSize({ trace, vcpus, faultTasks, workTasks }: CheckedOptions): TraceSize {
  return trace === undefined ? NO_TRACE : { lanes: vcpus * (faultTasks + workTasks), spans: trace.spans };
}

function makeTraces({ trace, vcpus, resolvers }: CheckedOptions): SharedPlan['traces'] {
  if (trace === undefined) return null;
  const make = (count: number): SharedArrayBuffer[] => Array.from({ length: count }, () => TraceWriter.allocate(trace.records));
  return { vcpus: make(vcpus), resolvers: make(resolvers) };
}

/** The model of the profile, where there is one to play. */
function makeModel({ uapi, mode, vcpus, windowPages, uapiLimits = {} }: CheckedOptions, native: boolean): SharedModelPlan | null {
  if (uapi === 'stock' || MODES[mode].catches === 'sleep') return null;
  const { outstanding = ASYNC_PF_PER_VCPU, ringEntries = ASYNC_PF_PER_VCPU } = uapiLimits;
  return SharedModel.allocate(uapi, { vcpus, pages: windowPages, baseGpa: WINDOW_BASE, itemsPerVcpu: outstanding, ringEntries }, MODES[mode].asyncPf, mode === 'apf-exitless', native);
}

/** Whether the kernel's own ioctls make the mode. */
function isNative(kvm: Kvm, { uapi, mode, implementation, capabilities }: CheckedOptions): boolean {
  if (uapi === 'stock' || MODES[mode].catches === 'sleep' || implementation === 'emulated') return false;
  if (mode === 'apf-exitless') {
    // A resolver sleeps on a word of memory, which KVM's eventfd does not wake.
    if (implementation === 'native') throw new FaultLabError('BAD_OPTION', 'the mode apf-exitless exists emulated only');
    return false;
  }
  const support = probeUapi(kvm, UAPI_PROFILES[uapi], capabilities);
  if (implementation === 'native') requireUapi(support);
  return support.native;
}

function readGuest(named: string | undefined): Uint8Array {
  const path = named ?? guestElf('guest');
  try {
    const status = statSync(path);
    // A FIFO would be waited for, a device may have no end.
    if (!status.isFile() || status.size > MOST_GUEST_BYTES) refuseGuest(path, `no file of at most ${MOST_GUEST_BYTES / 2 ** 20} MiB`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof FaultLabError) throw error;
    throw new FaultLabError(named === undefined ? 'GUEST_NOT_BUILT' : 'GUEST_ELF', `the guest ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      ...(named === undefined ? { hint: 'Build it with `npm run build:guest`' } : {}),
      cause: error,
    });
  }
}

function makeVm(kvm: Kvm, options: CheckedOptions, native: boolean): Vm {
  const mode = MODES[options.mode];
  const vm = kvm.createVm();
  try {
    vm.requireCapabilities(modeCapabilities(options.mode));
    vm.enableSplitIrqchip();
    // With a proposal's own halts KVM must be free to halt the vCPU.
    if (!options.syntheticHalt && !(native && mode.asyncPf)) vm.enableCap('X86_DISABLE_EXITS', 0, [BigInt(KVM_X86_DISABLE_EXITS_HLT)]);
    if (mode.vmmInjects && !native) {
      vm.enableCap('EXCEPTION_PAYLOAD', 0, [1n]);
      vm.enableCap('X86_USER_SPACE_MSR', 0, [BigInt(KVM_MSR_EXIT_REASON_FILTER)]);
      // A clear bit denies: these accesses come to the VMM, all others stay in the kernel.
      vm.setMsrFilter(
        KVM_MSR_FILTER_DEFAULT_ALLOW,
        [MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK].map((base) => ({
          flags: KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
          base,
          count: 1,
          bitmap: new Uint8Array(1),
        })),
      );
    }
    return vm;
  } catch (error) {
    vm.close();
    throw error;
  }
}

function makeBitmap(windowPages: number, bitsPerPage: 1 | 2): NativeMapping {
  const sizeBytes = Math.ceil(interceptedPagesSizeBytes(windowPages, bitsPerPage) / PAGE_SIZE) * PAGE_SIZE;
  const mapping = nativeAddon().Mapping.anonymous(sizeBytes, PROT_READ | PROT_WRITE, MAP_POPULATE);
  new InterceptedPages(mapping.view(), windowPages, bitsPerPage).setAll();
  return mapping;
}

/** Room for what a fault leaves with each thread, and for a second of ticks besides; more is counted as missed. */
function makeStamps(faults: number): NativeMapping {
  return attempt('make memory for time stamps', () =>
    nativeAddon().Mapping.anonymous(stampsSizeBytes(STAMPS_BESIDES + STAMPS_A_FAULT * faults), PROT_READ | PROT_WRITE, MAP_NORESERVE),
  );
}

function makeUserfaultfd(options: CheckedOptions): NativeUserfaultfd {
  const { Userfaultfd } = nativeAddon();
  return attempt(`open a userfaultfd for mode ${options.mode}`, () => new Userfaultfd(MODES[options.mode].uffdFeatures));
}
