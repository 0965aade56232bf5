/** What a stock kernel does with pages that are not there, rule by rule; the cases of the conformance suite have their ids. */
import type { UapiRule } from '../profile.js';
import { rule, unseenRule } from '../rule.js';

const MSR_RST = 'Documentation/virt/kvm/x86/msr.rst';
const CAN_DO = 'kvm_can_do_async_pf()';
const CAN_DELIVER = 'kvm_can_deliver_async_pf()';
const NOT_PRESENT = 'kvm_arch_async_page_not_present()';
const PRESENT = 'kvm_arch_async_page_present()';
const ENABLE = 'kvm_pv_enable_async_pf()';

/** See the module's comment. */
export const stockRules: readonly UapiRule[] = [
  rule('st-01', 'exit', 'A page that KVM gets without sleeping is mapped: KVM_RUN does not return, and the guest gets no event.', '__kvm_faultin_pfn()'),
  rule('st-02', 'guest', 'When a page takes sleep and the guest can be told, it gets #PF with error code 0 and the token in CR2, with 1 in the flags of its area, and KVM_RUN goes on.', NOT_PRESENT),
  rule('st-03', 'guest', 'A token is a counter of the vCPU shifted left by 12, with the vCPU\'s id in the low 12 bits; it is never 0, and no two that are outstanding are equal.', 'alloc_apf_token()'),
  rule('st-04', 'guest', 'A guest that has set only one of ENABLED and DELIVERY_AS_INT gets no not-present event.', `kvm_pv_async_pf_enabled(), ${MSR_RST}`),
  rule('st-05', 'guest', 'At CPL 0 the guest gets no not-present event unless it has set SEND_ALWAYS.', CAN_DELIVER),
  rule('st-06', 'guest', 'When the vCPU could take an interrupt but the guest cannot be told, the vCPU halts: it takes interrupts meanwhile, and tries the access again when the page is there.', `${NOT_PRESENT}, KVM_REQ_APF_HALT`),
  rule('st-07', 'guest', 'When the vCPU could take no interrupt (RFLAGS.IF clear, a shadow, an event on its way), it sleeps until the page is there, and the guest is told nothing.', CAN_DO),
  rule('st-08', 'guest', 'A second fault of a vCPU on a page that it was told of is no second event: the vCPU halts until the page is there.', 'kvm_find_async_pf_gfn(), __kvm_faultin_pfn()'),
  rule('st-09', 'guest', 'With 64 async page faults outstanding, the next fault makes its vCPU sleep.', 'kvm_setup_async_pf(), ASYNC_PF_PER_VCPU'),
  rule('st-10', 'guest', 'When the page is there, the token is in the token word of the area and an interrupt comes with the vector of MSR_KVM_ASYNC_PF_INT.', PRESENT),
  rule('st-11', 'guest', 'A fault that the guest was not told of ends without a ready event.', PRESENT),
  rule('st-12', 'guest', 'While the token word is not 0 no other ready event comes; writing 1 to MSR_KVM_ASYNC_PF_ACK with the word at 0 brings the next.', 'kvm_arch_can_dequeue_async_page_present(), kvm_check_async_pf_completion()'),
  rule('st-13', 'guest', 'Ready events come in the order in which their pages came.', 'kvm_check_async_pf_completion()'),
  rule('st-14', 'guest', 'Enabling, and enabling again, makes a ready event with token 0xffffffff due.', 'kvm_async_pf_wakeup_all()'),
  rule('st-15', 'guest', 'Enabling again while a completed fault waits to be told makes no wake-all event due.', 'kvm_async_pf_wakeup_all()'),
  rule('st-16', 'guest', 'Disabling forgets whatever is outstanding: no ready event comes for it, and its pages can be faulted on anew.', ENABLE),
  rule('st-17', 'guest', 'The guest gets #GP for bits 5:4 of MSR_KVM_ASYNC_PF_EN and for bits above 7 of MSR_KVM_ASYNC_PF_INT.', `${ENABLE}, kvm_pv_enable_async_pf_int()`),
  rule('st-18', 'guest', 'The guest gets #GP when it enables delivery with an area that is not ordinary memory.', ENABLE),
  rule('st-19', 'guest', 'MSR_KVM_ASYNC_PF_EN and _INT read as they were written, and _ACK reads as 0.', 'kvm_get_msr_common()'),
  rule('st-20', 'exit', 'When a page cannot be had and the vCPU can have no async page fault, KVM_RUN fails with EFAULT and exit_reason 0.', 'kvm_handle_error_pfn(), vcpu_run()'),
  rule('st-21', 'guest', 'When a page cannot be had and the guest can be told, it is told not-present and ready again and again, and KVM_RUN does not fail.', 'hva_to_pfn_slow(), async_pf_execute() of Linux 6.12'),
  rule('st-22', 'errno', 'KVM_PRE_FAULT_MEMORY on a page that takes sleep sleeps, and makes no async page fault.', '__kvm_faultin_pfn(), fault->prefetch'),
  rule('st-23', 'guest', 'A reset of the vCPU, INIT too, forgets whatever is outstanding and sets MSR_KVM_ASYNC_PF_EN to 0.', 'kvm_vcpu_reset()'),
  unseenRule('st-24', 'Turning paging off or on forgets whatever is outstanding.', 'kvm_post_set_cr0()', 'the guest runs in 64-bit mode and cannot turn paging off'),
  unseenRule('st-25', 'Without a LAPIC in the kernel there are no async page faults, and the guest gets #GP for enabling them.', `${CAN_DO}, ${ENABLE}`, 'the VMs of this suite have their LAPIC in the kernel'),
];

/** What an emulation on a stock kernel cannot show. */
export const stockNotReproduced: readonly string[] = [
  'The kernel itself is stock here: what runs is its own async page faults, and the model is what they are compared with.',
  'KVM keeps the value of a refused write of MSR_KVM_ASYNC_PF_EN when the area is bad, and delivers nothing from then on; the model leaves the MSR as it was.',
  'When a completed fault is dequeued KVM maps its page at once; in the model the next access does.',
  'Nested guests and DELIVERY_AS_PF_VMEXIT are in no model.',
];
