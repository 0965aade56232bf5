/** User space's part of a proposal at a resolver's thread: which rings it serves, and by which call it completes what it was asked for. */
import { tagGeneration, tagToken } from '../../asyncpf/index.js';
import type { RequestFeed, RequestRing } from '../../faults/index.js';
import type { Vm } from '../../kvm/index.js';
import type { SystemRam } from '../../memory/index.js';
import { ASYNC_PF_PER_VCPU } from '../../uapi/index.js';
import type { SharedPageHandlerEnd } from '../../uapi/proposals/index.js';
import type { Counters, ResolverCounter } from '../counters.js';
import { EmulatedResolverEnd } from './emulated-resolver-end.js';
import { NativeResolverEnd } from './native-resolver-end.js';
import { NotifyRings } from './notify-rings.js';
import { ReadyEvents } from './ready-events.js';
import type { SharedModel } from './shared-model.js';
import { FROM_EXIT, FROM_RING } from './uapi-faults.js';
import type { ResolverUapi } from './uapi-end.js';

/** See the module's comment. */
export class ResolverFaults {
  /** The rings that this resolver serves; null where there are none. */
  readonly feed: RequestFeed | null;
  private readonly end: ResolverUapi;
  private readonly ends: ReadonlyMap<number, SharedPageHandlerEnd>;

  /** @param requests - request rings of all resolvers */
  constructor(
    private readonly shared: SharedModel,
    index: number,
    vm: Vm,
    ram: SystemRam,
    private readonly requests: readonly RequestRing[],
    counters: Counters<ResolverCounter>,
  ) {
    const { shape, rings } = shared.plan;
    const served = Array.from({ length: rings ? shape.vcpus : 0 }, (_, vcpu) => vcpu).filter((vcpu) => vcpu % requests.length === index);
    this.ends = new Map(served.map((vcpu) => [vcpu, shared.handlerEnd(vcpu)]));
    const events = Array.from({ length: shape.vcpus }, (_, vcpu) => new ReadyEvents(shared, vcpu, vm, ram));
    this.end = shared.plan.native ? new NativeResolverEnd(shared) : new EmulatedResolverEnd(shared, events, this.ends);
    this.feed = rings ? new NotifyRings(shape, this.ends, index, requests, shared, counters) : null;
  }

  /** The page of an async page fault is in place. */
  complete(vcpu: number, page: number, tag: number): void {
    if (tagGeneration(tag) === FROM_EXIT) {
      this.shared.addUnderWay(vcpu, FROM_EXIT, -1);
      this.end.ready(vcpu, page, tagToken(tag));
      return;
    }
    const wasFull = this.shared.underWay(vcpu, FROM_RING) >= ASYNC_PF_PER_VCPU;
    this.shared.addUnderWay(vcpu, FROM_RING, -1);
    // The completion ring has one producer: who does not serve this vCPU's rings makes the call.
    if (this.ends.has(vcpu)) this.end.completeByRing(vcpu, page);
    else this.end.ready(vcpu, page, 0);
    // Whoever serves them had no room for more.
    if (wasFull) this.requests[vcpu % this.requests.length].ring();
  }
}
