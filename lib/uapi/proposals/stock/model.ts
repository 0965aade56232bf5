/**
 * What a kernel without any proposal does with a page that is not there: KVM's own async page faults where the page can be had by sleeping
 * (userfaultfd, swap), a sleep of the vCPU where they cannot be, and a bare EFAULT where the page cannot be had at all.
 *
 * Source: arch/x86/kvm/mmu/mmu.c (the fault-in path) and virt/kvm/async_pf.c of Linux 6.12.
 */
import { ENOENT } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';

/** What the host has for a page: the `bits` that the stock model is given. */
export const StockPage = {
  /** KVM gets it without sleeping. */
  PRESENT: 0,
  /** It takes sleep: a userfaultfd answers, swap is read. */
  SLEEPS: 1,
  /** It cannot be had: the file was truncated, UFFD_FEATURE_SIGBUS, nothing is mapped. */
  FAILS: 2,
} as const;

/** See the module's comment. */
export class StockModel extends ProposalModel {
  readonly completionKey = 'worker';
  readonly needsAccept = false;
  readonly slotFlags = 0;

  /**
   * {@inheritDoc ProposalModel.fault}
   *
   * KVM asks for the page without sleeping first; a page that cannot be had at all fails that as one that sleeps does, so that a vCPU which can
   * have async page faults gets one for it too, is told that the page is ready, and faults again without end.
   */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(0, 0, 0, false);
    if (bits === StockPage.PRESENT) return FaultAction.MAP;
    const queue = this.queues[vcpu];
    if (!prefetch && queue.canDoAsyncPf(context)) {
      if (queue.find(page) >= 0) {
        queue.halt();
        return FaultAction.HALT;
      }
      const injects = queue.canDeliver(context);
      const slot = queue.create(page, ItemState.ACCEPTED, injects);
      if (slot >= 0) {
        if (injects) this.answer(0, 0, queue.token(slot), false);
        else queue.halt();
        return injects ? FaultAction.CONTINUE : FaultAction.HALT;
      }
    }
    return bits === StockPage.SLEEPS ? FaultAction.WAIT : FaultAction.BARE_EFAULT;
  }

  /** {@inheritDoc ProposalModel.ready} KVM's worker came back with the page, or without it: it tells no difference. */
  ready(vcpu: number, page: number): number {
    const queue = this.queues[vcpu];
    const slot = page < 0 ? -1 : queue.find(page);
    if (slot < 0 || queue.state(slot) === ItemState.COMPLETED) return ENOENT;
    queue.complete(slot);
    return 0;
  }

  /** {@inheritDoc ProposalModel.accept} User space has no say. */
  accept(): number {
    return 0;
  }
}
