/**
 * What every resolver does with a request once it knows the page: wait out the latency, fill and map, tell the requesters. Pages that become
 * due together and lie side by side are filled as one batch. A source that fetches in the background is asked for a page when its latency is over, and
 * the page is filled when the source has it.
 */
import { FaultLabError } from '../errors/index.js';
import { StampKind, nativeAddon, noteStamp } from '../native/index.js';
import { DelayQueue } from './delay-queue.js';
import { FetchSlots } from './fetch-slots.js';
import { MOST_BATCHED_PAGES, type PageFiller } from './page-filler.js';
import type { PageLatency } from './page-latency.js';
import type { BackgroundFetches } from './page-source.js';

/** Told about each request whose page is in place. `tag` is what the requester gave; {@link NO_TAG} when nobody needs to be told. */
export type Completion = (page: number, tag: number) => void;

/** Told how long a page took from its first request until it was in place. */
export type ArrivalObserver = (page: number, elapsedNs: number) => void;

/** Tag of a request whose requester sleeps in the kernel (userfaultfd): mapping the page wakes it. */
export const NO_TAG = 0;

/** Counters of one resolver, in shared memory so that the supervisor can read them while it runs. */
export interface ScheduleCounters {
  /** Pages filled and mapped. */
  pages: number;
  /** Calls of the page source. */
  batches: number;
}

/** A request whose page the source fetches in the background. */
interface Fetch {
  readonly tag: number;
  readonly askedNs: number;
}

/** See the module's comment. One for each resolver Worker; allocation-free once built, where the source does not fetch in the background. */
export class DeliverySchedule {
  private readonly queue: DelayQueue;
  private readonly duePages = new Int32Array(MOST_BATCHED_PAGES);
  private readonly dueTags = new Float64Array(MOST_BATCHED_PAGES);
  private readonly askedNs = new Float64Array(MOST_BATCHED_PAGES);
  private readonly followerPages: Int32Array;
  private readonly followerTags: Float64Array;
  private readonly fetches = new Map<number, Fetch>();
  private followers = 0;

  /**
   * @param filler - fills and maps pages
   * @param latency - added to each request, ns
   * @param capacity - most requests under way at once
   * @param counters - of this resolver
   * @param complete - told about each request whose page is in place
   * @param observe - told how long each page took; null where nobody wants to know
   * @param slots - of the source
   * @param background - of the source; null where it blocks
   */
  constructor(
    private readonly filler: Pick<PageFiller, 'deliver'>,
    private readonly latency: Pick<PageLatency, 'of'>,
    private readonly capacity: number,
    private readonly counters: ScheduleCounters,
    private readonly complete: Completion,
    private readonly observe: ArrivalObserver | null = null,
    private readonly slots = new FetchSlots(0),
    private readonly background: BackgroundFetches | null = null,
  ) {
    this.queue = new DelayQueue(capacity);
    this.followerPages = new Int32Array(capacity);
    this.followerTags = new Float64Array(capacity);
  }

  /** Requests under way. */
  get pending(): number {
    return this.queue.size + this.fetches.size;
  }

  /** When the next request is due, ns; Infinity when none is. What the source fetches in the background has no time. */
  get nextDueNs(): number {
    return this.queue.nextDueNs;
  }

  /**
   * Accepts the first request for a page: each page at most once.
   * @throws FaultLabError `REQUESTS_OVERFLOW` when more requests are under way than the capacity
   */
  accept(nowNs: number, page: number, tag: number): void {
    noteStamp(StampKind.TAKEN, page);
    if (!this.queue.push(this.slots.take(nowNs, this.latency.of(page)), page, tag, nowNs)) this.overflow();
  }

  /**
   * Accepts another request for a page that is under way already: its requester is told together with the first one.
   * @throws FaultLabError `REQUESTS_OVERFLOW` as {@link accept}
   */
  follow(page: number, tag: number): void {
    if (this.followers === this.capacity) this.overflow();
    this.followerPages[this.followers] = page;
    this.followerTags[this.followers++] = tag;
  }

  /** Serves everything that is due at `nowNs`, or has come in the background. */
  serve(nowNs: number): void {
    if (this.background !== null) {
      this.begin(this.background, nowNs);
      this.collect(this.background);
      return;
    }
    while (this.queue.nextDueNs <= nowNs) {
      let count = 0;
      while (count < MOST_BATCHED_PAGES && this.queue.pop(nowNs)) {
        this.duePages[count] = this.queue.page;
        this.askedNs[count] = this.queue.takenAskedNs;
        this.dueTags[count++] = this.queue.tag;
      }
      this.deliver(count);
    }
  }

  private begin(background: BackgroundFetches, nowNs: number): void {
    while (this.queue.pop(nowNs)) {
      const { page, tag, takenAskedNs } = this.queue;
      this.fetches.set(page, { tag, askedNs: takenAskedNs });
      background.begin(page);
    }
  }

  private collect(background: BackgroundFetches): void {
    for (let count = 0; ; count = 0) {
      for (let page = 0; count < MOST_BATCHED_PAGES && (page = background.take()) >= 0; count++) {
        const fetch = this.fetches.get(page);
        if (fetch === undefined) throw new FaultLabError('RESOLVER_FAILED', `the page source brought page ${page}, which nobody had asked it for`);
        this.fetches.delete(page);
        this.duePages[count] = page;
        this.askedNs[count] = fetch.askedNs;
        this.dueTags[count] = fetch.tag;
      }
      if (count === 0) return;
      this.deliver(count);
    }
  }

  /** Delivers the first `count` due entries: runs of consecutive pages in one go. */
  private deliver(count: number): void {
    for (let start = 0; start < count; ) {
      const first = this.duePages[start];
      let end = start + 1;
      while (end < count && this.duePages[end] === first + (end - start)) end++;
      this.filler.deliver(first, end - start);
      this.counters.batches++;
      this.counters.pages += end - start;
      for (let i = start; i < end; i++) this.complete(this.duePages[i], this.dueTags[i]);
      if (this.observe !== null) this.report(this.observe, start, end);
      if (this.followers > 0) this.tellFollowers(first, end - start);
      start = end;
    }
  }

  private report(observe: ArrivalObserver, start: number, end: number): void {
    const nowNs = nativeAddon().monotonicNs();
    for (let i = start; i < end; i++) observe(this.duePages[i], nowNs - this.askedNs[i]);
  }

  private tellFollowers(first: number, count: number): void {
    let kept = 0;
    for (let i = 0; i < this.followers; i++) {
      const page = this.followerPages[i];
      const tag = this.followerTags[i];
      if (page >= first && page < first + count) {
        this.complete(page, tag);
      } else {
        this.followerPages[kept] = page;
        this.followerTags[kept++] = tag;
      }
    }
    this.followers = kept;
  }

  private overflow(): never {
    throw new FaultLabError('REQUESTS_OVERFLOW', `more than ${this.capacity} page requests are under way at one resolver`);
  }
}
