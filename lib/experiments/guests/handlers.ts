/** Gives a vector of the probes' tiny guest a handler of its own, and the few machine instructions that handlers share. */
import type { TinyGuest } from '../../probes/index.js';

const STUB_BYTES = 16;
/** Where a stub's own OUT goes when its first bytes become a jump. */
const MOVED_STUB = 8;

/** A number as four bytes of an instruction. */
export const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
/** inc qword [address]. */
export const increment = (address: number): number[] => [0x48, 0xff, 0x04, 0x25, ...word(address)];
/** wrmsr of a 32-bit value; overwrites eax, ecx and edx. */
export const writeMsr = (index: number, value: number): number[] => [0xb9, ...word(index), 0xb8, ...word(value), 0x31, 0xd2, 0x0f, 0x30];
/** jmp, from the address of the instruction. */
export const jump = (from: number, to: number): number[] => [0xe9, ...word(to - (from + 5))];

/**
 * Writes a handler to `at` and lets the vector's stub jump there.
 * @param handler - its code, given where what the stub did before can be had
 * @returns where the handler ends
 */
export function placeHandler({ memory }: Pick<TinyGuest, 'memory'>, vector: number, at: number, handler: (fallBack: number) => number[]): number {
  const stub = memory.handlerOf(vector);
  const { bytes } = memory.ram;
  bytes.copyWithin(stub + MOVED_STUB, stub, stub + STUB_BYTES - MOVED_STUB);
  bytes.set(jump(stub, at), stub);
  const code = handler(stub + MOVED_STUB);
  bytes.set(code, at);
  return at + code.length;
}
