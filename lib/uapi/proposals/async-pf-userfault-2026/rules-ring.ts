/** Rules of exitless delivery: the shared page, both rings, the eventfds. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const PAGE = 'KVM_CAP_ASYNC_PF_USERFAULT_EVENTFD, i4, struct kvm_apf_shared_page';
const NOTIFY = 'KVM_CAP_ASYNC_PF_USERFAULT_EVENTFD, i4, notification ring';
const COMPLETE = 'KVM_CAP_ASYNC_PF_USERFAULT_EVENTFD, i4, completion ring';

/** See the module's comment. */
export const ringRules: readonly UapiRule[] = [
  rule('u26-44', 'ring', 'After registration the vCPU\'s file maps, at page 3, a page with version 1, 64 entries of 16 bytes, empty rings and no flags.', PAGE),
  rule('u26-45', 'ring', 'Registering again makes a new page with empty rings.', PAGE),
  rule('u26-46', 'ring', 'With rings, a fault that the guest can be told of is no exit: an entry has its gpa and flag bits 4 and 5, and notify.head is one more.', NOTIFY),
  rule('u26-47', 'guest', 'A fault published on the ring is accepted: no re-entry completes it.', NOTIFY),
  rule('u26-48', 'guest', 'With rings, a fault that the guest cannot be told of is no exit either: the vCPU halts until it completes.', NOTIFY),
  rule('u26-49', 'ring', 'The notification eventfd is signalled for a fault when NOTIFY_ARMED was set, which KVM clears, and not otherwise.', NOTIFY),
  rule('u26-50', 'exit', 'With 64 entries that the handler has not taken, the fault is an exit with bits 4 and 5, to be accepted as without rings.', NOTIFY),
  rule('u26-51', 'ring', 'Whatever user space writes to notify.head, KVM goes on at its own index and publishes that.', NOTIFY),
  rule('u26-52', 'exit', 'A notify.tail that the handler made up makes the ring look full or not, and nothing worse: the fault is an exit or an entry inside the ring.', NOTIFY),
  rule('u26-53', 'ring', 'Indices run on modulo 2^32 and are masked only to find an entry.', NOTIFY),
  rule('u26-54', 'ring', 'A completion with a page\'s gpa and flags 0, then a write to the completion eventfd, completes the fault without a call.', COMPLETE),
  rule('u26-55', 'ring', 'One write of the completion eventfd takes every completion in the ring, and complete.tail is complete.head after.', COMPLETE),
  rule('u26-56', 'ring', 'A completion that is not page aligned, has flags, or names no fault or a completed one is skipped, and those after it count.', COMPLETE),
  rule('u26-57', 'ring', 'When complete.head is more than 64 ahead of complete.tail, the whole batch is dropped and complete.tail is complete.head after.', COMPLETE),
  rule('u26-58', 'guest', 'A vCPU about to halt takes the completions in the ring first, without a write to the eventfd.', COMPLETE),
  rule('u26-59', 'ring', 'The completion ring completes faults that were exits too, accepted or not.', COMPLETE),
  rule('u26-60', 'ring', 'A completion for a fault that the guest\'s MSR write cancelled is skipped, and no ready event comes.', COMPLETE),
  unseenRule('u26-61', 'A mapping of the page that is private or executable gets SIGBUS when it is touched.', PAGE, 'SIGBUS would end the process that tries'),
  unseenRule('u26-62', 'The handler may be in another process: mapping and eventfds ask for no common memory.', PAGE, 'the suite is one process'),
];
