/**
 * Guests of a few bytes for tests of exits. They need no guest kernel: real mode starts at any byte, and a CPL3 guest in
 * long mode runs until its first exception.
 */
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeMapping } from '../../lib/native/addon.js';
import { Kvm, type MemorySlot, type Vcpu, type VcpuExit, type Vm } from '../../lib/kvm/index.js';
import {
  CR0_ET,
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  gpa,
  PROT_READ,
  PROT_WRITE,
  RFLAGS_FIXED,
  type SegmentField,
  type StructView,
} from '../../lib/uapi/index.js';
import { patience } from '../support/slowness.js';

/** A VM with one vCPU and one memory slot from gpa 0. */
export interface Guest {
  readonly kvm: Kvm;
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly memory: NativeMapping;
  readonly slot: MemorySlot;
  /** Runs until an exit that is no interruption; at most 50 slices of 100 ms. */
  readonly runToExit: () => VcpuExit;
}

/** How a guest is set up. */
export interface GuestOptions {
  /** Called before the vCPU exists: for what KVM takes only then. */
  readonly prepareVm?: (vm: Vm) => void;
  readonly sizeBytes?: number;
  /** KVM_X86_DEFAULT_VM unless given. */
  readonly vmType?: number;
}

/** Where a guest's code begins, in both modes. */
export const CODE_GPA = 0x10000;
/** Interrupt handlers of a real-mode guest. */
export const HANDLER_GPA = 0x18000;
const DEFAULT_SIZE_BYTES = 0x40000;
const MOST_SLICES = patience(50);
// VMX hosts without unrestricted guest emulate real mode with the help of these pages; nobody else looks at them.
const IDENTITY_MAP_GPA = 0xfeff_c000n;
const TSS_GPA = 0xfeff_d000;

/** Runs until an exit that is no interruption; at most 50 slices of 100 ms. */
export function runToExit(vcpu: Vcpu): VcpuExit {
  for (let slice = 0; slice < MOST_SLICES; slice++) {
    const exit = vcpu.decodeExit(vcpu.run());
    if (exit.kind !== 'interrupted') return exit;
  }
  throw new Error(`vCPU ${vcpu.id} did not exit within ${MOST_SLICES} slices of 100 ms`);
}

function withVcpu<T>({ prepareVm, sizeBytes = DEFAULT_SIZE_BYTES, vmType }: GuestOptions, code: readonly number[], boot: (guest: Guest) => void, body: (guest: Guest) => T): T {
  const kvm = Kvm.open();
  const vm = kvm.createVm(vmType);
  const memory = nativeAddon().Mapping.anonymous(sizeBytes, PROT_READ | PROT_WRITE);
  let vcpu: Vcpu | undefined;
  try {
    vm.setIdentityMapAddr(IDENTITY_MAP_GPA);
    vm.setTssAddr(TSS_GPA);
    prepareVm?.(vm);
    const slot = vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes, mapping: memory });
    const created = (vcpu = vm.createVcpu(0));
    const guest: Guest = { kvm, vm, vcpu, memory, slot, runToExit: () => runToExit(created) };
    memory.write(CODE_GPA, Uint8Array.from(code));
    boot(guest);
    return body(guest);
  } finally {
    vcpu?.close();
    vm.close();
    memory.close();
    kvm.close();
  }
}

/** Runs `body` with a VM that has memory with real-mode code at CODE_GPA (`mov $0x42, %al; out %al, $0x10`) and no vCPU yet. */
export async function withSharedVm(body: (vm: Vm) => Promise<void>): Promise<void> {
  const kvm = Kvm.open();
  const vm = kvm.createVm();
  const memory = nativeAddon().Mapping.anonymous(DEFAULT_SIZE_BYTES, PROT_READ | PROT_WRITE);
  try {
    vm.setIdentityMapAddr(IDENTITY_MAP_GPA);
    vm.setTssAddr(TSS_GPA);
    vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes: DEFAULT_SIZE_BYTES, mapping: memory });
    memory.write(CODE_GPA, Uint8Array.of(0xb0, 0x42, 0xe6, 0x10));
    await body(vm);
  } finally {
    vm.close();
    memory.close();
    kvm.close();
  }
}

/** Runs `body` with a real-mode guest about to run `code`; everything is closed afterwards. */
export function withRealModeGuest<T>(code: readonly number[], body: (guest: Guest) => T, options: GuestOptions = {}): T {
  return withVcpu(options, code, bootRealMode, body);
}

