/**
 * What every resolver does with a request once it knows the page: wait out the latency, fill and map, tell the requesters. Pages that become
 * due together and lie side by side are filled as one batch.
 */
import { DelayQueue } from './delay-queue.js';
import type { PageFiller } from './page-filler.js';
import { PageState, type PageStates } from './page-states.js';

/** Most pages filled by one call of the page source. */
const MOST_BATCHED_PAGES = 64;

/** Told about each request whose page is in place. `tag` is what the requester gave; {@link NO_TAG} when nobody needs to be told. */
export type Completion = (page: number, tag: number) => void;

/** Tag of a request whose requester sleeps in the kernel (userfaultfd): mapping the page wakes it. */
export const NO_TAG = 0;

/** Counters of one resolver, in shared memory so that the supervisor can read them while it runs. */
export interface ScheduleCounters {
  /** Pages filled and mapped. */
  pages: number;
  /** Calls of the page source. */
  batches: number;
}

/** See the module's comment. One for each resolver Worker; allocation-free once built. */
export class DeliverySchedule {
  private readonly queue: DelayQueue;
  private readonly duePages = new Int32Array(MOST_BATCHED_PAGES);
  private readonly dueTags = new Float64Array(MOST_BATCHED_PAGES);

  /**
   * @param states - of the window's pages
   * @param filler - fills and maps pages
   * @param latencyNs - added to each request, ns
   * @param capacity - most requests under way at once
   * @param counters - of this resolver
   * @param complete - told about each request whose page is in place
   */
  constructor(
    private readonly states: PageStates,
    private readonly filler: PageFiller,
    private readonly latencyNs: number,
    capacity: number,
    private readonly counters: ScheduleCounters,
    private readonly complete: Completion,
  ) {
    this.queue = new DelayQueue(capacity);
  }

  /** Requests under way. */
  get pending(): number {
    return this.queue.size;
  }

  /** When the next request is due, ns; Infinity when none is. */
  get nextDueNs(): number {
    return this.queue.nextDueNs;
  }

  /**
   * Accepts a request.
   * @throws RangeError when more requests are under way than the capacity, which is a fault of the caller
   */
  accept(nowNs: number, page: number, tag: number): void {
    if (!this.queue.push(nowNs + this.latencyNs, page, tag)) {
      throw new RangeError(`more than ${this.queue.size} page requests are under way at one resolver`);
    }
  }

  /** Serves everything that is due at `nowNs`. */
  serve(nowNs: number): void {
    while (this.queue.nextDueNs <= nowNs) {
      let count = 0;
      while (count < MOST_BATCHED_PAGES && this.queue.pop(nowNs)) {
        this.duePages[count] = this.queue.page;
        this.dueTags[count++] = this.queue.tag;
      }
      this.deliver(count);
    }
  }

  /** Delivers the first `count` due entries: runs of consecutive pages in one go. */
  private deliver(count: number): void {
    for (let start = 0; start < count; ) {
      const first = this.duePages[start];
      let end = start + 1;
      // Somebody may have asked for the page twice (two vCPUs): the second request only needs to be told.
      if (this.states.get(first) !== PageState.PRESENT) {
        while (end < count && this.duePages[end] === first + (end - start) && this.states.get(this.duePages[end]) !== PageState.PRESENT) end++;
        this.filler.deliver(first, end - start);
        this.counters.batches++;
        this.counters.pages += end - start;
      }
      for (let i = start; i < end; i++) this.complete(this.duePages[i], this.dueTags[i]);
      start = end;
    }
  }
}
