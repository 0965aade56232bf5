/** What iteration i4 of the 2026 design promises, rule by rule; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';
import { requestRules } from './rules-request.js';
import { ringRules } from './rules-ring.js';

const I4 = 'KVM_CAP_ASYNC_PF_USERFAULT, i4';
const PATH = `${I4}, fault path`;
const STATES = `${I4}, states of an async page fault`;

const faultRules: readonly UapiRule[] = [
  rule('u26-01', 'errno', 'KVM_ENABLE_CAP of KVM_CAP_ASYNC_PF_USERFAULT on a vCPU takes 0 or 1 in args[0] and 0 in the others; anything else fails with EINVAL.', I4),
  rule('u26-02', 'exit', 'On a vCPU without the capability enabled, a fault on a marked page is an exit with flag bit 4 only.', PATH),
  rule('u26-03', 'exit', 'With it enabled, a fault that the guest can be told of makes KVM_RUN fail with EFAULT, KVM_EXIT_MEMORY_FAULT, flag bits 4 and 5, and the gpa.', PATH),
  rule('u26-04', 'guest', 'The guest takes #PF with the token in CR2 on the next entry, whatever user space says: it was told before.', `${PATH}, kvm_arch_async_page_not_present()`),
  rule('u26-05', 'guest', 'When the guest cannot be told, by MSR or at CPL 0, the exit has bits 4 and 5 all the same, and after ACCEPT the vCPU halts in KVM_RUN until READY.', PATH),
  rule('u26-06', 'exit', 'When the vCPU could take no interrupt, the exit has flag bit 4 only, and the guest is never told.', `${PATH}, kvm_can_do_async_pf()`),
  rule('u26-07', 'exit', 'When HLT does not leave the guest and the guest cannot be told, the exit has flag bit 4 only.', `${PATH}, kvm_can_do_async_pf()`),
  rule('u26-08', 'errno', 'KVM_PRE_FAULT_MEMORY of a marked page fails with EFAULT and makes no async page fault.', PATH),
  rule('u26-09', 'guest', 'A second fault of a vCPU on a page with an async page fault of its own is no exit: the vCPU halts until it completes.', `${PATH}, KVM_REQ_APF_HALT`),
  rule('u26-10', 'exit', 'Another vCPU that faults on the page gets an exit of its own, and READY on one vCPU completes the other\'s not.', `${I4}, per vCPU`),
  rule('u26-11', 'exit', 'With 64 outstanding on the vCPU, the exit has flag bit 4 only.', `${PATH}, ASYNC_PF_PER_VCPU`),
  rule('u26-12', 'guest', 'An accepted fault outlasts re-entry: no ready event comes before READY.', STATES),
  rule('u26-13', 'guest', 'READY completes an accepted fault: the guest gets the ready event with the token of its #PF.', STATES),
  rule('u26-14', 'errno', 'READY completes a fault that nobody accepted, too.', STATES),
  rule('u26-15', 'guest', 'Re-entry completes every fault that nobody accepted, whether its page is there or not.', STATES),
  rule('u26-16', 'exit', 'Re-entry without ACCEPT while the page is missing makes the guest fault again, with a new exit and a new token.', STATES),
  rule('u26-17', 'errno', 'ACCEPT of a fault that is accepted or completed already returns 0 and changes nothing.', STATES),
  rule('u26-18', 'guest', 'READY may come from another thread while the vCPU is in the guest.', `${I4}, KVM_ASYNC_PF`),
  rule('u26-19', 'guest', 'A fault that the guest was not told of ends without a ready event: the vCPU goes on.', 'kvm_arch_async_page_present()'),
  rule('u26-20', 'guest', 'While the token word is not 0 no other ready event comes; writing 1 to MSR_KVM_ASYNC_PF_ACK with the word at 0 brings the next.', 'kvm_arch_can_dequeue_async_page_present()'),
  rule('u26-21', 'guest', 'Enabling, and enabling again, makes a ready event with token 0xffffffff due: so a guest that was restored recovers its tasks.', 'kvm_async_pf_wakeup_all()'),
  rule('u26-22', 'errno', 'When the guest disables delivery whatever is outstanding is forgotten: READY for it fails with ENOENT, and no ready event comes.', STATES),
  rule('u26-23', 'errno', 'A reset of the vCPU forgets whatever is outstanding: READY for it fails with ENOENT.', STATES),
  unseenRule('u26-24', 'Turning paging off or on forgets whatever is outstanding.', `${STATES}, kvm_post_set_cr0()`, 'the guest runs in 64-bit mode and cannot turn paging off'),
  unseenRule('u26-25', 'The 64 are shared with the faults of KVM\'s own worker and with the wake-all event.', 'ASYNC_PF_PER_VCPU', 'KVM\'s worker has no part in a marked page, and the wake-all event is told within the entry that follows it'),
];

/** See the module's comment. */
export const asyncPfUserfaultRules: readonly UapiRule[] = [...faultRules, ...requestRules, ...ringRules];

/** What an emulation on a stock kernel cannot show. */
export const asyncPfUserfaultNotReproduced: readonly string[] = [
  'Zap on enable and 4 KiB mappings, as with KVM Userfault.',
  'The prefault when a completed fault is dequeued, and that with the bit still set it overwrites exit_reason while KVM runs on: the model does none.',
  'An exit that the stock kernel makes for every missing page: emulated rings save the VMM\'s wait, not the exit.',
  'The eventfd as KVM\'s wait queue sees it, and the work item that drains completions: the emulation\'s resolver drains them itself.',
  'Memory that KVM allocates for an item and cannot get, and ENOMEM.',
  'Whether the host has an address for the page (guest_memfd without one).',
  'READY while items are being cleared, for which KVM has a window: the emulation clears under a lock.',
];
