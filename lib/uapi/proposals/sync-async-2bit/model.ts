/**
 * Two bits a page: user space says before the fault whether it will be resolved synchronously or not. S set is a plain exit, of which the guest is
 * never told; A alone is an async page fault from the start: nothing to accept, nothing that re-entry completes.
 *
 * S dominates A. So every change of a page's class is one atomic change of one bit, and what a fault meets on the way is an exit at worst. Written as
 * AS: 10 -> 11 -> 01 makes a page synchronous, 10 -> 00 or 01 -> 00 releases it.
 *
 * KVM reads two words, one after the other: A first. Were S first, a page on its way from 10 to 01 could show S before the one change and A after
 * the other, and a page without data would be mapped. The way back would need S first: an intercepted page is not made asynchronous again. What
 * a model is given are the bits as KVM came to see them.
 */
import { EALREADY, EBUSY, EFAULT, EINVAL, EIO, ENOENT } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import type { AsyncPfRequest } from '../async-pf-userfault-2026/model.js';
import { KVM_APF_OP_READY, KVM_MEMORY_EXIT_FLAG_APF } from '../async-pf-userfault-2026/constants.js';
import { gpaOf, isPageAligned, pageOf } from '../model-shape.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { KVM_MEM_USERFAULT_ASYNC, TwoBit } from './constants.js';

/** See the module's comment. */
export class SyncAsyncTwoBitModel extends ProposalModel {
  readonly completionKey = 'gpa';
  readonly needsAccept = false;
  readonly slotFlags = KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC;

  /** {@inheritDoc ProposalModel.fault} `bits`: see {@link TwoBit}. */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    // Without its flag the slot has no second bitmap.
    const known = this.slot.intercepting && (this.slot.flags & KVM_MEM_USERFAULT_ASYNC) === 0 ? TwoBit.SYNC : TwoBit.SYNC | TwoBit.ASYNC;
    if ((bits & known) === 0) return FaultAction.MAP;
    const queue = this.queues[vcpu];
    if ((bits & TwoBit.SYNC) !== 0 || prefetch || !queue.canDoAsyncPf(context)) return FaultAction.EXIT;
    if (queue.find(page) >= 0) {
      queue.halt();
      return FaultAction.HALT;
    }
    if (!queue.canDeliver(context)) return FaultAction.EXIT;
    const slot = queue.create(page, ItemState.ACCEPTED, true);
    if (slot < 0) return FaultAction.EXIT;
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_APF, 0, queue.token(slot), false);
    return FaultAction.EXIT;
  }

  /**
   * {@inheritDoc ProposalModel.setFlags} The second bitmap comes and goes with interception: alone it would be looked at for pages that are mapped
   * already, and nothing would be zapped for it.
   */
  override setFlags(flags: number): number {
    const intercepts = (flags & KVM_MEM_USERFAULT) !== 0;
    const differs = ((flags ^ this.slot.flags) & KVM_MEM_USERFAULT_ASYNC) !== 0;
    if ((flags & KVM_MEM_USERFAULT_ASYNC) !== 0 && !intercepts) return EINVAL;
    if (intercepts && this.slot.intercepting && differs) return EINVAL;
    return super.setFlags(flags);
  }

  /** KVM_ENABLE_CAP of its capabilities: what the bits say needs no other consent. */
  enableCap(): number {
    return EINVAL;
  }

  /** {@inheritDoc ProposalModel.ready} */
  ready(vcpu: number, page: number): number {
    return this.complete(vcpu, gpaOf(this.shape, page));
  }

  /** {@inheritDoc ProposalModel.accept} Decided by the bits; the operation of the 2026 design does not exist. */
  accept(): number {
    return EINVAL;
  }

  /** KVM_ASYNC_PF on a vCPU: 0, or the errno. */
  request(vcpu: number, { gpa, op, flags = 0, reserved = false, pointerIsBad = false, otherProcess = false }: AsyncPfRequest): number {
    if (otherProcess) return EIO;
    if (pointerIsBad) return EFAULT;
    return flags !== 0 || reserved || op !== KVM_APF_OP_READY ? EINVAL : this.complete(vcpu, gpa);
  }

  private complete(vcpu: number, gpa: number): number {
    if (!isPageAligned(gpa)) return EINVAL;
    const queue = this.queues[vcpu];
    if (queue.clearing) return EBUSY;
    const slot = queue.find(pageOf(this.shape, gpa));
    if (slot < 0 || queue.isWakeAll(slot)) return ENOENT;
    if (queue.state(slot) === ItemState.COMPLETED) return EALREADY;
    queue.complete(slot);
    return 0;
  }
}
