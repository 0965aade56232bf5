/**
 * What an instruction form is: one instruction, the registers and memory it starts from, and the pages of the window that it cannot do
 * without, known from how the form was made and from nothing else.
 */
import type { RegName } from '../../../lib/uapi/index.js';

/** gpa and gva of the window, in which every page is missing unless a form says otherwise. */
export const WINDOW = 0x4000_0000;
/** Pages of the window. */
export const WINDOW_PAGES = 16;
/** Where a form's code begins, unless it says otherwise: a page that is always present. */
export const CODE = 0x2_0000;
/** Code that ends a form, in a page that is always present: for calls, jumps and returns to lead to. */
export const TARGET = CODE + 0x800;
/** Where a form's constants are; always present. */
export const CONSTANTS = 0x2_1000;
/** Page tables map this gva to {@link TABLED_PAGE} of the window; the last of those tables is in {@link TABLE_PAGE}. */
export const TABLED = 0x6000_0000;
export const TABLED_PAGE = 1;
export const TABLE_PAGE = 14;
/** The GDT, always present. */
export const GDT = 0x2_2000;
/** A stack that is always present, for forms that are not about the stack. */
export const STACK = 0x2_2800;
/** Mapped, without memory behind it: a write there leaves the guest, which ends a form. */
export const END = 0x80_0000;

/** Address in page `index` of the window. */
export function page(index: number, offset = 0): number {
  return WINDOW + index * 4096 + offset;
}

/** A feature of the CPU that not every host has. */
export type Feature = 'movbe' | 'popcnt' | 'cmpxchg16b' | 'clzero' | 'monitorx' | 'avx' | 'avx2' | 'avx512f';

/** See the module's comment. */
export interface Form {
  readonly title: string;
  /** GNU syntax, position-independent. Only the last instruction is under test; those before it make it ready. */
  readonly assembly: string;
  readonly registers?: Readonly<Partial<Record<RegName, number | bigint>>>;
  readonly fsBase?: number;
  readonly gsBase?: number;
  /** Where in the window the GDT is; a copy of it that is always present when left out. */
  readonly gdtBase?: number;
  /** Where the IDT is; there is none when left out. */
  readonly idtBase?: number;
  /** 64-bit words by address in the window. What is not named here repeats from page to page. */
  readonly memory?: readonly (readonly [address: number, word: number | bigint])[];
  /** 64-bit words from {@link CONSTANTS} on, for the form's code to load. */
  readonly constants?: readonly (number | bigint)[];
  /** Where the code lies; {@link CODE} when left out. */
  readonly at?: number;
  /** Where in the window the code that ends a form is to be found as well. */
  readonly endsAt?: number;
  /** Pages of the window that are present from the start. */
  readonly present?: readonly number[];
  /**
   * The pages that the guest stops for, in order. Those of one stop are needed by one step of the instruction; which of them the CPU asks
   * for first is its own affair.
   */
  readonly stops: readonly (readonly number[])[];
  /**
   * Pages that the locator names and that CPUs differ about: masked out by all but a lane of a vector, checked without being read or
   * written, cached or not.
   */
  readonly optional?: readonly number[];
  /** The last stop is followed by an exception: the guest's own fault. */
  readonly raises?: true;
  /** No operand of the instruction: only a kernel that names the page can say which it is. */
  readonly onlyNamed?: true;
  /** KVM's emulator, where it executes CPL0, cannot make this access of a missing page. */
  readonly notEmulated?: true;
  readonly needs?: readonly Feature[];
}

/** A form with one access of `sizeBytes` at `register`, in every position to the borders of pages: within, and across with either or both missing. */
export function everyPosition(title: string, assembly: string, register: RegName, sizeBytes: number, more: Partial<Form> = {}): Form[] {
  const at = (address: number): Partial<Form> => ({ ...more, registers: { ...more.registers, [register]: address } });
  const across = page(4, -sizeBytes / 2);
  const forms: Form[] = [{ ...at(page(2, 0x140)), title, assembly, stops: [[2]] }];
  if (sizeBytes === 1) return forms;
  return [
    ...forms,
    { ...at(across), title: `${title}, across pages, the first missing`, assembly, present: [4], stops: [[3]] },
    { ...at(across), title: `${title}, across pages, the second missing`, assembly, present: [3], stops: [[4]] },
    { ...at(across), title: `${title}, across pages, both missing`, assembly, stops: [[3, 4]] },
  ];
}
