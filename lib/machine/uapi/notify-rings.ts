/**
 * The exitless rings that a resolver serves: takes what KVM published there, without any vCPU leaving KVM_RUN for it, and asks to be woken
 * before it sleeps. A guest that starts faults and cancels them in turn fills its ring; it is not taken further than the resolver has room.
 */
import { asyncTag } from '../../asyncpf/index.js';
import { FaultLabError } from '../../errors/index.js';
import type { Completion, RequestFeed, RequestRing } from '../../faults/index.js';
import { ASYNC_PF_PER_VCPU } from '../../uapi/index.js';
import { gpaOf, pageOf, fullShape, type FullModelShape, type ModelShape, type SharedPageHandlerEnd } from '../../uapi/proposals/index.js';
import type { Counters, ResolverCounter } from '../counters.js';
import { resolverOf } from '../limits.js';
import type { SharedModel } from './shared-model.js';
import { FROM_RING } from './uapi-faults.js';

/** See the module's comment. */
export class NotifyRings implements RequestFeed {
  private readonly shape: FullModelShape;
  private readonly vcpus: readonly number[];

  /**
   * @param ends - handler's ends of the rings that this resolver serves, by vCPU
   * @param resolver - index of this resolver
   * @param requests - request rings of all resolvers: a page belongs to one of them
   */
  constructor(
    shape: ModelShape,
    private readonly ends: ReadonlyMap<number, SharedPageHandlerEnd>,
    private readonly resolver: number,
    private readonly requests: readonly RequestRing[],
    private readonly underWay: Pick<SharedModel, 'underWay' | 'addUnderWay'>,
    private readonly counters: Counters<ResolverCounter>,
  ) {
    this.shape = fullShape(shape);
    this.vcpus = [...ends.keys()];
    for (const [vcpu, end] of ends) if (!end.isKnown) this.refuse(vcpu, 'its header is of a version that this release does not know');
  }

  /** {@inheritDoc RequestFeed.drain} */
  drain(accept: Completion): void {
    for (const vcpu of this.vcpus) this.drainRing(vcpu, accept);
  }

  /** {@inheritDoc RequestFeed.arm} */
  arm(): boolean {
    let maySleep = true;
    for (const vcpu of this.vcpus) {
      // What there is no room for is looked at again after the next completion.
      if (this.hasRoom(vcpu) && !this.end(vcpu).arm()) maySleep = false;
    }
    return maySleep;
  }

  private drainRing(vcpu: number, accept: Completion): void {
    const end = this.end(vcpu);
    while (this.hasRoom(vcpu) && end.take()) {
      const page = pageOf(this.shape, end.gpa);
      if (page < 0 || gpaOf(this.shape, page) !== end.gpa) this.refuse(vcpu, `it names gpa 0x${end.gpa.toString(16)}, which is no page of the window`);
      this.counters.ringEntries++;
      this.underWay.addUnderWay(vcpu, FROM_RING, 1);
      this.pass(page, asyncTag(vcpu, 0, FROM_RING), accept);
    }
    // It would pass with the next fault, but the faults of those who wait until then are not found any more.
    if (end.isBroken) this.refuse(vcpu, 'its head is where KVM cannot have put it');
  }

  private pass(page: number, tag: number, accept: Completion): void {
    const owner = resolverOf(page, this.requests.length);
    if (owner === this.resolver) accept(page, tag);
    else if (!this.requests[owner].offer(page, tag)) throw new FaultLabError('REQUEST_RING_FULL', `no room at resolver ${owner} for the request of page ${page}`);
  }

  private hasRoom(vcpu: number): boolean {
    return this.underWay.underWay(vcpu, FROM_RING) < ASYNC_PF_PER_VCPU;
  }

  private end(vcpu: number): SharedPageHandlerEnd {
    return this.ends.get(vcpu) ?? this.refuse(vcpu, 'this resolver does not serve it');
  }

  private refuse(vcpu: number, why: string): never {
    throw new FaultLabError('RING_CORRUPTED', `the notification ring of vCPU ${vcpu} cannot be served: ${why}`, {
      hint: 'somebody else writes to the shared page',
    });
  }
}
