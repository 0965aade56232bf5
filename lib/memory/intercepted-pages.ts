/**
 * Which pages of a memslot are intercepted, and how: a userfault bitmap of one bit a page, or of two side by side where an interface tells
 * pages that user space has at hand from those that take their time. KVM (or its emulation) only reads it.
 *
 * With two bits, a page whose S bit is set is intercepted without a word to the guest, whatever its A bit says; one whose A bit alone is set becomes
 * an async page fault. Page n has bits 2n (S) and 2n + 1 (A) of the bitmap: a reader takes both with one load, a class changes by one atomic operation.
 */
import { userfaultBitmapSizeBytes } from './userfault-bitmap.js';

/** Bit of {@link InterceptedPages.bits}: intercepted, and where a page has two bits without a word to the guest. */
export const INTERCEPT_SYNC = 1;
/** Bit of {@link InterceptedPages.bits}: intercepted as an async page fault, unless {@link INTERCEPT_SYNC} is set. */
export const INTERCEPT_ASYNC = 2;

/** Bytes of the bitmap over `pageCount` pages: whole 64-bit words. */
export function interceptedPagesSizeBytes(pageCount: number, bitsPerPage: 1 | 2): number {
  return userfaultBitmapSizeBytes(pageCount * bitsPerPage);
}

/** See the module's comment. Page indexes are checked by the callers. */
export class InterceptedPages {
  private readonly lanes: Int32Array;
  private readonly mask: number;
  private readonly shift: number;

  /**
   * @param buffer - memory that every Worker (and, natively, KVM) sees
   * @throws RangeError when it is too short
   */
  constructor(
    buffer: ArrayBufferLike,
    readonly pageCount: number,
    readonly bitsPerPage: 1 | 2,
  ) {
    this.lanes = new Int32Array(buffer, 0, interceptedPagesSizeBytes(pageCount, bitsPerPage) / 4);
    this.mask = bitsPerPage === 1 ? INTERCEPT_SYNC : INTERCEPT_SYNC | INTERCEPT_ASYNC;
    this.shift = bitsPerPage - 1;
  }

  /** {@link INTERCEPT_SYNC} and {@link INTERCEPT_ASYNC}; 0 for a page that is not intercepted. */
  bits(page: number): number {
    const bit = page << this.shift;
    return (Atomics.load(this.lanes, bit >>> 5) >>> (bit & 31)) & this.mask;
  }

  /** True while the page is intercepted. */
  test(page: number): boolean {
    return this.bits(page) !== 0;
  }

  /** Intercepts one page, without a word to the guest where it has two bits. */
  set(page: number): void {
    const bit = page << this.shift;
    Atomics.or(this.lanes, bit >>> 5, INTERCEPT_SYNC << (bit & 31));
  }

  /** Ends the interception of a page whose contents are in place, with release order. */
  clear(page: number): void {
    const bit = page << this.shift;
    Atomics.and(this.lanes, bit >>> 5, ~(this.mask << (bit & 31)));
  }

  /** Intercepts every page. Not atomic as a whole: before the guest runs. */
  setAll(): void {
    this.lanes.fill(0);
    for (let page = 0; page < this.pageCount; page++) this.set(page);
  }

  /**
   * Says what a fault of an intercepted page is to be from now on: told to the guest where it can be, or not. Nothing where a page has one bit, and for a
   * page that is not intercepted. For the one thread that may end the page's interception: it would be set again otherwise.
   */
  classify(page: number, async: boolean): void {
    const now = this.bits(page);
    const wanted = async ? INTERCEPT_ASYNC : INTERCEPT_SYNC;
    if (this.bitsPerPage === 1 || now === 0 || now === wanted) return;
    const bit = page << this.shift;
    Atomics.xor(this.lanes, bit >>> 5, (now ^ wanted) << (bit & 31));
  }
}
