/**
 * The area of KVM_GET_XSAVE: vector and mask registers in the standard format of XSAVE (SDM volume 1, 13.4). Where its parts lie is the
 * CPU's to say, in CPUID leaf 0xd.
 */
import { findCpuid, type CpuidEntry } from './cpuid.js';

/** struct kvm_xsave without what KVM_CAP_XSAVE2 adds. */
export const KVM_XSAVE_BYTES = 4096;

const CPUID_XSTATE = 0xd;
/** Part numbers, which are bits of XCR0 and subleaves of {@link CPUID_XSTATE}. */
const UPPER_YMM = 2;
const MASKS = 5;
const UPPER_ZMM = 6;
const HIGH_ZMM = 7;
/** The lower halves of the first sixteen registers, where FXSAVE has them. */
const XMM_OFFSET = 160;
/** Registers from here on exist in AVX-512 alone, and lie in one piece. */
const FIRST_HIGH = 16;

/** Reads registers out of an XSAVE area, in place. What this CPU does not have reads as zero, as do registers in their initial state. */
export class XsaveView {
  readonly bytes = new Uint8Array(KVM_XSAVE_BYTES);
  readonly #data = new DataView(this.bytes.buffer);
  readonly #offsets: ReadonlyMap<number, number>;

  /** `cpuid` is the vCPU's. */
  constructor(cpuid: readonly CpuidEntry[]) {
    this.#offsets = new Map([UPPER_YMM, MASKS, UPPER_ZMM, HIGH_ZMM].map((part) => [part, findCpuid(cpuid, CPUID_XSTATE, part)?.ebx ?? 0]));
  }

  /** Bits 32 * `at` to 32 * `at` + 31 of vector register `vector` (0 to 31; `at` 0 to 15), signed. */
  word(vector: number, at: number): number {
    if (vector >= FIRST_HIGH) return this.#read(HIGH_ZMM, (vector - FIRST_HIGH) * 64 + at * 4);
    if (at < 4) return this.#data.getInt32(XMM_OFFSET + vector * 16 + at * 4, true);
    return at < 8 ? this.#read(UPPER_YMM, vector * 16 + (at - 4) * 4) : this.#read(UPPER_ZMM, vector * 32 + (at - 8) * 4);
  }

  /** Low 32 bits of mask register `register` (0 to 7). */
  mask(register: number): number {
    return this.#read(MASKS, register * 8);
  }

  #read(part: number, at: number): number {
    const offset = this.#offsets.get(part) ?? 0;
    return offset === 0 || offset + at + 4 > KVM_XSAVE_BYTES ? 0 : this.#data.getInt32(offset + at, true);
  }
}
