/**
 * Where each page of the window stands, shared by vCPU and resolver Workers: missing, requested, present. One 32-bit word a page, so
 * that a vCPU can sleep on exactly the page it needs.
 */

/** The states of a page. They only move forward, unless the page is discarded. */
export const PageState = { MISSING: 0, REQUESTED: 1, PRESENT: 2 } as const;

/** See the module's comment. Page indexes are checked by the callers. */
export class PageStates {
  private readonly words: Int32Array;

  /** @param buffer - made by {@link PageStates.allocate} */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  /** Memory for `pageCount` pages, all missing. */
  static allocate(pageCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer(pageCount * 4);
  }

  get pageCount(): number {
    return this.words.length;
  }

  /** One of {@link PageState}. */
  get(page: number): number {
    return Atomics.load(this.words, page);
  }

  /** Missing becomes requested: true for the one caller that did it. */
  request(page: number): boolean {
    return Atomics.compareExchange(this.words, page, PageState.MISSING, PageState.REQUESTED) === PageState.MISSING;
  }

  /** The page's contents are in place: wakes everybody in {@link waitPresent}. */
  setPresent(page: number): void {
    Atomics.store(this.words, page, PageState.PRESENT);
    Atomics.notify(this.words, page);
  }

  /** Makes the page missing again, after its contents were discarded. */
  setMissing(page: number): void {
    Atomics.store(this.words, page, PageState.MISSING);
  }

  /**
   * Sleeps until the page is present, or for `timeoutMs`.
   * @returns true when it is present
   */
  waitPresent(page: number, timeoutMs: number): boolean {
    const seen = Atomics.load(this.words, page);
    if (seen === PageState.PRESENT) return true;
    Atomics.wait(this.words, page, seen, timeoutMs);
    return Atomics.load(this.words, page) === PageState.PRESENT;
  }
}
