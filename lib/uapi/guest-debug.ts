import { structLayout } from './layout.js';

/** struct kvm_guest_debug of x86: what stops a guest for whoever debugs it (api.rst, KVM_SET_GUEST_DEBUG). */
export const kvmGuestDebugLayout = structLayout('kvm_guest_debug', 72, {
  control: [0, 4],
  'arch.debugreg': [8, 64],
});

/** kvm_guest_debug.control. */
export const KVM_GUESTDBG_ENABLE = 1 << 0;
/** The breakpoints are those of `arch.debugreg`, and a guest that meets one leaves with KVM_EXIT_DEBUG. */
export const KVM_GUESTDBG_USE_HW_BP = 1 << 17;

/** DR7 (SDM volume 3, 18.2.4): breakpoint 0 is on for all tasks; bit 10 is always 1. Type and length 0: it is about the execution of an instruction. */
export const DR7_GLOBAL_0 = 1 << 1;
export const DR7_FIXED = 1 << 10;
