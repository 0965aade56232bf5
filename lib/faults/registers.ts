/** The registers that addresses are made of: names, how iced-x86's numbers map to them, and where their values come from. */
import type { Register } from 'iced-x86';
import { iced } from './iced.js';

/** General registers, in the order of their numbers in instructions. */
export const GPR_NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
/** A register of {@link GPR_NAMES}. */
export type GprName = (typeof GPR_NAMES)[number];

/** Vector and mask registers, as far as addresses are made of them. */
export interface VectorSource {
  /** Bits 32 * `at` to 32 * `at` + 31 of vector register `vector` (0 to 31), signed. */
  word(vector: number, at: number): number;
  /** Low 32 bits of mask register `register` (0 to 7). */
  mask(register: number): number;
}

/** The registers that the locator needs, as 32-bit halves (no BigInt on this path). */
export interface RegisterSource {
  low(name: GprName | 'rip'): number;
  high(name: GprName | 'rip'): number;
  /** Base of FS or GS. */
  segmentLow(name: 'fs' | 'gs'): number;
  segmentHigh(name: 'fs' | 'gs'): number;
  /** CR3 as a safe integer. */
  cr3(): number;
  /** Low half of CR4. */
  cr4(): number;
  /** Asked for only where an address depends on them: reading them may be dear. */
  vectors(): VectorSource;
}

/** A vCPU that is not in KVM_RUN: its registers, and what it was doing. */
export interface StoppedVcpu extends RegisterSource {
  /** 3 for CPL3; 0 for all others, which are supervisors alike. */
  cpl(): 0 | 3;
  /** RFLAGS.IF. */
  interrupts(): boolean;
}

/** The general register that a decoded base or index is (or is the lower half of); null for anything else. */
export function addressRegister(register: Register): GprName | null {
  const { RegisterExt } = iced();
  return RegisterExt.isGPR64(register) || RegisterExt.isGPR32(register) ? gprOf(register) : null;
}

/** The general register that a decoded register of any width is a part of. */
export function gprOf(register: Register): GprName {
  const { RegisterExt } = iced();
  return GPR_NAMES[RegisterExt.number(RegisterExt.fullRegister(register))];
}

/** 32-bit registers form a 32-bit address. */
export function isNarrow(register: Register): boolean {
  return iced().RegisterExt.isGPR32(register);
}

/** FS or GS, whose bases count in 64-bit mode; null for every other segment. */
export function segmentWithBase(segment: Register): 'fs' | 'gs' | null {
  const { Register } = iced();
  return segment === Register.FS ? 'fs' : segment === Register.GS ? 'gs' : null;
}
