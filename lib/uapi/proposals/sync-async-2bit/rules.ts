/** What the two-bit proposal promises, rule by rule; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const SOURCE = 'docs/proposals/sync-async-2bit.md';

/** See the module's comment. */
export const syncAsyncTwoBitRules: readonly UapiRule[] = [
  rule('2b-01', 'exit', 'A fault on a page with neither bit is resolved without an exit.', SOURCE),
  rule('2b-02', 'exit', 'A fault on a page whose synchronous bit is set is an exit with flag bit 4 only, and the guest is never told.', SOURCE),
  rule('2b-03', 'exit', 'With both bits set the page is synchronous: bit 4 only, and the guest is never told.', SOURCE),
  rule('2b-04', 'exit', 'A fault on a page with the asynchronous bit alone, of which the guest can be told, is an exit with flag bits 4 and 5.', SOURCE),
  rule('2b-05', 'guest', 'The guest takes #PF with the token in CR2 on the next entry after that exit.', SOURCE),
  rule('2b-06', 'guest', 'That fault is accepted from the start: re-entry completes nothing, and no ready event comes before READY.', SOURCE),
  rule('2b-07', 'exit', 'When the guest cannot be told, by MSR or at CPL 0, a page with the asynchronous bit alone is an exit with bit 4 only, and no vCPU halts for it.', SOURCE),
  rule('2b-08', 'exit', 'When the vCPU could take no interrupt, a page with the asynchronous bit alone is an exit with bit 4 only.', SOURCE),
  rule('2b-09', 'exit', 'With 64 outstanding on the vCPU, a page with the asynchronous bit alone is an exit with bit 4 only.', SOURCE),
  rule('2b-10', 'guest', 'A second fault of a vCPU on a page that it was told of is no exit while the asynchronous bit is alone: the vCPU halts until READY.', SOURCE),
  rule('2b-11', 'exit', 'When the synchronous bit is set on a page that a vCPU was told of, its next fault there is an exit with bit 4 only; the outstanding one stays until READY.', SOURCE),
  rule('2b-12', 'exit', 'Another vCPU that faults on the page has an exit and a completion of its own.', SOURCE),
  rule('2b-13', 'guest', 'READY by gpa completes the fault, from any thread: the guest gets the ready event with the token of its #PF.', SOURCE),
  rule('2b-14', 'errno', 'READY fails with EALREADY for a fault that is completed and not told yet, and with ENOENT for a page without one.', SOURCE),
  rule('2b-15', 'errno', 'KVM_ASYNC_PF fails with EINVAL for every operation but READY: there is nothing to accept.', SOURCE),
  rule('2b-16', 'errno', 'KVM_ASYNC_PF fails with EINVAL when flags or a reserved word are not 0, or the gpa is not the first byte of a page.', SOURCE),
  rule('2b-17', 'errno', 'KVM_ASYNC_PF fails with EFAULT when its argument cannot be read, and with EIO in another process.', SOURCE),
  rule('2b-18', 'errno', 'KVM_MEM_USERFAULT_ASYNC without KVM_MEM_USERFAULT fails with EINVAL.', SOURCE),
  rule('2b-19', 'errno', 'Changing KVM_MEM_USERFAULT_ASYNC while KVM_MEM_USERFAULT stays set fails with EINVAL.', SOURCE),
  rule('2b-20', 'errno', 'The address of the asynchronous bitmap is held to what that of the synchronous one is: EINVAL when tagged or not wholly in user space.', SOURCE),
  rule('2b-21', 'exit', 'When a fault cannot read either bitmap, KVM_RUN fails with EFAULT without KVM_EXIT_MEMORY_FAULT.', SOURCE),
  rule('2b-22', 'exit', 'Without KVM_MEM_USERFAULT_ASYNC the asynchronous bitmap is not looked at.', SOURCE),
  rule('2b-23', 'exit', 'Setting either bit of a page that is mapped changes nothing for it until the flags are turned off and on.', SOURCE),
  rule('2b-24', 'exit', 'A page is made synchronous by setting one bit and then clearing the other: at every point in between it is intercepted.', SOURCE),
  rule('2b-25', 'guest', 'When contents are written, then the bits cleared, then READY called, the guest reads the contents after the ready event.', SOURCE),
  rule('2b-26', 'errno', 'When the guest disables delivery whatever is outstanding is forgotten: READY for it fails with ENOENT, and no ready event comes.', SOURCE),
  rule('2b-27', 'errno', 'KVM_PRE_FAULT_MEMORY of a page with either bit fails with EFAULT and makes no async page fault.', SOURCE),
  rule('2b-28', 'errno', 'KVM_ENABLE_CAP of KVM_CAP_USERFAULT_ASYNC fails with EINVAL: the bits are consent enough.', SOURCE),
  rule('2b-29', 'guest', 'While the token word is not 0 no other ready event comes; writing 1 to MSR_KVM_ASYNC_PF_ACK with the word at 0 brings the next.', 'kvm_arch_can_dequeue_async_page_present()'),
  unseenRule('2b-30', 'KVM reads the asynchronous bit before the synchronous one, so that a page on its way to synchronous never seems free.', SOURCE, 'the two reads are a few instructions of KVM apart'),
  unseenRule('2b-31', 'READY fails with EBUSY while the vCPU\'s faults are being cleared.', SOURCE, 'KVM opens and closes that window on its own, and no call holds it open'),
];

/** What an emulation on a stock kernel cannot show. */
export const syncAsyncTwoBitNotReproduced: readonly string[] = [
  'Zap on enable and 4 KiB mappings, as with KVM Userfault.',
  'No kernel has this proposal: there is nothing that the emulation could be compared with.',
  'The two reads of a fault, which a kernel makes one after the other: the emulation reads both bits in that order, but exits in between.',
  'READY while items are being cleared, for which KVM would have a window: the emulation clears under a lock.',
];
