import { attempt } from '../errors/index.js';
import { nativeAddon } from '../native/index.js';
import type { NativeMapping, NativeVcpu } from '../native/addon.js';
import {
  decodeCpuid,
  encodeCpuid,
  DR7_FIXED,
  DR7_GLOBAL_0,
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_USE_HW_BP,
  RegsView,
  SregsView,
  VcpuEventsView,
  StructView,
  XsaveView,
  kvmGuestDebugLayout,
  ioctls,
  type CapabilityName,
  capabilityNumber,
  capabilityTitle,
  type CpuidEntry,
  type Gva,
} from '../uapi/index.js';
import { ExitView } from './exit-view.js';
import { memoryFailureOf, type MemoryFailure } from './memory-failure.js';
import { SyncRegs } from './sync-regs.js';
import { decodeExit, type VcpuExit } from './vcpu-exit.js';

/** Place of DR7 in kvm_guest_debug.arch.debugreg, in bytes. */
const DR7_AT = 7 * 8;

/** A guest physical address and what the guest's page tables allow there (KVM_TRANSLATE). */
export interface Translation {
  readonly gpa: bigint;
  readonly valid: boolean;
  readonly writeable: boolean;
  readonly usermode: boolean;
}

/**
 * One virtual CPU. Created, run and closed on one thread; `kick` works from any.
 *
 * The vCPU loop uses `run`, `exit` and `syncRegs`, which allocate nothing; everything else is set-up and diagnosis, and
 * throws FaultLabError.
 */
export class Vcpu {
  /** What the last KVM_RUN left, without allocation. */
  readonly exit: ExitView;
  /** Registers that travel with KVM_RUN. */
  readonly syncRegs: SyncRegs;
  readonly #native: NativeVcpu;
  /** For errors of a closed vCPU, too. */
  readonly #id: number;

  /** @internal Vcpus come from `Vm.createVcpu`. */
  constructor(native: NativeVcpu) {
    this.#native = native;
    this.#id = native.id;
    const runArea = attempt(`map the run area of vCPU ${native.id}`, () => native.runArea());
    this.exit = new ExitView(runArea);
    this.syncRegs = new SyncRegs(runArea);
  }

  /** Ends the KVM_RUN of the vCPU behind `share`, from any thread. False where that vCPU is closed. */
  static kick(share: number): boolean {
    return nativeAddon().Vcpu.kick(share);
  }

  /** The native handle: for what has no method here. */
  get native(): NativeVcpu {
    return this.#native;
  }
  get id(): number {
    return this.#native.id;
  }
  /** Linux id of the thread this vCPU belongs to: what a userfaultfd message carries. */
  get threadId(): number {
    return this.#native.threadId;
  }
  get closed(): boolean {
    return this.#native.closed;
  }
  /** A process-wide number for `Vcpu.kick`. */
  share(): number {
    return this.#native.share();
  }
  /** Releases the vCPU; its views are dead afterwards. Idempotent. */
  close(): void {
    this.#native.close();
  }

