/** Machine code of the suite's guest. */

/** Ports by which the guest tells the VMM: a vector was taken; code at CPL0 came to its end. */
export const VECTOR_PORT = 0xf0;
export const END_PORT = 0xf2;

/** Where a page under test has its value; its first byte is a RET, for instruction fetches. */
export const VALUE_OFFSET = 8;
/** First byte of a page that is to be executed. */
export const RET = 0xc3;

/** Pieces of code: an access of the page in RBX, an MSR access, a loop that does nothing. */
export type GuestCode = 'load' | 'store' | 'fetch' | 'wrmsr' | 'rdmsr' | 'spin';

/** One piece, at the same offset of both pages of code. */
interface Piece {
  readonly offset: number;
  readonly kernel: readonly number[];
  readonly user: readonly number[];
  /** Bytes before the instruction that ends it at CPL3. */
  readonly userEnd: number;
}

/** `out %al, $port`. */
const out = (port: number): number[] => [0xe6, port];
/** Who runs on stays on the spot. */
const STAY = [0xeb, 0xfe];
/** The one trap from CPL3 that every host has. */
const UD2 = [0x0f, 0x0b];

function piece(offset: number, code: readonly number[]): Piece {
  return { offset, kernel: [...code, ...out(END_PORT), ...STAY], user: [...code, ...UD2], userEnd: code.length };
}

/** See {@link GuestCode}. */
export const GUEST_CODE: Readonly<Record<GuestCode, Piece>> = {
  load: piece(0x00, [0x8a, 0x43, VALUE_OFFSET]), // mov al,[rbx+8]
  store: piece(0x10, [0x88, 0x43, VALUE_OFFSET]), // mov [rbx+8],al
  fetch: piece(0x20, [0xff, 0xd3]), // call rbx
  wrmsr: piece(0x30, [0x0f, 0x30]),
  rdmsr: piece(0x40, [0x0f, 0x32]),
  spin: piece(0x50, STAY),
};

const FIRST_INTERRUPT = 32;
/** push rax, rcx, rdx; write 0 to the x2APIC's EOI register; pop them. */
const END_OF_INTERRUPT = [0x50, 0x51, 0x52, 0xb9, 0x0b, 0x08, 0x00, 0x00, 0x31, 0xc0, 0x31, 0xd2, 0x0f, 0x30, 0x5a, 0x59, 0x58];
const DROP_ERROR_CODE = [0x48, 0x83, 0xc4, 0x08]; // add rsp,8
const IRETQ = [0x48, 0xcf];

/** The handler of a vector: acknowledges an interrupt, tells the VMM, returns. */
export function stubOf(vector: number, hasErrorCode: boolean): number[] {
  return [...(vector < FIRST_INTERRUPT ? [] : END_OF_INTERRUPT), ...out(VECTOR_PORT), ...(hasErrorCode ? DROP_ERROR_CODE : []), ...IRETQ];
}
