/**
 * Where each page of the window stands, shared by vCPU and resolver Workers: missing, requested, and then present, or poisoned where its
 * contents are lost. One 32-bit word a page, so that a vCPU can sleep on exactly the page it needs.
 */
import { nativeAddon } from '../native/index.js';

/** The states of a page. They only move forward, unless the page is discarded. From PRESENT on it is settled. */
export const PageState = { MISSING: 0, REQUESTED: 1, PRESENT: 2, POISONED: 3 } as const;

/** See the module's comment. Page indexes are checked by the callers. */
export class PageStates {
  private readonly words: Int32Array;
  /** How long the last {@link waitSettled} slept, ns. */
  sleptNs = 0;

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

  /** True once an access ends, well or badly, without anybody's help. */
  isSettled(page: number): boolean {
    return Atomics.load(this.words, page) >= PageState.PRESENT;
  }

  /** The page's contents are in place: wakes everybody in {@link waitSettled}. */
  setPresent(page: number): void {
    this.settle(page, PageState.PRESENT);
  }

  /** The page's contents are lost for good: wakes everybody in {@link waitSettled}. */
  setPoisoned(page: number): void {
    this.settle(page, PageState.POISONED);
  }

  /** Settled becomes requested: true for the one caller that did it, who is to discard the page and then to {@link setMissing}. */
  reclaim(page: number): boolean {
    const seen = Atomics.load(this.words, page);
    return seen >= PageState.PRESENT && Atomics.compareExchange(this.words, page, seen, PageState.REQUESTED) === seen;
  }

  /** Makes the page missing again, after its contents were discarded. */
  setMissing(page: number): void {
    Atomics.store(this.words, page, PageState.MISSING);
  }

  /**
   * Sleeps until the page is settled, or for `timeoutMs`.
   * @returns true when it is settled
   */
  waitSettled(page: number, timeoutMs: number): boolean {
    const seen = Atomics.load(this.words, page);
    this.sleptNs = 0;
    if (seen >= PageState.PRESENT) return true;
    this.sleptNs = nativeAddon().waitOnWord(this.words, page, seen, timeoutMs * 1e6);
    return this.isSettled(page);
  }

  private settle(page: number, state: number): void {
    Atomics.store(this.words, page, state);
    nativeAddon().wakeWord(this.words, page);
  }
}
