/** KVM Userfault: an intercepted fault ends KVM_RUN with the page's gpa, and nothing else happens. */
import { EINVAL } from '../../../errors/index.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from './constants.js';

/** See the module's comment. */
export class UserfaultModel extends ProposalModel {
  readonly completionKey = 'none';
  readonly needsAccept = false;
  readonly slotFlags: number = KVM_MEM_USERFAULT;

  /** {@inheritDoc ProposalModel.fault} */
  fault(_vcpu: number, _page: number, bits: number): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    return bits === 0 ? FaultAction.MAP : FaultAction.EXIT;
  }

  /** KVM_ENABLE_CAP of KVM_CAP_USERFAULT: there is nothing to enable but the memslot's flag. */
  enableCap(): number {
    return EINVAL;
  }

  /** {@inheritDoc ProposalModel.ready} Nothing: the cleared bit says it. */
  ready(): number {
    return 0;
  }

  /** {@inheritDoc ProposalModel.accept} There is nothing to accept. */
  accept(): number {
    return 0;
  }
}
