/**
 * The memslot of a model: whether interception is on, and which pages the guest's second-level page tables map. Pure, in words of its own.
 *
 * Interception bits are user space's memory and not here: whoever reports a fault says what the bits of its page are.
 */
import { KVM_MEM_USERFAULT } from './userfault/constants.js';

const FLAGS = 0;
const ZAPS = 1;
const MAPPED = 2;

/** See the module's comment. */
export class SlotModel {
  /** @param words - {@link SlotModel.wordCount} of them, zero at first */
  constructor(private readonly words: Int32Array) {}

  /** Words that a slot of `pages` takes. */
  static wordCount(pages: number): number {
    return MAPPED + Math.ceil(pages / 32);
  }

  /** The proposal's memslot flags; all bits set after {@link setIntercepting}. */
  get flags(): number {
    return this.words[FLAGS];
  }

  /** True while KVM_MEM_USERFAULT is set. */
  get intercepting(): boolean {
    return (this.flags & KVM_MEM_USERFAULT) !== 0;
  }

  /** How often every mapping of the slot was zapped. */
  get zaps(): number {
    return this.words[ZAPS];
  }

  /** True while an access to the page needs no fault. */
  isMapped(page: number): boolean {
    return (this.words[MAPPED + (page >>> 5)] & (1 << (page & 31))) !== 0;
  }

  /** KVM mapped the page for the guest. */
  map(page: number): void {
    this.words[MAPPED + (page >>> 5)] |= 1 << (page & 31);
  }

  /** The memory behind the page went away (MADV_DONTNEED, a hole punched): KVM's MMU notifier unmapped it. */
  unmap(page: number): void {
    this.words[MAPPED + (page >>> 5)] &= ~(1 << (page & 31));
  }

  /**
   * Flags change. Turning interception on zaps every mapping, so that bits set since are looked at; the same flags again do nothing.
   * @returns true when mappings were zapped
   */
  setFlags(flags: number): boolean {
    const zaps = !this.intercepting && (flags & KVM_MEM_USERFAULT) !== 0;
    this.words[FLAGS] = flags;
    if (!zaps) return false;
    this.words.fill(0, MAPPED);
    this.words[ZAPS]++;
    return true;
  }

  /** {@link setFlags} with every flag that a proposal could have, or none. */
  setIntercepting(on: boolean): boolean {
    return this.setFlags(on ? -1 : 0);
  }
}
