/**
 * Tells an interface with two bits a page beforehand what a fault of each page is to be. Each resolver has the pages that belong to it to
 * itself: nobody else changes their bits, so that none is intercepted again after it was released.
 */
import { PageState, Resolution, type PageStates } from '../../faults/index.js';
import type { InterceptedPages } from '../../memory/index.js';
import type { FaultDecisions } from '../fault-decisions.js';
import { resolverOf } from '../limits.js';

/** See the module's comment. One for each resolver. */
export class PageClasses {
  private revision: number;

  constructor(
    private readonly intercepted: InterceptedPages,
    private readonly states: PageStates,
    private readonly decisions: FaultDecisions,
    private readonly resolver: number,
    private readonly resolvers: number,
  ) {
    this.revision = decisions.revision;
    this.classifyMissing();
  }

  /** The page was asked for: whoever comes now finds it on its way. */
  requested(page: number): void {
    this.classify(page);
  }

  /** Looks whether the policy has changed its mind about pages that nobody asked for. */
  follow(): void {
    if (this.decisions.revision === this.revision) return;
    this.revision = this.decisions.revision;
    this.classifyMissing();
  }

  private classifyMissing(): void {
    for (let page = 0; page < this.intercepted.pageCount; page++) {
      if (resolverOf(page, this.resolvers) === this.resolver && this.states.get(page) === PageState.MISSING) this.classify(page);
    }
  }

  private classify(page: number): void {
    this.intercepted.classify(page, this.decisions.decide(page, false) === Resolution.ASYNC);
  }
}
