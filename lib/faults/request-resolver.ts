/**
 * A resolver for faults that the VMM learned of as an exit: takes page requests from a ring that the vCPU Workers fill. Serves the delivery
 * modes `sync-exit` and `apf-user`.
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

/** See the module's comment. */
export class RequestResolver {
  /** @param complete - as the schedule's: told at once of requests whose page is there already */
  constructor(
    private readonly ring: RequestRing,
    private readonly states: PageStates,
    private readonly schedule: DeliverySchedule,
    private readonly counters: RequestCounters,
    private readonly complete: Completion,
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
      const nowNs = monotonicNs();
      while (this.ring.take()) this.accept(nowNs);
      this.schedule.serve(nowNs);
      const waitMs = Math.min(LONGEST_WAIT_MS, (this.schedule.nextDueNs - monotonicNs()) / 1e6);
      if (waitMs > 0) this.ring.waitForBell(bell, waitMs);
    }
  }

  private accept(nowNs: number): void {
    const { page, tag } = this.ring;
    if (this.states.request(page)) {
      this.counters.faults++;
      this.schedule.accept(nowNs, page, tag);
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
