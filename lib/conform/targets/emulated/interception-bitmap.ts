/** The bitmap of interception bits: user space writes bytes, KVM reads unsigned longs. */

/** KVM_MEM_USERFAULT_ASYNC: two bits a page. */
const TWO_BITS_FLAG = 1 << 4;
const BITS_PER_WORD = 64;

/** See the module's comment. */
export class InterceptionBitmap {
  private readonly bytes: Uint8Array;
  private readonly words: BigUint64Array;
  private hidden = false;

  /** @param bitsPerPage - as user space lays it out */
  constructor(
    pages: number,
    private readonly bitsPerPage: 1 | 2,
  ) {
    this.words = new BigUint64Array(Math.ceil((pages * bitsPerPage) / BITS_PER_WORD));
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** User space reads a page's bits. */
  get(page: number): number {
    const bit = page * this.bitsPerPage;
    return (this.bytes[bit >>> 3] >>> (bit & 7)) & this.mask;
  }

  /** User space writes a page's bits. */
  set(page: number, bits: number): void {
    const bit = page * this.bitsPerPage;
    this.bytes[bit >>> 3] = (this.bytes[bit >>> 3] & ~(this.mask << (bit & 7))) | ((bits & this.mask) << (bit & 7));
  }

  /** Nobody can read it any more. */
  hide(): void {
    this.hidden = true;
  }

  /**
   * KVM reads a page's bits in one load: -1 when it cannot.
   * @param slotFlags - as the slot has them
   */
  load(page: number, slotFlags: number): number {
    if (this.hidden) return -1;
    const width = (slotFlags & TWO_BITS_FLAG) === 0 ? 1 : 2;
    const bit = page * width;
    const word = this.words[Math.floor(bit / BITS_PER_WORD)];
    return Number((word >> BigInt(bit % BITS_PER_WORD)) & BigInt((1 << width) - 1));
  }

  private get mask(): number {
    return (1 << this.bitsPerPage) - 1;
  }
}
