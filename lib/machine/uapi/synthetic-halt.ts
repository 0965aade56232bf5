/**
 * A vCPU that stays out of the guest, but for interrupts, until a fault of its own completes. KVM's own halt state does just that: an
 * interrupt ends it, and so does the kick that comes with the completion.
 */
import { EINTR } from '../../errors/index.js';
import type { Vcpu } from '../../kvm/index.js';
import { KVM_MP_STATE_HALTED, KVM_MP_STATE_RUNNABLE } from '../../uapi/index.js';

/** See the module's comment. One for each vCPU. */
export class SyntheticHalt {
  private halted = false;

  constructor(private readonly vcpu: Pick<Vcpu, 'getMpState' | 'setMpState'>) {}

  /** The next KVM_RUN halts. */
  begin(): void {
    this.vcpu.setMpState(KVM_MP_STATE_HALTED);
    this.halted = true;
  }

  /**
   * KVM_RUN returned.
   * @param result - 0 or a negative errno
   * @param isDue - whether the fault is still outstanding
   * @returns true when the vCPU was in the guest since: an interrupt ended the halt
   */
  left(result: number, isDue: () => boolean): boolean {
    if (!this.halted) return false;
    if (result === -EINTR && this.vcpu.getMpState() === KVM_MP_STATE_HALTED) {
      if (isDue()) return false;
      this.vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
      this.halted = false;
      return false;
    }
    this.halted = false;
    return true;
  }
}