  /**
   * KVM_RUN, once. 0, or a negative errno: EINTR after a kick or at the latest after a slice (100 ms unless set), EFAULT where the
   * host could not supply memory, EHWPOISON where what it has is poisoned: then KVM names the gpa (guest_memfd), or `memoryFailure` the hva.
   * Never throws for those; throws `VCPU_WRONG_THREAD` on another thread, `GUARD_DISPLACED` where other code keeps taking SIGBUS over.
   */
  run(): number {
    return this.#native.run();
  }
  /**
   * Poisoned memory that the kernel told this thread about, when the last `run` returned EHWPOISON because of it; else null. An access
   * that waits for it is repeated by the next `run`, and fails again until there is other memory behind the slot.
   */
  memoryFailure(): MemoryFailure | null {
    const noted = this.#native.memoryFailure();
    return noted === null ? null : memoryFailureOf(noted);
  }
  /** Why the last `run` returned `result`, as an object that stays true. Allocates. */
  decodeExit(result: number): VcpuExit {
    return decodeExit(this.exit, result, this.memoryFailure());
  }
  /** Nanoseconds spent inside KVM_RUN so far. */
  get runTimeNs(): number {
    return this.#native.runTimeNs();
  }
  /** How often KVM_RUN was entered. */
  get runCount(): number {
    return this.#native.runCount();
  }
  /**
   * Longest stay in KVM_RUN from the next run on, ns: 1 ms to 60 s. It bounds what Worker termination and process exit wait for; a slice
   * that ends while KVM waits for a page lets the guest take its interrupts first.
   */
  setSliceNs(sliceNs: number): void {
    this.#attempt('set the slice', () => {
      this.#native.setSliceNs(sliceNs);
    });
  }
  /** How many of its EINTR returns were the end of a slice. */
  get sliceCount(): number {
    return this.#native.sliceCount();
  }

  /** KVM_GET_REGS into `into`, or into a new view. */
  getRegs(into: RegsView = RegsView.allocate()): RegsView {
    this.#attempt('read the registers', () => this.#native.getRegs(into.bytes()));
    return into;
  }
  /** KVM_SET_REGS. */
  setRegs(regs: RegsView): void {
    this.#attempt('write the registers', () => this.#native.setRegs(regs.bytes()));
  }
  /** KVM_GET_SREGS into `into`, or into a new view. */
  getSregs(into: SregsView = SregsView.allocate()): SregsView {
    this.#attempt('read the segment and control registers', () => this.#native.getSregs(into.bytes()));
    return into;
  }
  /** KVM_SET_SREGS. */
  setSregs(sregs: SregsView): void {
    this.#attempt('write the segment and control registers', () => this.#native.setSregs(sregs.bytes()));
  }
  /** KVM_GET_VCPU_EVENTS into `into`, or into a new view. */
  getEvents(into: VcpuEventsView = VcpuEventsView.allocate()): VcpuEventsView {
    this.#attempt('read the pending events', () => this.#native.getVcpuEvents(into.bytes()));
    return into;
  }
  /** KVM_SET_VCPU_EVENTS. */
  setEvents(events: VcpuEventsView): void {
    this.#attempt('write the pending events', () => this.#native.setVcpuEvents(events.bytes()));
  }
  /** KVM_GET_XSAVE into `into`, or into a new view. */
  getXsave(into: XsaveView = new XsaveView(this.getCpuid())): XsaveView {
    this.#attempt('read the vector registers', () => this.#native.ioctl(ioctls.KVM_GET_XSAVE, into.bytes));
    return into;
  }
  /** KVM_GET_CPUID2. */
  getCpuid(): CpuidEntry[] {
    return this.#attempt('read the CPUID', () => decodeCpuid(this.#native.getCpuid2()));
  }
  /** KVM_SET_CPUID2. */
  setCpuid(entries: readonly CpuidEntry[]): void {
    this.#attempt('set the CPUID', () => this.#native.setCpuid2(encodeCpuid(entries)));
  }
  /** One MSR (KVM_GET_MSRS). Throws `KVM_MSR_REFUSED` where KVM does not have it. */
  getMsr(index: number): bigint {
    return this.#attempt(`read MSR 0x${index.toString(16)}`, () => this.#native.getMsr(index));
  }
  /** One MSR (KVM_SET_MSRS). Throws `KVM_MSR_REFUSED` where KVM does not take it. */
  setMsr(index: number, value: bigint): void {
    this.#attempt(`write 0x${value.toString(16)} to MSR 0x${index.toString(16)}`, () => this.#native.setMsr(index, value));
  }
  /** KVM_GET_MP_STATE: KVM_MP_STATE_*. */
  getMpState(): number {
    return this.#attempt('read the MP state', () => this.#native.getMpState());
  }
  /** KVM_SET_MP_STATE. */
  setMpState(state: number): void {
    this.#attempt('set the MP state', () => this.#native.setMpState(state));
  }
  /** KVM_TRANSLATE: the guest's own page tables, walked by KVM. Slow; for diagnosis. */
  translate(address: Gva): Translation {
    return this.#attempt(`translate gva 0x${address.toString(16)}`, () => this.#native.translate(address));
  }
  /** KVM_INTERRUPT: queues a vector; only without an in-kernel irqchip. */
  interrupt(vector: number): void {
    this.#attempt(`queue interrupt ${vector}`, () => this.#native.interrupt(vector));
  }
  /** KVM_NMI. */
  nmi(): void {
    this.#attempt('queue an NMI', () => this.#native.nmi());
  }
  /** KVM_X86_SETUP_MCE. */
  setupMce(mcgCap: bigint): void {
    this.#attempt('set up machine checks', () => this.#native.setupMce(mcgCap));
  }
  /** KVM_X86_SET_MCE: injects a machine check. */
  setMce(mce: Parameters<NativeVcpu['setMce']>[0]): void {
    this.#attempt('inject a machine check', () => this.#native.setMce(mce));
  }
  /** KVM_ENABLE_CAP on the vCPU. */
  enableCap(capability: CapabilityName | number, flags = 0, args: readonly bigint[] = []): number {
    return this.#attempt(`enable ${capabilityTitle(capability)}`, () => this.#native.enableCap(capabilityNumber(capability), flags, args));
  }
  /** KVM_GET_TSC_KHZ. */
  tscKhz(): number {
    return this.#attempt('read the TSC frequency', () => this.#native.tscKhz());
  }
  /** KVM_VCPU_TSC_OFFSET: what the guest's TSC is ahead of the host's, modulo 2^64. */
  tscOffset(): bigint {
    return this.#attempt('read the TSC offset', () => this.#native.tscOffset());
  }
  /** Sets it: with 0 host and guest read the same counter. A PVM host, which runs CPL3 with its own counter, keeps 0. */
  setTscOffset(offset: bigint): void {
    this.#attempt('set the TSC offset', () => {
      this.#native.setTscOffset(offset);
    });
  }
  /**
   * KVM_SET_GUEST_DEBUG: the guest leaves with KVM_EXIT_DEBUG in front of the instruction at `address`; null takes that back. Some hardware emulators never stop there:
   * whoever needs the exit looks whether it came.
   */
  setBreakpoint(address: number | null): void {
    const debug = new StructView(kvmGuestDebugLayout, new DataView(new ArrayBuffer(kvmGuestDebugLayout.size)));
    if (address !== null) {
      const { offset } = kvmGuestDebugLayout.fields['arch.debugreg'];
      const registers = new DataView(debug.bytes().buffer, offset);
      debug.setNumber('control', KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP);
      registers.setBigUint64(0, BigInt(address), true);
      registers.setBigUint64(DR7_AT, BigInt(DR7_GLOBAL_0 | DR7_FIXED), true);
    }
    this.#attempt('set a breakpoint', () => this.#native.ioctl(ioctls.KVM_SET_GUEST_DEBUG, debug.bytes()));
  }
  /** An ioctl on the vCPU by its request number; `argument` is a number, or a buffer that the kernel reads and writes. */
  ioctl(request: number, argument?: number | Uint8Array): number {
    return this.#attempt(`make ioctl 0x${request.toString(16)}`, () => this.#native.ioctl(request, argument));
  }

  /**
   * One page of the vCPU's file, mapped for reading and writing: KVM_APF_PAGE_OFFSET of a proposal, say. To be closed by the caller; other Workers may adopt
   * and view it. Throws FaultLabError `VCPU_NO_PAGE` where KVM has nothing there.
   */
  mapPage(page: number): NativeMapping {
    return this.#attempt(`map page ${page}`, () => this.#native.mapPage(page));
  }

  #attempt<T>(tried: string, action: () => T): T {
    return attempt(`${tried} (vCPU ${this.#id})`, action);
  }
}
