/** How a vCPU Worker asks resolvers for pages, and waits for them. */
import { SYNC_TAG } from '../asyncpf/index.js';
import { FaultLabError } from '../errors/index.js';
import { PageState, type PageStates, type RequestRing } from '../faults/index.js';
import { StampKind, noteStamp } from '../native/index.js';
import type { Counters, VcpuCounter } from './counters.js';
import { resolverOf } from './limits.js';
import { TraceKind, type TraceWriter } from './trace/trace-writer.js';

/** A wait for a page looks at the stop flag this often. */
const WAIT_SLICE_MS = 50;

const NS_PER_SECOND = 1e9;

/** See the module's comment. One for each vCPU. */
export class PageRequests {
  /** Whole seconds and ns: small integers, which no tier of the engine makes objects of. A counter's setter, or a double, would be handed a new one at each wait. */
  private readonly waited = new Int32Array(2);

  constructor(
    private readonly states: PageStates,
    private readonly rings: readonly RequestRing[],
    private readonly counters: Counters<VcpuCounter>,
    private readonly stopped: () => boolean,
    private readonly trace: TraceWriter | null = null,
  ) {}

  /** Time asleep for pages so far, ns. */
  get waitedNs(): number {
    return this.waited[0] * NS_PER_SECOND + this.waited[1];
  }

  /** One of PageState. */
  state(page: number): number {
    return this.states.get(page);
  }

  /** True once nobody need wait for the page any more: it is there, or its contents are lost. */
  isSettled(page: number): boolean {
    return this.states.isSettled(page);
  }

  /** True where waiting for the page ended well for nobody: its contents are lost. */
  isPoisoned(page: number): boolean {
    return this.states.get(page) === PageState.POISONED;
  }

  /** Asks a resolver for the page and sleeps until it is settled or the machine stops; false for the latter. */
  waitFor(page: number): boolean {
    this.counters.syncWaits++;
    if (this.states.get(page) === PageState.MISSING) this.request(page, SYNC_TAG);
    this.trace?.note(TraceKind.WAIT, page, 0);
    let settled = false;
    do {
      settled = this.states.waitSettled(page, WAIT_SLICE_MS);
      this.addWaited(this.states.sleptNs);
    } while (!settled && !this.stopped());
    this.trace?.note(TraceKind.WAKE, page, 0);
    noteStamp(StampKind.AWAKE, page);
    return settled;
  }

  private addWaited(sleptNs: number): void {
    let ns = this.waited[1] + sleptNs;
    while (ns >= NS_PER_SECOND) {
      ns -= NS_PER_SECOND;
      this.waited[0]++;
    }
    this.waited[1] = ns;
  }

  /**
   * Asks a resolver for the page.
   * @throws FaultLabError `REQUEST_RING_FULL`, which bounded requests make impossible
   */
  request(page: number, tag: number): void {
    if (tag !== SYNC_TAG) this.trace?.note(TraceKind.TOLD, page, 0);
    if (!this.rings[resolverOf(page, this.rings.length)].offer(page, tag)) {
      throw new FaultLabError('REQUEST_RING_FULL', `no room for the request of page ${page}: more faults are under way than the ring was made for`);
    }
    noteStamp(StampKind.REQUESTED, page);
  }
}