/** Makes a vCPU start at CODE_GPA in real mode. */
export function bootRealMode({ vcpu }: { readonly vcpu: Vcpu }): void {
  const sregs = vcpu.getSregs();
  // CODE_GPA is 0x1000 paragraphs: CS holds it, so that IP starts at 0.
  sregs.cs.setNumber('base', CODE_GPA);
  sregs.cs.setNumber('selector', CODE_GPA >>> 4);
  vcpu.setSregs(sregs);
  const regs = vcpu.getRegs();
  regs.setNumber('rip', 0);
  regs.setNumber('rsp', 0x8000);
  regs.setNumber('rflags', RFLAGS_FIXED);
  vcpu.setRegs(regs);
}

/** Points DS at `base`, a multiple of 16 below 1 MiB. The limit stays: hosts that emulate real mode know no other. */
export function setRealModeDataSegment({ vcpu }: Guest, base: number): void {
  const sregs = vcpu.getSregs();
  sregs.ds.setNumber('base', base);
  sregs.ds.setNumber('selector', base >>> 4);
  vcpu.setSregs(sregs);
}

/** Gives a real-mode guest a handler for `vector`: `code` at HANDLER_GPA. */
export function setRealModeHandler({ memory }: Guest, vector: number, code: readonly number[]): void {
  memory.write(HANDLER_GPA, Uint8Array.from(code));
  const entry = new Uint8Array(4);
  new DataView(entry.buffer).setUint16(2, HANDLER_GPA >>> 4, true);
  memory.write(vector * 4, entry);
}

const PML4_GPA = 0x1000;
const PDPT_GPA = 0x2000;
const PAGE_DIRECTORY_GPA = 0x3000;
const PRESENT_WRITABLE_USER = 0x7n;
const LARGE_PAGE = 1n << 7n;

/** Runs `body` with a long-mode guest about to run `code` at CPL3; the first GiB is mapped one to one. No IDT: an exception ends it. */
export function withUserModeGuest<T>(code: readonly number[], body: (guest: Guest) => T, options: GuestOptions = {}): T {
  return withVcpu(options, code, bootUserMode, body);
}

function bootUserMode({ kvm, vcpu, memory }: Guest): void {
  // A vCPU without CPUID has no long mode: kvm_amd then refuses EFER.LME.
  vcpu.setCpuid(kvm.supportedCpuid());
  const entries = (at: number, values: readonly bigint[]): void => {
    memory.write(at, new Uint8Array(BigUint64Array.from(values).buffer));
  };
  entries(PML4_GPA, [BigInt(PDPT_GPA) | PRESENT_WRITABLE_USER]);
  entries(PDPT_GPA, [BigInt(PAGE_DIRECTORY_GPA) | PRESENT_WRITABLE_USER]);
  entries(
    PAGE_DIRECTORY_GPA,
    Array.from({ length: 512 }, (_, at) => (BigInt(at) << 21n) | PRESENT_WRITABLE_USER | LARGE_PAGE),
  );
  const sregs = vcpu.getSregs();
  sregs.setNumber('cr3', PML4_GPA);
  sregs.setNumber('cr4', CR4_PAE);
  sregs.setNumber('cr0', CR0_PE + CR0_ET + CR0_NE + CR0_PG);
  sregs.setNumber('efer', EFER_LME | EFER_LMA);
  const segment = (view: StructView<SegmentField>, values: Partial<Record<SegmentField, number>>): void => {
    const flat = { base: 0, limit: 0xffff_ffff, present: 1, dpl: 3, s: 1, g: 1, unusable: 0, ...values };
    for (const [field, value] of Object.entries(flat) as [SegmentField, number][]) view.setNumber(field, value);
  };
  segment(sregs.cs, { selector: 0x23, type: 11, l: 1, db: 0 });
  for (const data of [sregs.ss, sregs.ds, sregs.es, sregs.fs, sregs.gs]) segment(data, { selector: 0x1b, type: 3, l: 0, db: 1 });
  segment(sregs.tr, { selector: 0x28, type: 11, s: 0, dpl: 0, g: 0, limit: 0x67, l: 0, db: 0 });
  sregs.idt.setNumber('limit', 0);
  sregs.gdt.setNumber('limit', 0);
  vcpu.setSregs(sregs);
  const regs = vcpu.getRegs();
  regs.setNumber('rip', CODE_GPA);
  regs.setNumber('rsp', 0x8000);
  regs.setNumber('rflags', RFLAGS_FIXED);
  vcpu.setRegs(regs);
}
