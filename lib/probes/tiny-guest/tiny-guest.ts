/** A guest of a few instructions in 64-bit mode: boots at CPL0 or CPL3, catches every vector, runs until something happens. */
import { setLongMode } from '../../guest/index.js';
import { VcpuStatistics, type Kvm, type MemorySlot, type MemorySlotOptions, type Vcpu, type Vm } from '../../kvm/index.js';
import type { NativeMapping } from '../../native/index.js';
import {
  CPUID_1_ECX_X2APIC,
  KVM_EXIT_IO,
  KVM_X86_DISABLE_EXITS_HLT,
  RFLAGS_FIXED,
  RFLAGS_IF,
  RegsView,
  gpa,
  setCpuidBit,
  type RegName,
} from '../../uapi/index.js';
import { patience } from '../patience.js';
import type { GuestEnd } from './guest-end.js';
import { END_PORT, ENTRY_PORT, PAGE_GPA, TinyGuestMemory, VECTOR_PORT, addresses } from './memory.js';

/** `none`: no interrupt controller in KVM. `in-kernel`: a split irqchip. `no-hlt-exits`: the same, and HLT is left to the guest. */
export type ApicKind = 'none' | 'in-kernel' | 'no-hlt-exits';

/** For titles. */
export const APIC_TITLES: Readonly<Record<ApicKind, string>> = { none: 'no APIC in KVM', 'in-kernel': 'APIC in KVM', 'no-hlt-exits': 'HLT exits disabled' };

/** Memory behind the slot of the page under test. */
export type PageMemory = Pick<MemorySlotOptions, 'mapping' | 'guestMemfd'>;

/** What is run. */
export interface TinyGuestOptions {
  readonly cpl: 0 | 3;
  /** Machine code; it is written once and started at its first byte. */
  readonly code: readonly number[];
  /** General registers at the start; 0 where left out. */
  readonly registers?: Partial<Record<Exclude<RegName, 'rip' | 'rsp' | 'rflags'>, number>>;
  /** RFLAGS.IF; false where left out. */
  readonly interrupts?: boolean;
  /** `none` where left out. */
  readonly apic?: ApicKind;
  /** Memory for the page under test, at `addresses.page`; no slot there where left out. */
  readonly page?: NativeMapping;
  /** Number of the VM's type (`Kvm.vmTypes`); the default one where left out. */
  readonly vmType?: number;
  /** Makes the memory of the page's slot once there is a VM, in place of `page`. Whoever made it closes it. */
  readonly makePage?: (vm: Vm) => PageMemory;
  /** Longest stay in one KVM_RUN; 20 ms where left out. */
  readonly sliceNs?: number;
  /** Longest run, as `patience` has it; 3 s where left out. */
  readonly limitMs?: number;
  /** Asked at the end of each slice: true ends the run as one that stays. */
  readonly until?: () => boolean;
  /** Called before the vCPU exists. */
  readonly prepareVm?: (vm: Vm) => void;
}

const SLICE_NS = 20e6;
const RUN_LIMIT_MS = 3000;
/** Page faults at one instruction that no set-up of mappings explains, and how many more than slices. */
const RETRIES = 64;
const RETRIES_PER_SLICE = 3;
/** `out %al, $END_PORT` at CPL0, where a port is at hand; `ud2` at CPL3, where it is the one trap that every host has. */
const END_CODE = { 0: [0xe6, END_PORT], 3: [0x0f, 0x0b] } as const;
const VECTOR_UD = 6;
const PAGE_SLOT = 1;

/** See the module's comment. */
export class TinyGuest {
  /** Address of the first byte behind the code: where it ends. */
  readonly endAddress: number;
  private readonly statistics: VcpuStatistics | undefined;

  private constructor(
    readonly vm: Vm,
    readonly vcpu: Vcpu,
    readonly memory: TinyGuestMemory,
    readonly pageSlot: MemorySlot | undefined,
    private readonly options: TinyGuestOptions,
  ) {
    const start = memory.writeCode(options.cpl, [...options.code, ...END_CODE[options.cpl]]);
    this.endAddress = start + options.code.length;
    this.statistics = vm.checkExtension('BINARY_STATS_FD') > 0 ? VcpuStatistics.of(vcpu) : undefined;
  }

