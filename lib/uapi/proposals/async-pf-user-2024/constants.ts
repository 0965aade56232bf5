/** Numbers of the RFC "KVM: x86: async PF user" (Nikita Kalyazin, November 2024). */

/** The exit is an async page fault that the guest was told of; kvm_run.memory_fault.async_pf_user_token is valid. */
export const KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER = 1 << 5;
/** Most of them outstanding on a vCPU, besides those of the kernel's own. */
export const ASYNC_PF_USER_PER_VCPU = 64;
