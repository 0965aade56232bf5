/**
 * Numbers of the 2026 design (Jack Thomson: KVM_CAP_ASYNC_PF_USERFAULT with exitless rings), iteration i4 of June 2026. Earlier iterations
 * gave other meanings to some of them: see iterations.ts.
 */

/** The exit is an async page fault; always together with KVM_MEMORY_EXIT_FLAG_USERFAULT. */
export const KVM_MEMORY_EXIT_FLAG_APF = 1 << 5;

/** kvm_async_pf_req.op. 0 is reserved. */
export const KVM_APF_OP_ACCEPT = 1;
export const KVM_APF_OP_READY = 2;

/** The shared page of the exitless rings is at this page of the vCPU's file. */
export const KVM_APF_PAGE_OFFSET = 3;
/** kvm_apf_shared_page.version. */
export const KVM_APF_SHARED_VERSION = 1;
/** Entries of each ring. */
export const KVM_APF_RING_SIZE = 64;
/** Bytes of a ring's entry. */
export const KVM_APF_ENTRY_SIZE = 16;
/** kvm_apf_shared_page.flags: the handler sleeps, or is about to, and wants its eventfd signalled. */
export const KVM_APF_SHARED_FLAG_NOTIFY_ARMED = 1 << 0;
