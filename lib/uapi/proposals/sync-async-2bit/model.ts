/**
 * Two bits a page: user space says before the fault whether it will be resolved synchronously or not. S set is a plain exit, of which the guest is
 * never told; A alone is an async page fault from the start: nothing to accept, nothing that re-entry completes.
 *
 * Both bits are in one word: KVM reads them at once, user space changes a page's class by one atomic operation. S dominates A, so that setting
 * S alone makes a page synchronous.
 */
import { EALREADY, EBUSY, EFAULT, EINVAL, EIO, ENOENT } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import { gpaOf, isPageAligned, pageOf } from '../model-shape.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { KVM_MEM_USERFAULT_ASYNC, KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC, TwoBit } from './constants.js';

/** Argument of KVM_USERFAULT_READY (struct kvm_userfault_ready), and who makes the call. */
export interface UserfaultReadyRequest {
  readonly gpa: number;
  readonly flags?: number;
  /** True when the argument cannot be read. */
  readonly pointerIsBad?: boolean;
  /** True when another process makes the call. */
  readonly otherProcess?: boolean;
}

/** See the module's comment. */
export class SyncAsyncTwoBitModel extends ProposalModel {
  readonly completionKey = 'gpa';
  readonly needsAccept = false;
  readonly slotFlags = KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC;

  /** {@inheritDoc ProposalModel.fault} `bits`: see {@link TwoBit}. */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    // Without its flag a page has one bit.
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
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC, 0, queue.token(slot), false);
    return FaultAction.EXIT;
  }

  /**
   * {@inheritDoc ProposalModel.setFlags} What the bits mean comes and goes with interception: changed under it, bits set before would be taken
   * for those of other pages.
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

  /** {@inheritDoc ProposalModel.accept} Decided by the bits; there is no such call. */
  accept(): number {
    return EINVAL;
  }

  /** KVM_USERFAULT_READY on a vCPU: 0, or the errno. */
  request(vcpu: number, { gpa, flags = 0, pointerIsBad = false, otherProcess = false }: UserfaultReadyRequest): number {
    if (otherProcess) return EIO;
    if (pointerIsBad) return EFAULT;
    return flags !== 0 ? EINVAL : this.complete(vcpu, gpa);
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
