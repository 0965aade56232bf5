/**
 * Pages that a resolver fetches ahead: all of them as soon as the guest asks for its first page, whichever resolver that one belongs to. Before that, while
 * the guest boots, they would come unseen.
 */
import { ResolverWaker, type WakerPlan } from '../faults/index.js';
import type { ControlBlock } from './control-block.js';

/** See the module's comment. One for each resolver Worker. */
export class Prefetch {
  private begun: boolean;

  /**
   * @param pages - of this resolver, in the order in which they are fetched
   * @param wakers - of all resolvers
   * @param fetch - begins with a page
   */
  constructor(
    private readonly pages: Uint32Array,
    private readonly wakers: readonly WakerPlan[],
    private readonly control: ControlBlock,
    private readonly fetch: (page: number) => void,
  ) {
    this.begun = wakers.length === 0;
  }

  /** A page was asked for here. */
  requested(): void {
    if (this.begun || !this.control.setPaging()) return;
    for (const plan of this.wakers) {
      const waker = new ResolverWaker(plan);
      waker.wake();
      waker.close();
    }
    this.look();
  }

  /** Begins where the guest has asked for a page, here or elsewhere. */
  look(): void {
    if (this.begun || !this.control.paging) return;
    this.begun = true;
    this.pages.forEach(this.fetch);
  }
}
