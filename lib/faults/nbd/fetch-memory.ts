/** What a resolver Worker and the Worker of its connection share: contents on their way, which of them have come, and whether the connection is lost. */
import { PAGE_SIZE } from '../../uapi/index.js';
import { RequestRing } from '../request-ring.js';

/** The memory, as plain data. */
export interface FetchMemoryPlan {
  readonly slots: SharedArrayBuffer;
  readonly arrivals: SharedArrayBuffer;
  readonly lost: SharedArrayBuffer;
}

/** One fetch: which page, and where its contents go. */
export interface FetchOrder {
  readonly page: number;
  readonly slot: number;
}

/** Errors are below this; an arrival's tag is slot * ERRORS + error. */
const ERRORS = 65_536;

/** See the module's comment. */
export class FetchMemory {
  private readonly bytes: Uint8Array;
  private readonly arrivals: RequestRing;
  private readonly lost: Int32Array;
  /** Of the last successful {@link take}. */
  page = 0;
  /** Likewise. */
  slot = 0;
  /** Likewise: 0, or the errno for which the server has no contents. */
  error = 0;

  constructor(plan: FetchMemoryPlan) {
    this.bytes = new Uint8Array(plan.slots);
    this.arrivals = new RequestRing(plan.arrivals);
    this.lost = new Int32Array(plan.lost);
  }

  /** Memory for `slots` fetches at once. */
  static allocate(slots: number): FetchMemoryPlan {
    return { slots: new SharedArrayBuffer(slots * PAGE_SIZE), arrivals: RequestRing.allocate(slots), lost: new SharedArrayBuffer(4) };
  }

  /** Contents of a slot. */
  contents(slot: number): Uint8Array {
    return this.bytes.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE);
  }

  /** The connection's end: a fetch is over. */
  arrived({ page, slot }: FetchOrder, error: number): void {
    // There is an arrival for each slot at most, so that the ring has room.
    this.arrivals.offer(page, slot * ERRORS + Math.min(error, ERRORS - 1));
  }

  /** The connection's end: nothing more will come. */
  setLost(): void {
    Atomics.store(this.lost, 0, 1);
    this.arrivals.ring();
  }

  /** The resolver's end: takes an arrival into {@link page}, {@link slot} and {@link error}; false when there is none. */
  take(): boolean {
    if (!this.arrivals.take()) return false;
    this.page = this.arrivals.page;
    this.slot = Math.floor(this.arrivals.tag / ERRORS);
    this.error = this.arrivals.tag % ERRORS;
    return true;
  }

  /** What {@link wait} compares with: read it before the last look. */
  bell(): number {
    return this.arrivals.bell();
  }

  /** The resolver's end: sleeps until something has come since `bell`, or the connection is lost, or for `timeoutMs`. */
  wait(bell: number, timeoutMs: number): void {
    this.arrivals.waitForBell(bell, timeoutMs);
  }

  get isLost(): boolean {
    return Atomics.load(this.lost, 0) !== 0;
  }
}
