/**
 * User space's part of a proposal at a vCPU's thread, the same whether a model or a kernel answers: looks at what the exit says, asks the policy,
 * accepts and requests, or waits.
 */
import { asyncTag } from '../../asyncpf/index.js';
import { EALREADY, ENOENT, FaultLabError, errnoName } from '../../errors/index.js';
import { Resolution } from '../../faults/index.js';
import { INTERCEPT_SYNC, type InterceptedPages } from '../../memory/index.js';
import { ASYNC_PF_PER_VCPU, type FaultContext } from '../../uapi/index.js';
import { FaultAction, KVM_MEMORY_EXIT_FLAG_APF } from '../../uapi/proposals/index.js';
import type { Counters, VcpuCounter } from '../counters.js';
import type { FaultDecisions } from '../fault-decisions.js';
import type { PageRequests } from '../page-requests.js';
import type { SharedModel } from './shared-model.js';
import type { VcpuUapi } from './uapi-end.js';

/** Generation of the tag of a request that came of an exit; the one of a request that came of a ring entry. */
export const FROM_EXIT = 0;
export const FROM_RING = 1;

/** See the module's comment. One for each vCPU. */
export class UapiFaults {
  /** @param rings - the vCPU has exitless rings: an async page fault that exits all the same found its ring full */
  constructor(
    private readonly index: number,
    private readonly end: VcpuUapi,
    private readonly requests: PageRequests,
    private readonly decisions: FaultDecisions,
    private readonly counters: Counters<VcpuCounter>,
    private readonly underWay: Pick<SharedModel, 'underWay' | 'addUnderWay' | 'countStale'>,
    private readonly intercepted: InterceptedPages,
    private readonly asyncPf: boolean,
    private readonly rings: boolean,
  ) {}

  /** {@inheritDoc VcpuUapi.namedGpa} */
  get namedGpa(): number {
    return this.end.namedGpa;
  }

  /**
   * KVM_RUN failed with EFAULT for a page of the window.
   * @param page - of the window, intercepted a moment ago
   * @param context - the vCPU's state at the fault
   * @throws FaultLabError `PROPOSAL_REFUSED` when an ioctl of the proposal fails that cannot fail
   */
  handle(page: number, context: FaultContext): void {
    const { end, counters } = this;
    const action = end.fault(page, context);
    if (end.told) counters.notPresent++;
    switch (action) {
      case FaultAction.EXIT:
        if ((end.flags & KVM_MEMORY_EXIT_FLAG_APF) === 0) this.waitPlainly(page);
        else this.answer(page);
        break;
      case FaultAction.CONTINUE:
        counters.exitless++;
        break;
      case FaultAction.HALT:
        counters.halts++;
        if (end.published) counters.exitless++;
        break;
      default:
        // MAP: the page came meanwhile. Nothing else reaches user space.
        counters.spuriousFaults++;
    }
  }

  /** A plain exit: nobody but this vCPU waits. */
  private waitPlainly(page: number): void {
    // Where a page has two bits, whether it was chosen or refused is seen by them; they may have changed since, which only a count suffers from.
    if (this.asyncPf && this.intercepted.bitsPerPage === 2 && (this.intercepted.bits(page) & INTERCEPT_SYNC) !== 0) this.counters.choseSync++;
    else if (this.asyncPf) this.counters.refusedAsync++;
    this.requests.waitFor(page);
  }

  /** An exit of an async page fault. */
  private answer(page: number): void {
    const { end, counters } = this;
    const { told, token } = end;
    if (this.rings) counters.ringFull++;
    const room = this.underWay.underWay(this.index, FROM_EXIT) < ASYNC_PF_PER_VCPU;
    // With two bits a page the policy has decided beforehand: another answer now would tell the guest in vain.
    if (room && (this.intercepted.bitsPerPage === 2 || this.decisions.decide(page, told) === Resolution.ASYNC)) {
      if (end.needsAccept && this.isOver('accept', page, end.accept(page))) return;
      counters.accepted++;
      if (end.halts) counters.halts++;
      this.underWay.addUnderWay(this.index, FROM_EXIT, 1);
      this.requests.request(page, asyncTag(this.index, token, FROM_EXIT));
      return;
    }
    if (room) counters.choseSync++;
    if (told) counters.spuriousPairs++;
    if (!this.requests.waitFor(page)) return;
    // Where there is something to accept, re-entering without it says that the page is there.
    if (end.needsAccept) counters.autoCompleted++;
    else this.isOver('complete', page, end.ready(page, token));
  }

  /**
   * What an ioctl came to: false when it did what it was to do, true when the fault is over without it. A guest that cancels its faults and comes back to a
   * page has two requests for it: the completion of the first is one of the second as well, where a fault has no other name than its page.
   */
  private isOver(what: string, page: number, errno: number): boolean {
    if (errno === 0) return false;
    if ((errno === ENOENT || errno === EALREADY) && this.requests.isSettled(page)) {
      this.underWay.countStale(this.index);
      return true;
    }
    throw new FaultLabError('PROPOSAL_REFUSED', `cannot ${what} the async page fault of page ${page} on vCPU ${this.index}: ${errnoName(errno)}`, { errno });
  }
}
