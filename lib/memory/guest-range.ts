/**
 * Where guest memory is in this process. The kernel speaks of host addresses where it tells of a page; people and guests know
 * guest-physical ones.
 */
import { gpaNumber, type GpaNumber } from './address.js';

/** Guest memory at one gpa and its mapping. One gpa may have several: each view of a window is a range. Plain data. */
export interface GuestRange {
  /** First byte, guest physical. */
  readonly gpa: number;
  /** First byte, host virtual. */
  readonly hva: number;
  readonly sizeBytes: number;
}

/** The range of a mapping that holds the guest's memory from `gpa` on. */
export function guestRange(gpa: GpaNumber, mapping: { readonly hva: bigint; readonly sizeBytes: number }): GuestRange {
  return { gpa, hva: Number(mapping.hva), sizeBytes: mapping.sizeBytes };
}

/**
 * The guest-physical address of a host virtual one.
 * @param ranges - of one guest
 * @param hva - any address of this process
 * @returns null where it is no guest memory
 */
export function gpaOfHva(ranges: readonly GuestRange[], hva: bigint): GpaNumber | null {
  const range = ranges.find((candidate) => hva >= BigInt(candidate.hva) && hva < BigInt(candidate.hva + candidate.sizeBytes));
  return range === undefined ? null : gpaNumber(range.gpa + Number(hva - BigInt(range.hva)));
}