  /**
   * Makes a guest that is about to run, hands it to `body`, and takes everything apart.
   * @throws FaultLabError where KVM refuses something
   */
  static async with<T>(kvm: Kvm, options: TinyGuestOptions, body: (guest: TinyGuest) => T | Promise<T>): Promise<T> {
    const closers: (() => void)[] = [];
    try {
      const memory = new TinyGuestMemory();
      closers.unshift(() => memory.close());
      const vm = kvm.createVm(options.vmType);
      closers.unshift(() => vm.close());
      const { apic = 'none' } = options;
      if (apic !== 'none') vm.enableSplitIrqchip();
      if (apic === 'no-hlt-exits') vm.enableCap('X86_DISABLE_EXITS', 0, [BigInt(KVM_X86_DISABLE_EXITS_HLT)]);
      options.prepareVm?.(vm);
      vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes: memory.ram.sizeBytes, mapping: memory.ram.mapping });
      const pageMemory = options.makePage?.(vm) ?? (options.page === undefined ? undefined : { mapping: options.page });
      const pageSlot = pageMemory === undefined ? undefined : vm.createMemorySlot({ slot: PAGE_SLOT, gpa: gpa(PAGE_GPA), sizeBytes: sizeOf(pageMemory), ...pageMemory });
      const vcpu = vm.createVcpu(0);
      closers.unshift(() => vcpu.close());
      vcpu.setSliceNs(options.sliceNs ?? SLICE_NS);
      const cpuid = kvm.supportedCpuid();
      setCpuidBit(cpuid, 1, 'ecx', CPUID_1_ECX_X2APIC);
      vcpu.setCpuid(cpuid);
      const guest = new TinyGuest(vm, vcpu, memory, pageSlot, options);
      closers.unshift(() => guest.statistics?.close());
      guest.restart();
      return await body(guest);
    } finally {
      for (const close of closers) close();
    }
  }

  /** KVM's count of something this vCPU did; undefined where KVM does not count it. */
  statistic(name: string): number | undefined {
    return this.statistics?.value(name);
  }

  /** Runs until something happens, at most until its time is over. */
  run(): GuestEnd {
    const deadline = performance.now() + patience(this.options.limitMs ?? RUN_LIMIT_MS);
    let standing = { rip: -1, faults: 0, slices: 0 };
    for (;;) {
      const exit = this.vcpu.decodeExit(this.vcpu.run());
      if (exit.kind !== 'interrupted') return this.endOf(exit);
      const rip = this.vcpu.getRegs().number('rip');
      const faults = this.statistic('pf_taken') ?? 0;
      if (rip !== standing.rip) standing = { rip, faults, slices: 0 };
      standing.slices++;
      // A slice that interrupts a wait for a page makes the vCPU fault again, once.
      if (faults - standing.faults >= Math.max(RETRIES, RETRIES_PER_SLICE * standing.slices)) return { kind: 'stays', retries: true };
      if (performance.now() >= deadline || this.options.until?.() === true) return { kind: 'stays', retries: false };
    }
  }

  /** Puts the vCPU in front of the code again, in the state it started from. */
  restart(): void {
    const { cpl, interrupts = false, apic = 'none', registers = {} } = this.options;
    const sregs = this.vcpu.getSregs();
    const apicBase = sregs.get('apic_base');
    setLongMode(sregs, { root: this.memory.root, descriptors: addresses.descriptors, idt: addresses.idt, cpl, isFirst: true });
    // Without an APIC in KVM there is no x2APIC mode to be in.
    if (apic === 'none') sregs.set('apic_base', apicBase);
    this.vcpu.setSregs(sregs);
    const regs = RegsView.allocate();
    for (const [name, value] of Object.entries(registers) as [RegName, number][]) regs.setNumber(name, value);
    regs.setNumber('rip', cpl === 0 ? addresses.kernelCode : addresses.userCode);
    regs.setNumber('rsp', cpl === 0 ? addresses.kernelStackTop : addresses.userStackTop);
    regs.setNumber('rflags', RFLAGS_FIXED | (interrupts ? RFLAGS_IF : 0));
    this.vcpu.setRegs(regs);
  }

  private endOf(exit: ReturnType<Vcpu['decodeExit']>): GuestEnd {
    const reason = this.vcpu.exit.exitReason;
    if (reason !== KVM_EXIT_IO || exit.kind !== 'io' || exit.direction !== 'out') return { kind: 'exit', exit, reason };
    switch (exit.port) {
      case END_PORT:
        return { kind: 'end' };
      case ENTRY_PORT:
        return { kind: 'entry', cpl: this.vcpu.getSregs().cpl() };
      case VECTOR_PORT: {
        const regs = this.vcpu.getRegs();
        const trap = this.memory.readTrap(regs.number('rip'), regs.number('rsp'));
        if (trap === undefined) return { kind: 'exit', exit, reason };
        if (this.options.cpl === 3 && trap.vector === VECTOR_UD && trap.rip === this.endAddress) return { kind: 'end' };
        return { kind: 'trap', trap, cr2: this.vcpu.getSregs().get('cr2') };
      }
      default:
        return { kind: 'exit', exit, reason };
    }
  }
}

function sizeOf({ mapping, guestMemfd }: PageMemory): number {
  return mapping?.sizeBytes ?? guestMemfd?.sizeBytes ?? 0;
}
