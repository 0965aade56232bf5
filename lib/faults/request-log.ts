/** The order in which pages were asked for, over all resolvers: a trace of the guest's accesses. */

const CURSOR = 0;
const PAGES = 1;

/** See the module's comment. Many writers; read when they are gone. */
export class RequestLog {
  private readonly words: Int32Array;

  /** @param buffer - made by {@link RequestLog.allocate} */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  /** Memory for `pageCount` requests: as many as there are pages, each being noted once. */
  static allocate(pageCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer((PAGES + pageCount) * 4);
  }

  /** Notes a request. One beyond the room there is is not noted. */
  note(page: number): void {
    const at = PAGES + Atomics.add(this.words, CURSOR, 1);
    if (at < this.words.length) this.words[at] = page;
  }

  /** What was noted. */
  pages(): Uint32Array {
    return Uint32Array.from(this.words.subarray(PAGES, Math.min(this.words.length, PAGES + Atomics.load(this.words, CURSOR))));
  }
}
