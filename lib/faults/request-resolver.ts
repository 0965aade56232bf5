/**
 * A resolver for faults that the VMM learned of as an exit: takes page requests from a ring that the vCPU Workers fill, and from rings that KVM
 * fills by itself where there are such. Serves all delivery modes but `sync-uffd` and `apf-kernel`.
 */
import { nativeAddon } from '../native/index.js';
import { NO_TAG, type Completion, type DeliverySchedule } from './delivery-schedule.js';
import type { PageStates } from './page-states.js';
import type { RequestRing } from './request-ring.js';

const LONGEST_WAIT_MS = 100;

/** What a request resolver counts. */
export interface RequestCounters {
  /** Requests for a page nobody had asked for. */
  faults: number;
  /** Requests for a page already on its way (another vCPU asked first). */
  repeated: number;
  /** Requests for a page already settled. */
  raced: number;
}

/** Where requests come from besides the ring of the vCPU Workers. */
export interface RequestFeed {
  /** Hands over what there is, and can be taken now. */
  drain(accept: Completion): void;
  /** Asks to have the bell rung at the next request. True when the caller may sleep; false when there are requests already. */
  arm(): boolean;
}

/** See the module's comment. */
export class RequestResolver {
  private nowNs = 0;
  private readonly acceptFed: Completion = (page, tag) => {
    this.accept(page, tag);
  };

  /**
   * @param complete - as the schedule's: told at once of requests whose page is there already
   * @param accepted - told of the first request for a page
   * @param feed - null where there is none
   */
  constructor(
    private readonly ring: RequestRing,
    private readonly states: PageStates,
    private readonly schedule: DeliverySchedule,
    private readonly counters: RequestCounters,
    private readonly complete: Completion,
    private readonly accepted: (page: number) => void = () => undefined,
    private readonly feed: RequestFeed | null = null,
  ) {}

  /**
   * Serves requests until `stopped()` is true; {@link RequestRing.ring} makes it look.
   * @throws what the page source throws
   */
  run(stopped: () => boolean): void {
    const { monotonicNs } = nativeAddon();
    for (;;) {
      const bell = this.ring.bell();
      if (stopped()) return;
      this.nowNs = monotonicNs();
      while (this.ring.take()) this.accept(this.ring.page, this.ring.tag);
      this.feed?.drain(this.acceptFed);
      this.schedule.serve(this.nowNs);
      const waitMs = Math.min(LONGEST_WAIT_MS, (this.schedule.nextDueNs - monotonicNs()) / 1e6);
      if (waitMs > 0 && (this.feed === null || this.feed.arm())) this.ring.waitForBell(bell, waitMs);
    }
  }

  private accept(page: number, tag: number): void {
    if (this.states.request(page)) {
      this.counters.faults++;
      this.schedule.accept(this.nowNs, page, tag);
      this.accepted(page);
    } else if (this.states.isSettled(page)) {
      this.counters.raced++;
      if (tag !== NO_TAG) this.complete(page, tag);
    } else {
      this.counters.repeated++;
      // Who only waits for the page sees it come.
      if (tag !== NO_TAG) this.schedule.follow(page, tag);
    }
  }
}
