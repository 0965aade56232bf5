/**
 * RFC "KVM: x86: async PF user": an intercepted fault that the guest can be told of is told at once, and ends KVM_RUN with the token of the
 * event; user space re-enters and, from any thread, says READY with the token. What the guest cannot be told is a plain exit.
 *
 * The model is the RFC as described. What its code gets wrong is not in it: completed items that are never freed, a lock dropped between
 * lookup and completion, the prefault of gpa 0, two pending flags for one token word. The profile lists them.
 */
import { EFAULT, EINVAL, EIO } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER } from './constants.js';

/** Arguments of KVM_ASYNC_PF_USER_READY (struct kvm_async_pf_user_ready), and what is wrong with the call. */
export interface AsyncPfUserReady {
  readonly token: number;
  /** The argument cannot be read. */
  readonly pointerIsBad?: boolean;
  /** The caller's memory is not the VM's: another process. */
  readonly otherProcess?: boolean;
}

/** See the module's comment. */
export class AsyncPfUserModel extends ProposalModel {
  readonly completionKey = 'token';
  readonly needsAccept = false;
  /** Interception was a memory attribute then (KVM_SET_MEMORY_ATTRIBUTES), and setting it unmapped the page. */
  readonly slotFlags = 0;

  /** {@inheritDoc ProposalModel.fault} */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    if (bits === 0) return FaultAction.MAP;
    const queue = this.queues[vcpu];
    if (prefetch || !queue.canDoAsyncPf(context)) return FaultAction.EXIT;
    if (queue.find(page) >= 0) {
      queue.halt();
      return FaultAction.HALT;
    }
    if (!queue.canDeliver(context)) return FaultAction.EXIT;
    const slot = queue.create(page, ItemState.ACCEPTED, true);
    if (slot < 0) return FaultAction.EXIT;
    const token = queue.token(slot);
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER, token, token, false);
    return FaultAction.EXIT;
  }

  /** KVM_ASYNC_PF_USER_READY as {@link ready}, with what can be wrong with the call. */
  request(vcpu: number, { token, pointerIsBad = false, otherProcess = false }: AsyncPfUserReady): number {
    if (otherProcess) return EIO;
    return pointerIsBad ? EFAULT : this.ready(vcpu, 0, token);
  }

  /** {@inheritDoc ProposalModel.ready} KVM_ASYNC_PF_USER_READY: the page does not matter. */
  ready(vcpu: number, _page: number, token: number): number {
    const queue = this.queues[vcpu];
    const slot = queue.findToken(token);
    // The wake-all event has a token too; its item is completed from the start.
    if (slot < 0 || queue.state(slot) === ItemState.COMPLETED) return EINVAL;
    queue.complete(slot);
    return 0;
  }

  /** {@inheritDoc ProposalModel.accept} There is nothing to accept: the exit is an async page fault already. */
  accept(): number {
    return 0;
  }
}
