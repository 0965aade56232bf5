/**
 * Guest-physical addresses on hot paths. KVM's edge speaks BigInt (`Gpa`); inside the VMM an address is a safe-integer Number, since a
 * BigInt is an allocation. Every physical address fits: x86 has at most 52 bits of them.
 */
declare const physical: unique symbol;

/** A guest-physical address in bytes, a safe integer. */
export type GpaNumber = number & { readonly [physical]: true };

/**
 * Brands a Number as a guest-physical address.
 * @param value - bytes; must be a non-negative safe integer
 * @throws RangeError when it is not
 */
export function gpaNumber(value: number): GpaNumber {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no guest-physical address`);
  return value as GpaNumber;
}
