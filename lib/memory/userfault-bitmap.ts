/**
 * One bit for each gfn of a memslot: set = the page is missing and an access must reach the VMM, clear = go on.
 *
 * The shape is the one of the KVM_MEM_USERFAULT proposal: an array of 64-bit words in memory that user space owns, bit n % 64 of
 * word n / 64, little endian, so a 32-bit lane holds bits 32 * lane to 32 * lane + 31. KVM (or its emulation) only reads it.
 * A bit is cleared after the page's contents were written; JavaScript's Atomics are sequentially consistent, which includes
 * the store-release that the proposal asks for.
 */

/** Bytes that a bitmap over `pageCount` pages takes: whole 64-bit words. */
export function userfaultBitmapSizeBytes(pageCount: number): number {
  return Math.ceil(pageCount / 64) * 8;
}

/** Atomic access to a userfault bitmap. */
export class UserfaultBitmap {
  private readonly lanes: Int32Array;

  /**
   * @param buffer - memory that every Worker (and, natively, KVM) sees
   * @param pageCount - pages covered
   * @throws RangeError when the buffer is too short
   */
  constructor(
    buffer: ArrayBufferLike,
    readonly pageCount: number,
    byteOffset = 0,
  ) {
    const sizeBytes = userfaultBitmapSizeBytes(pageCount);
    if (byteOffset + sizeBytes > buffer.byteLength) {
      throw new RangeError(
        `a userfault bitmap of ${pageCount} pages takes ${sizeBytes} bytes, the buffer has ${buffer.byteLength - byteOffset}`,
      );
    }
    this.lanes = new Int32Array(buffer, byteOffset, sizeBytes / 4);
  }

  /** True while the page is missing. Callers check `page` against {@link pageCount}. */
  test(page: number): boolean {
    return (Atomics.load(this.lanes, page >>> 5) & (1 << (page & 31))) !== 0;
  }

  /** Marks one page missing. */
  set(page: number): void {
    Atomics.or(this.lanes, page >>> 5, 1 << (page & 31));
  }

  /** Marks one page present. True when this call did it, false when it was already so (somebody else won). */
  clear(page: number): boolean {
    const bit = 1 << (page & 31);
    return (Atomics.and(this.lanes, page >>> 5, ~bit) & bit) !== 0;
  }

  /** Marks every page missing; bits beyond the last page stay clear. Not atomic as a whole: call before the guest runs. */
  setAll(): void {
    this.lanes.fill(0);
    this.lanes.fill(-1, 0, this.pageCount >>> 5);
    const rest = this.pageCount & 31;
    if (rest !== 0) this.lanes[this.pageCount >>> 5] = (1 << rest) - 1;
  }

  /** Pages still missing; a snapshot. */
  count(): number {
    let total = 0;
    for (let lane = 0; lane < this.lanes.length; lane++) {
      let bits = Atomics.load(this.lanes, lane) >>> 0;
      while (bits !== 0) {
        bits &= bits - 1;
        total++;
      }
    }
    return total;
  }
}
