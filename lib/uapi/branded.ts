/**
 * Addresses and page numbers that must not be mixed. Each is a plain bigint or number at run time; the brand exists only
 * for the compiler. The constructors check the range and throw RangeError, so a value from a guest passes through one.
 */
declare const brand: unique symbol;

/** Guest physical address, in bytes. */
export type Gpa = bigint & { readonly [brand]: 'gpa' };
/** Guest virtual address, in bytes. */
export type Gva = bigint & { readonly [brand]: 'gva' };
/** Host virtual address, in bytes. */
export type Hva = bigint & { readonly [brand]: 'hva' };
/** Guest frame number: gpa / 4096. */
export type Gfn = number & { readonly [brand]: 'gfn' };
/** Index of a page within one memory region or backing, from 0. */
export type PageIndex = number & { readonly [brand]: 'pageIndex' };

const PAGE_BITS = 12n;
const GPA_BITS = 52n;
const MAX_GFN = 2 ** 40 - 1;

function address(name: string, value: bigint | number): bigint {
  const exact = typeof value === 'number' ? (Number.isSafeInteger(value) ? BigInt(value) : -1n) : value;
  if (exact < 0n || exact >= 1n << 64n) throw new RangeError(`${value} is no ${name}`);
  return exact;
}

/** Checks a guest physical address: below 2^52, the most x86-64 has. */
export function gpa(value: bigint | number): Gpa {
  const exact = address('guest physical address', value);
  if (exact >> GPA_BITS !== 0n) throw new RangeError(`0x${exact.toString(16)} is no guest physical address`);
  return exact as Gpa;
}

/** Checks a guest virtual address: 64 bits. Whether it is canonical depends on the guest's paging mode. */
export function gva(value: bigint | number): Gva {
  return address('guest virtual address', value) as Gva;
}

/** Checks a host virtual address: 64 bits. */
export function hva(value: bigint | number): Hva {
  return address('host virtual address', value) as Hva;
}

/** Checks a guest frame number: an integer below 2^40. */
export function gfn(value: number): Gfn {
  if (!Number.isInteger(value) || value < 0 || value > MAX_GFN) throw new RangeError(`${value} is no guest frame number`);
  return value as Gfn;
}

/** Checks an index of a page; with `count`, also that it is below it. */
export function pageIndex(value: number, count = Number.MAX_SAFE_INTEGER): PageIndex {
  if (!Number.isInteger(value) || value < 0 || value >= count) throw new RangeError(`${value} is no index of ${count} pages`);
  return value as PageIndex;
}

/** The frame an address is in. */
export function gfnOfGpa(at: Gpa): Gfn {
  return Number(at >> PAGE_BITS) as Gfn;
}

/** The first byte of a frame. */
export function gpaOfGfn(frame: Gfn): Gpa {
  return (BigInt(frame) << PAGE_BITS) as Gpa;
}
