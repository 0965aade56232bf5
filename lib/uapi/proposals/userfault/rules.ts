/** What KVM Userfault promises, rule by rule; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const V3 = 'KVM Userfault v3';
const DOC = `${V3}, documentation of KVM_MEM_USERFAULT`;
const PATHS = `${V3}, x86 fault path`;

/** See the module's comment. */
export const userfaultRules: readonly UapiRule[] = [
  rule('uf-01', 'errno', 'KVM_CHECK_EXTENSION says that KVM_CAP_USERFAULT is there, and KVM_ENABLE_CAP of it fails with EINVAL.', DOC),
  rule('uf-02', 'exit', 'A fault on a page whose bit is set makes KVM_RUN fail with EFAULT, KVM_EXIT_MEMORY_FAULT, flag bit 4, the page\'s gpa and size 4096.', DOC),
  rule('uf-03', 'exit', 'A fault on a page whose bit is clear is resolved without an exit.', DOC),
  rule('uf-04', 'exit', 'Bit n % 64 of word n / 64 belongs to page n of the slot: neighbours of a marked page do not exit.', DOC),
  rule('uf-05', 'exit', 'Reads, writes and instruction fetches exit alike, and the exit does not tell them apart.', PATHS),
  rule('uf-06', 'exit', 'KVM only reads the bitmap: it is the same after the exit.', DOC),
  rule('uf-07', 'exit', 'Re-entry with the bit still set exits again with the same gpa.', DOC),
  rule('uf-08', 'guest', 'When contents are written first and the bit is cleared after, with release order, the guest goes on after re-entry and reads them.', DOC),
  rule('uf-09', 'exit', 'Setting the bit of a page that is mapped changes nothing for it.', DOC),
  rule('uf-10', 'exit', 'Turning the flag off and on makes marked pages exit that were mapped before.', `${DOC}; zap on enable`),
  rule('uf-11', 'exit', 'KVM_SET_USER_MEMORY_REGION2 with the same flags changes nothing, and a bitmap address that is all that differs is ignored.', '__kvm_set_memory_region()'),
  rule('uf-12', 'exit', 'With the flag off no bit is looked at.', DOC),
  rule('uf-13', 'errno', 'KVM_SET_USER_MEMORY_REGION2 fails with EINVAL for a bitmap whose address is tagged or not wholly in user space.', `${V3}, __kvm_set_memory_region()`),
  rule('uf-14', 'exit', 'When a fault cannot read the bitmap, KVM_RUN fails with EFAULT without KVM_EXIT_MEMORY_FAULT.', `${V3} and its review`),
  rule('uf-15', 'exit', 'Two vCPUs that fault on one page both exit, whichever resolves it.', DOC),
  rule('uf-16', 'guest', 'The one of two that resolves the page second finds it there (EEXIST), re-enters, and its guest reads the contents all the same.', `${DOC}; selftest demand_paging_test`),
  rule('uf-17', 'guest', 'A guest that enabled async page faults is not told of a marked page: the exit comes first.', `${PATHS}; cover letter`),
  rule('uf-18', 'exit', 'The exit comes whatever the vCPU could take: at CPL 0 and with interrupts off too.', PATHS),
  rule('uf-19', 'errno', 'KVM_PRE_FAULT_MEMORY of a marked page fails with EFAULT and maps nothing.', PATHS),
  rule('uf-20', 'errno', 'A slot with guest_memfd takes one change only, of KVM_MEM_USERFAULT; any other, and a move, fails with EINVAL.', `${V3}, guest_memfd`),
  unseenRule('uf-21', 'While the flag is set the slot is mapped with 4 KiB pages only.', `${V3}, kvm_mmu_hugepage_adjust()`, 'the size of a mapping shows only in time and in KVM\'s statistics'),
  unseenRule('uf-22', 'Clearing the flag lets huge mappings come back (x86).', `${V3}, kvm_mmu_slot_apply_flags()`, 'the size of a mapping shows only in time and in KVM\'s statistics'),
  unseenRule('uf-23', 'What KVM itself reads or writes of the guest is not intercepted: it faults on the host\'s mapping.', `${V3}, cover letter and review`, 'which instructions KVM emulates differs from host to host'),
];

/** What an emulation on a stock kernel cannot show. */
export const userfaultNotReproduced: readonly string[] = [
  'Turning interception on zaps every mapping of the slot, which takes time with its size: emulated pages are made missing one by one.',
  'KVM maps the slot with 4 KiB pages while interception is on, and rebuilds huge ones after: the emulation leaves the size of mappings to the host.',
  'KVM\'s own accesses (emulation, clock, steal time) pass interception natively; emulated, they meet missing memory and fail.',
  'Emulated, the gpa of a fault comes from a search (instruction and page tables), which costs more than the native exit.',
  'guest_memfd slots cannot be intercepted where the fault is emulated by missing memory.',
];
