import { iow, KVMIO, structLayout } from '../../uapi/index.js';

/** struct kvm_userfault_ready: argument of KVM_USERFAULT_READY (`sync-async-2bit`). */
export const kvmUserfaultReadyLayout = structLayout('kvm_userfault_ready', 16, { gpa: [0, 8], flags: [8, 8] });

/** Completes an async page fault of a vCPU by its page, from any thread. */
export const KVM_USERFAULT_READY = iow(KVMIO, 0xda, kvmUserfaultReadyLayout.size);
