/**
 * Which pages of a memslot are intercepted, and how: one userfault bitmap, or two where an interface tells pages that user space has at hand
 * from those that take their time. KVM (or its emulation) only reads them.
 *
 * With two, a page whose S bit is set is intercepted without a word to the guest, whatever its A bit says; one whose A bit alone is set becomes an
 * async page fault. Every change is one atomic operation after the other and passes only through states in which the page stays intercepted.
 */
import type { UserfaultBitmap } from './userfault-bitmap.js';

/** Bit of {@link InterceptedPages.bits}: intercepted, and where there are two bitmaps without a word to the guest. */
export const INTERCEPT_SYNC = 1;
/** Bit of {@link InterceptedPages.bits}: intercepted as an async page fault, unless {@link INTERCEPT_SYNC} is set. */
export const INTERCEPT_ASYNC = 2;

/** See the module's comment. Page indexes are checked by the callers. */
export class InterceptedPages {
  /** @param async - null where there is one bitmap */
  constructor(
    private readonly sync: UserfaultBitmap,
    private readonly async: UserfaultBitmap | null,
  ) {}

  get pageCount(): number {
    return this.sync.pageCount;
  }

  /** True where the interface tells two kinds of interception apart. */
  get hasClasses(): boolean {
    return this.async !== null;
  }

  /** {@link INTERCEPT_SYNC} and {@link INTERCEPT_ASYNC}; 0 for a page that is not intercepted. */
  bits(page: number): number {
    return (this.sync.test(page) ? INTERCEPT_SYNC : 0) | (this.async?.test(page) === true ? INTERCEPT_ASYNC : 0);
  }

  /** True while the page is intercepted. */
  test(page: number): boolean {
    return this.sync.test(page) || this.async?.test(page) === true;
  }

  /** Intercepts one page, without a word to the guest. */
  set(page: number): void {
    this.sync.set(page);
  }

  /** Ends the interception of a page, whose contents are in place. */
  clear(page: number): void {
    this.async?.clear(page);
    this.sync.clear(page);
  }

  /** From now on a fault of this intercepted page is not told to the guest. Nothing where there is one bitmap. */
  makeSync(page: number): void {
    if (this.async === null) return;
    this.sync.set(page);
    this.async.clear(page);
  }

  /** From now on a fault of this intercepted page is told to the guest where it can be. Nothing where there is one bitmap. */
  makeAsync(page: number): void {
    if (this.async === null) return;
    this.async.set(page);
    this.sync.clear(page);
  }
}
