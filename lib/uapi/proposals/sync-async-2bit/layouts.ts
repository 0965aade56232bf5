/** Structures and requests of the two-bit proposal. The memslot's structure is that of KVM Userfault: its bitmap has twice the bits. */
import { iow, KVMIO } from '../../ioctl.js';
import { structLayout } from '../../layout.js';

/** struct kvm_userfault_ready: argument of KVM_USERFAULT_READY. */
export const kvmUserfaultReadyLayout = structLayout('kvm_userfault_ready', 16, { gpa: [0, 8], flags: [8, 8] });

/** Completes an async page fault of a vCPU by its page, from any thread of the process. */
export const KVM_USERFAULT_READY = iow(KVMIO, 0xda, kvmUserfaultReadyLayout.size);
