/**
 * Everything of a machine that is not a thread: the VM, its memory, the userfaultfd, the shared words. Made in one go and released in the
 * one order that cannot hang: whoever sleeps for a page is woken before the VM that waits for it is closed.
 */
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ReadyQueue } from '../asyncpf/index.js';
import { FaultLabError, attempt } from '../errors/index.js';
import { POLICY_MEMORY_BYTES, PageStates, RequestRing } from '../faults/index.js';
import { Mailbox, TABLES_BASE, WINDOW_BASE, guestCpuid, installGuest, layOutGuest, parseElf, refuseGuest, type GuestLayout } from '../guest/index.js';
import { Kvm, NativeUserfaultSlot, probeUapi, requireUapi, type Vm } from '../kvm/index.js';
import { InterceptedPages, PagedWindow, SystemRam, gpaNumber, guestRange, interceptedPagesSizeBytes } from '../memory/index.js';
import { nativeAddon, type NativeEventFd, type NativeMapping, type NativeUserfaultfd } from '../native/index.js';
import {
  ASYNC_PF_PER_VCPU,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_X86_DISABLE_EXITS_HLT,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  MADV_NOHUGEPAGE,
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
import { mostRequests } from './limits.js';
import { MODES, modeCapabilities } from './modes.js';
import type { CheckedOptions } from './options.js';
import type { ResolverPlan, SharedPlan, VcpuPlan } from './plan.js';
import { SharedModel, type SharedModelPlan } from './uapi/shared-model.js';

/** The project's own guest. */
const GUEST_ELF = fileURLToPath(new URL('../../../guest/build/guest.elf', import.meta.url));

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
  private readonly closers: (() => void)[] = [];
  private readonly userfaultfd: NativeUserfaultfd;
  private readonly window: PagedWindow;
  private readonly wake: NativeEventFd;
  private registered = false;

  /** @throws FaultLabError: what the host lacks or refuses */
  constructor(options: CheckedOptions) {
    try {
      const elf = parseElf(readGuest(options.guestPath), options.guestPath ?? 'guest.elf');
      this.layout = layOutGuest(elf, options.vcpus, options.windowPages, options.order.length);
      const kvm = this.own(Kvm.open());
      const native = isNative(kvm, options);
      const vm = this.own(makeVm(kvm, options, native));
      const { layout } = this;
      const low = this.own(attempt('make the guest RAM', () => SystemRam.create(gpaNumber(0), layout.lowRamSizeBytes)));
      const tables = this.own(attempt('make the tables', () => SystemRam.create(gpaNumber(TABLES_BASE), layout.tablesSizeBytes)));
      this.window = this.own(attempt('make the window', () => PagedWindow.create(options.windowPages)));
      const bitsPerPage = options.uapi === 'sync-async-2bit' ? 2 : 1;
      const bitmapMapping = this.own(makeBitmap(options.windowPages, bitsPerPage));
      this.userfaultfd = this.own(makeUserfaultfd(options));
      this.wake = this.own(attempt('make an eventfd', () => new (nativeAddon().EventFd)()));
      this.protectWindow();

      const boots = installGuest(elf, this.layout, low);
      this.mailbox = new Mailbox(low, tables, this.layout);
      this.mailbox.writeJob({ ...options, expected: options.expected ?? null });
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
        control: ControlBlock.allocate(options.vcpus),
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
        memoryFailureHandler: options.memoryFailureHandler,
      }));
      this.resolverPlans = this.plan.rings.map((_, index) => ({
        index,
        userfaultfd: this.userfaultfd.share(),
        wake: this.wake.share(),
        source: options.source,
      }));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Makes every resolver look at the stop flag. */
  wakeResolvers(): void {
    this.wake.signal();
    for (const ring of this.plan.rings) new RequestRing(ring).ring();
  }

  /** Wakes everybody who sleeps for a page in the kernel. The guest must not run any more: it would see zeroes. */
  releaseSleepers(): void {
    if (!this.registered) return;
    this.registered = false;
    this.userfaultfd.unregister(this.window.guestView, 0, this.window.guestView.sizeBytes);
  }

  /** Releases everything; idempotent. */
  close(): void {
    if (this.registered) this.releaseSleepers();
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
    attempt('register the window with userfaultfd', () =>
      this.userfaultfd.register(view, 0, view.sizeBytes, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR),
    );
    this.registered = true;
  }
}

/** A slice that never ends within an ordinary wait for a page: it would cut the wait, and the guest would take its interrupts in between. */
function sliceFor(latencyNs: number): number {
  return 100e6 + 3 * latencyNs;
}

/** Of the latencies that a page can have, ns. */
export function longestLatencyNs({ latencyNs, quick }: Pick<CheckedOptions, 'latencyNs' | 'quick'>): number {
  return Math.max(latencyNs, quick?.latencyNs ?? 0);
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
  const path = named ?? GUEST_ELF;
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

function makeUserfaultfd(options: CheckedOptions): NativeUserfaultfd {
  const { Userfaultfd } = nativeAddon();
  return attempt(`open a userfaultfd for mode ${options.mode}`, () => new Userfaultfd(MODES[options.mode].uffdFeatures));
}
