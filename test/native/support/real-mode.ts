/** The smallest guest: real mode, machine code as bytes, no tables. */
import { nativeAddon } from '../../../lib/native/index.js';
import type { NativeKvm, NativeMapping, NativeVcpu, NativeVm } from '../../../lib/native/index.js';
import { PROT_RW } from './constants.js';

/** Where the code is put and starts (cs.base 0). */
export const ENTRY = 0x1000;
export const MEMORY_BYTES = 0x10000;

/** A VM with 64 KiB at gpa 0 and one vCPU at ENTRY. */
export interface RealModeGuest {
  readonly kvm: NativeKvm;
  readonly vm: NativeVm;
  readonly vcpu: NativeVcpu;
  readonly memory: NativeMapping;
  readonly bytes: Uint8Array;
  /** struct kvm_run. */
  readonly run: DataView;
  exitReason(): number;
  close(): void;
}

/** Puts `code` at ENTRY and a vCPU in front of it. `prepare` sees the VM before its vCPU exists. */
export function realModeGuest(code: readonly number[], prepare?: (vm: NativeVm) => void): RealModeGuest {
  const { Kvm, Mapping } = nativeAddon();
  const kvm = new Kvm();
  const vm = kvm.createVm(0);
  prepare?.(vm);
  const memory = Mapping.anonymous(MEMORY_BYTES, PROT_RW);
  const bytes = new Uint8Array(memory.view());
  bytes.set(code, ENTRY);
  vm.setUserMemoryRegion(0, 0, 0n, MEMORY_BYTES, memory, 0);
  const vcpu = vm.createVcpu(0);
  enterRealMode(vcpu, ENTRY);
  const run = new DataView(vcpu.runArea());
  return {
    kvm,
    vm,
    vcpu,
    memory,
    bytes,
    run,
    exitReason: () => run.getUint32(8, true),
    close() {
      for (const handle of [vcpu, vm, memory, kvm]) handle.close();
    },
  };
}

/** Makes cs flat and sets rip. */
export function enterRealMode(vcpu: NativeVcpu, rip: number): void {
  const sregs = new Uint8Array(312);
  vcpu.getSregs(sregs);
  const view = new DataView(sregs.buffer);
  view.setBigUint64(0, 0n, true); // cs.base
  view.setUint16(12, 0, true); // cs.selector
  vcpu.setSregs(sregs);
  setRip(vcpu, rip);
}

/** Sets rip; the other registers are zero, rflags has only its fixed bit. */
export function setRip(vcpu: NativeVcpu, rip: number): void {
  const regs = new Uint8Array(144);
  const view = new DataView(regs.buffer);
  view.setBigUint64(128, BigInt(rip), true);
  view.setBigUint64(136, 2n, true);
  vcpu.setRegs(regs);
}

/** Reads one field of struct kvm_regs at byte `offset`. */
export function register(vcpu: NativeVcpu, offset: number): bigint {
  const regs = new Uint8Array(144);
  vcpu.getRegs(regs);
  return new DataView(regs.buffer).getBigUint64(offset, true);
}

export const HLT = [0xf4];
/** jmp $ */
export const SPIN = [0xeb, 0xfe];
/** again: inc ax; out 0x10, ax; jmp again */
export const COUNT_TO_PORT = [0x40, 0xe7, 0x10, 0xeb, 0xfb];
