/**
 * The memslot of a model: whether interception is on, and which pages the guest's second-level page tables map. Pure, in words of its own.
 *
 * Interception bits are user space's memory and not here: whoever reports a fault says what the bits of its page are.
 */

const INTERCEPTING = 0;
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

  /** True while the slot's flag (KVM_MEM_USERFAULT or a proposal's like) is set. */
  get intercepting(): boolean {
    return this.words[INTERCEPTING] !== 0;
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
   * KVM_SET_USER_MEMORY_REGION2 with FLAGS_ONLY changes. Turning interception on zaps every mapping, so that bits set since are looked at.
   * The same flags again do nothing.
   * @returns true when mappings were zapped
   */
  setIntercepting(on: boolean): boolean {
    if (on === this.intercepting) return false;
    this.words[INTERCEPTING] = on ? 1 : 0;
    if (!on) return false;
    this.words.fill(0, MAPPED);
    this.words[ZAPS]++;
    return true;
  }
}
