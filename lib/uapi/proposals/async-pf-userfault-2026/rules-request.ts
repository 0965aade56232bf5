/** Rules of KVM_ASYNC_PF and KVM_SET_APF_EVENTFD: what they refuse, and how. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const REQUEST = 'KVM_CAP_ASYNC_PF_USERFAULT, i4, KVM_ASYNC_PF';
const EVENTFD = 'KVM_CAP_ASYNC_PF_USERFAULT, i4, KVM_SET_APF_EVENTFD';

/** See the module's comment. */
export const requestRules: readonly UapiRule[] = [
  rule('u26-26', 'errno', 'KVM_ASYNC_PF fails with EINVAL when flags or a reserved word are not 0.', REQUEST),
  rule('u26-27', 'errno', 'KVM_ASYNC_PF fails with EINVAL when the gpa is not the first byte of a page.', REQUEST),
  rule('u26-28', 'errno', 'KVM_ASYNC_PF fails with EINVAL for an operation that is neither ACCEPT (1) nor READY (2); 0 is none.', REQUEST),
  rule('u26-29', 'errno', 'KVM_ASYNC_PF fails with ENOENT, ACCEPT and READY alike, for a page without an async page fault on this vCPU.', REQUEST),
  rule('u26-30', 'errno', 'READY fails with EALREADY for a fault that is completed and not told yet.', REQUEST),
  rule('u26-31', 'errno', 'KVM_ASYNC_PF fails with EFAULT when its argument cannot be read.', REQUEST),
  rule('u26-32', 'errno', 'READY fails with EIO in another process.', `${REQUEST}; kvm_vcpu_ioctl()`),
  rule('u26-33', 'errno', 'Arguments are checked, and READY without a fault fails with ENOENT, on a vCPU without the capability enabled too.', REQUEST),
  unseenRule('u26-34', 'READY fails with EBUSY while the vCPU\'s faults are being cleared.', REQUEST, 'KVM opens and closes that window on its own, and no call holds it open'),
  rule('u26-35', 'errno', 'KVM_SET_APF_EVENTFD fails with EINVAL when flags, padding or a reserved word are not 0.', EVENTFD),
  rule('u26-36', 'errno', 'KVM_SET_APF_EVENTFD fails with EINVAL for an fd below -1.', EVENTFD),
  rule('u26-37', 'errno', 'KVM_SET_APF_EVENTFD fails with EINVAL when both descriptors are equal, or of one eventfd.', EVENTFD),
  rule('u26-38', 'errno', 'KVM_SET_APF_EVENTFD fails with EBADF for a descriptor that is not open.', EVENTFD),
  rule('u26-39', 'errno', 'KVM_SET_APF_EVENTFD fails with EBUSY, registering and -1 alike, while the vCPU has faults outstanding.', EVENTFD),
  rule('u26-40', 'errno', 'KVM_SET_APF_EVENTFD fails with EBUSY while a wake-all event has not been told to the guest: it counts as a fault.', EVENTFD),
  rule('u26-41', 'errno', 'KVM_SET_APF_EVENTFD fails with EBUSY when the completion eventfd is registered with another vCPU.', `${EVENTFD}, exclusive waiter`),
  rule('u26-42', 'exit', 'KVM_SET_APF_EVENTFD with fd -1 takes the rings away, whatever complete_fd is: the next fault is an exit.', EVENTFD),
  rule('u26-43', 'errno', 'KVM_SET_APF_EVENTFD fails with EFAULT when its argument cannot be read.', EVENTFD),
];
