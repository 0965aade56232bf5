/** A proposal's interface at a resolver's thread, where a model plays KVM: the calls that complete a fault, and what KVM does then. */
import { AsyncPfUserfaultModel, gpaOf, type SharedPageHandlerEnd } from '../../uapi/proposals/index.js';
import type { ReadyEvents } from './ready-events.js';
import type { SharedModel } from './shared-model.js';
import type { ResolverUapi } from './uapi-end.js';

/** See the module's comment. */
export class EmulatedResolverEnd implements ResolverUapi {
  /**
   * @param events - by vCPU
   * @param ends - handler's ends of the rings that this resolver serves, by vCPU
   */
  constructor(
    private readonly shared: SharedModel,
    private readonly events: readonly ReadyEvents[],
    private readonly ends: ReadonlyMap<number, SharedPageHandlerEnd>,
  ) {}

  /** {@inheritDoc ResolverUapi.ready} */
  ready(vcpu: number, page: number, token: number): number {
    this.shared.lock(vcpu);
    try {
      const wasHalted = this.events[vcpu].halted;
      const errno = this.shared.model.ready(vcpu, page, token);
      if (errno !== 0) this.shared.countStale(vcpu);
      this.tell(vcpu, wasHalted);
      return errno;
    } finally {
      this.shared.unlock(vcpu);
    }
  }

  /** {@inheritDoc ResolverUapi.completeByRing} The write to the completion eventfd is a call here: KVM's work item runs in this thread. */
  completeByRing(vcpu: number, page: number): number {
    const { model } = this.shared;
    const end = this.ends.get(vcpu);
    if (end === undefined || !(model instanceof AsyncPfUserfaultModel)) return this.ready(vcpu, page, 0);
    this.shared.lock(vcpu);
    try {
      // Written under the lock: a vCPU that is about to halt drains the ring as well, and what it took would look stale here.
      if (end.complete(gpaOf(model.shape, page))) {
        const wasHalted = this.events[vcpu].halted;
        if (!model.drainCompletions(vcpu)) this.shared.countStale(vcpu);
        this.tell(vcpu, wasHalted);
        return 0;
      }
    } finally {
      this.shared.unlock(vcpu);
    }
    return this.ready(vcpu, page, 0);
  }

  private tell(vcpu: number, wasHalted: boolean): void {
    const events = this.events[vcpu];
    events.deliver();
    if (wasHalted && !events.halted) events.kick();
  }
}
