/**
 * GDT, TSS and IDT of a long-mode guest. Source: Intel SDM vol. 3, protected-mode and 64-bit system data structures.
 */
import * as abi from './abi.js';

/** A handler that the guest's ELF exports. */
export interface VectorHandler {
  readonly vector: number;
  /** Interrupt stack table index, 0 for none. */
  readonly ist: number;
  /** Lowest privilege from which `int` may enter: 0 or 3. */
  readonly dpl: number;
  readonly handler: number;
}

const CODE_64_KERNEL = 0x00af9b000000ffffn;
const DATA_KERNEL = 0x00cf93000000ffffn;
const DATA_USER = 0x00cff3000000ffffn;
const CODE_64_USER = 0x00affb000000ffffn;
/** Bytes of a 64-bit TSS. */
export const TSS_BYTES = 104;
/** Bytes of the GDT, the two-slot TSS descriptor included. */
export const GDT_BYTES = abi.SELECTOR_TSS + 16;
const BUSY_TSS_64 = 0x8bn;
/** Present, DPL 0. */
const INTERRUPT_GATE_64 = 0x8e;

/**
 * Writes GDT and TSS into a descriptor page.
 * @param page - the page's bytes
 * @param gva - its address in the guest
 * @param stackTop - RSP0
 * @param istStacks - IST1 and on
 */
export function writeDescriptorPage(page: DataView, gva: number, stackTop: number, istStacks: readonly number[]): void {
  const tss = BigInt(gva + abi.TSS_OFFSET);
  page.setBigUint64(abi.SELECTOR_KERNEL_CODE, CODE_64_KERNEL, true);
  page.setBigUint64(abi.SELECTOR_KERNEL_DATA, DATA_KERNEL, true);
  page.setBigUint64(abi.SELECTOR_USER_DATA & ~7, DATA_USER, true);
  page.setBigUint64(abi.SELECTOR_USER_CODE & ~7, CODE_64_USER, true);
  const limit = BigInt(TSS_BYTES - 1);
  const low = limit | ((tss & 0xffffffn) << 16n) | (BUSY_TSS_64 << 40n) | (((tss >> 24n) & 0xffn) << 56n);
  page.setBigUint64(abi.SELECTOR_TSS, low, true);
  page.setBigUint64(abi.SELECTOR_TSS + 8, tss >> 32n, true);

  page.setBigUint64(abi.TSS_OFFSET + 4, BigInt(stackTop), true);
  istStacks.forEach((stack, i) => page.setBigUint64(abi.TSS_OFFSET + 36 + i * 8, BigInt(stack), true));
  // I/O permission map beyond the limit: no ports at CPL3.
  page.setUint16(abi.TSS_OFFSET + 102, TSS_BYTES, true);
}

/** Writes interrupt gates (IF cleared on entry) for the given handlers; everything else stays not present. */
export function writeIdt(page: DataView, handlers: readonly VectorHandler[]): void {
  for (const { vector, ist, dpl, handler } of handlers) {
    const at = vector * 16;
    page.setUint16(at, handler & 0xffff, true);
    page.setUint16(at + 2, abi.SELECTOR_KERNEL_CODE, true);
    page.setUint8(at + 4, ist);
    page.setUint8(at + 5, INTERRUPT_GATE_64 | (dpl << 5));
    page.setUint16(at + 6, (handler >>> 16) & 0xffff, true);
    page.setUint32(at + 8, Math.floor(handler / 0x100000000), true);
  }
}
