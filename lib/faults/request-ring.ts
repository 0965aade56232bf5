/**
 * Page requests from vCPU Workers to a resolver Worker: a bounded queue of many producers and one consumer in shared memory.
 *
 * Each cell carries a sequence number that says whose turn it is, so producers only meet on the tail index and the consumer
 * never sees a half-written cell.
 */
import { nativeAddon } from '../native/index.js';

/** Cell: sequence, page, tag low, tag high. */
const CELL_WORDS = 4;
const HEAD = 0;
const TAIL = 16;
const BELL = 32;
/** The consumer sleeps, or is about to. */
const SLEEPING = 33;
const CELLS = 48;

/** See the module's comment. */
export class RequestRing {
  private readonly words: Int32Array;
  private readonly mask: number;
  /** Page of the request that the last successful {@link take} took. */
  page = 0;
  /** Tag of the request that the last successful {@link take} took. */
  tag = 0;

  /** @param buffer - made by {@link RequestRing.allocate} */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.mask = (this.words.length - CELLS) / CELL_WORDS - 1;
  }

  /**
   * Memory for a ring.
   * @param capacity - requests it must hold; rounded up to a power of two
   */
  static allocate(capacity: number): SharedArrayBuffer {
    const cells = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    const buffer = new SharedArrayBuffer((CELLS + cells * CELL_WORDS) * 4);
    const words = new Int32Array(buffer);
    for (let cell = 0; cell < cells; cell++) words[CELLS + cell * CELL_WORDS] = cell;
    return buffer;
  }

  /**
   * Adds a request and wakes the resolver.
   * @param tag - a safe integer of at most 52 bits
   * @returns false when the ring is full
   */
  offer(page: number, tag: number): boolean {
    for (;;) {
      const tail = Atomics.load(this.words, TAIL);
      const cell = CELLS + (tail & this.mask) * CELL_WORDS;
      const turn = (Atomics.load(this.words, cell) - tail) | 0;
      if (turn < 0) return false;
      if (turn === 0 && Atomics.compareExchange(this.words, TAIL, tail, (tail + 1) | 0) === tail) {
        this.words[cell + 1] = page;
        this.words[cell + 2] = tag | 0;
        this.words[cell + 3] = Math.floor(tag / 0x100000000);
        Atomics.store(this.words, cell, (tail + 1) | 0);
        this.ring();
        return true;
      }
    }
  }

  /** Takes the oldest request into {@link page} and {@link tag}; false when there is none. Consumer only. */
  take(): boolean {
    const head = this.words[HEAD];
    const cell = CELLS + (head & this.mask) * CELL_WORDS;
    if (((Atomics.load(this.words, cell) - (head + 1)) | 0) !== 0) return false;
    this.page = this.words[cell + 1];
    this.tag = this.words[cell + 3] * 0x100000000 + (this.words[cell + 2] >>> 0);
    Atomics.store(this.words, cell, (head + this.mask + 1) | 0);
    this.words[HEAD] = (head + 1) | 0;
    return true;
  }

  /** Wakes the consumer without a request (to make it look at a stop flag). */
  ring(): void {
    Atomics.add(this.words, BELL, 1);
    if (Atomics.load(this.words, SLEEPING) !== 0) nativeAddon().wakeWord(this.words, BELL);
  }

  /** What {@link waitForBell} compares with: read it before the last look at the ring. */
  bell(): number {
    return Atomics.load(this.words, BELL);
  }

  /** Sleeps until the bell moves on from `seen`, or for `timeoutMs`. Consumer only. */
  waitForBell(seen: number, timeoutMs: number): void {
    Atomics.store(this.words, SLEEPING, 1);
    // The kernel looks at the bell once more: whoever rang it before the flag could be seen does not let us sleep.
    nativeAddon().waitOnWord(this.words, BELL, seen, timeoutMs * 1e6);
    Atomics.store(this.words, SLEEPING, 0);
  }
}
