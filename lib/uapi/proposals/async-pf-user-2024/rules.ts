/** What the RFC of 2024 promises, rule by rule; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const RFC = 'RFC "KVM: x86: async PF user"';
const PATH = `${RFC}, fault path`;
const READY = `${RFC}, KVM_ASYNC_PF_USER_READY`;

/** See the module's comment. */
export const asyncPfUserRules: readonly UapiRule[] = [
  rule('u24-01', 'exit', 'A fault on a marked page that the guest can be told of makes KVM_RUN fail with EFAULT, KVM_EXIT_MEMORY_FAULT, flag bits 4 and 5, the gpa, and a token at byte 56.', PATH),
  rule('u24-02', 'guest', 'The guest takes #PF with that token in CR2 on the next entry: it was told before user space was.', PATH),
  rule('u24-03', 'exit', 'A token is a counter of the vCPU shifted left by 12, with the vCPU\'s id in the low 12 bits, and never 0.', `${RFC}; alloc_apf_token()`),
  rule('u24-04', 'exit', 'When the guest has not enabled delivery, or is at CPL 0 without SEND_ALWAYS, the exit has flag bit 4 only, and the guest is never told.', `${PATH}, kvm_can_deliver_async_pf()`),
  rule('u24-05', 'exit', 'When the vCPU could take no interrupt, the exit has flag bit 4 only, and the guest is never told.', `${PATH}, kvm_can_do_async_pf()`),
  rule('u24-06', 'exit', 'A page that is not marked is resolved without an exit.', PATH),
  rule('u24-07', 'guest', 'A second fault of a vCPU on a page that it was told of is no exit and no event: the vCPU halts until READY.', `${PATH}, KVM_REQ_APF_HALT`),
  rule('u24-08', 'exit', 'Another vCPU that faults on the page gets an exit and a token of its own, and READY of one completes the other not.', PATH),
  rule('u24-09', 'guest', 'READY with the token returns 0, and the guest gets the ready event with it.', READY),
  rule('u24-10', 'guest', 'READY may come from another thread while the vCPU is in the guest.', READY),
  rule('u24-11', 'errno', 'READY fails with EINVAL for a token that was never issued, 0 and the wake-all token included.', READY),
  rule('u24-12', 'errno', 'READY fails with EINVAL for a token of another vCPU.', READY),
  rule('u24-13', 'errno', 'READY fails with EINVAL the second time.', READY),
  rule('u24-14', 'errno', 'READY fails with EIO in another process.', 'kvm_vcpu_ioctl()'),
  rule('u24-15', 'errno', 'READY fails with EFAULT when its argument cannot be read.', READY),
  rule('u24-16', 'exit', 'With 64 async page faults outstanding on the vCPU, the exit has flag bit 4 only.', `${RFC}, ASYNC_PF_USER_PER_VCPU`),
  rule('u24-17', 'guest', 'Re-entry without READY completes nothing: no ready event comes.', PATH),
  rule('u24-18', 'errno', 'When the guest disables delivery whatever is outstanding is forgotten, and READY for it fails with EINVAL.', 'kvm_pv_enable_async_pf()'),
  rule('u24-19', 'guest', 'While the token word is not 0 no other ready event comes; writing 1 to MSR_KVM_ASYNC_PF_ACK with the word at 0 brings the next.', 'kvm_arch_can_dequeue_async_page_present()'),
  rule('u24-20', 'guest', 'Enabling, and enabling again, makes a ready event with token 0xffffffff due.', 'kvm_async_pf_wakeup_all()'),
  rule('u24-21', 'errno', 'KVM_PRE_FAULT_MEMORY of a marked page fails with EFAULT and makes no async page fault.', PATH),
  unseenRule('u24-22', 'The 64 of user space are besides the 64 of KVM\'s own worker.', `${RFC}, ASYNC_PF_USER_PER_VCPU`, 'a page cannot be marked and left to KVM\'s worker at once'),
  unseenRule('u24-23', 'Only VMs of type KVM_X86_SW_PROTECTED_VM have async page faults of user space.', PATH, 'the VMs of this suite have one type, and the guest none of its pages private'),
];

/** What an emulation on a stock kernel cannot show. */
export const asyncPfUserNotReproduced: readonly string[] = [
  'Items that the RFC\'s code completes and never frees: the model frees them, so that 64 faults do not use the limit up for good.',
  'The gap between lookup and completion, where the RFC\'s code drops its lock: the model does both at once.',
  'The prefault at completion, which the RFC\'s code does for gpa 0: the model does none, and the next access maps the page.',
  'Two flags for a pending ready event that share the one token word: the model has one queue.',
  'Interception was a memory attribute then, which KVM_SET_MEMORY_ATTRIBUTES changes; here it is a bitmap.',
  'Pages private to the guest (KVM_X86_SW_PROTECTED_VM), the only ones that the RFC\'s code intercepts.',
  'Emulated, KVM\'s own queue has no part: the VMM injects the events.',
];
