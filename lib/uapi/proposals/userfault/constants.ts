/** Numbers of KVM Userfault (James Houghton: "KVM: Introduce KVM Userfault", v3 of June 2025). */

/** Memslot flag: pages whose bit is set in the slot's bitmap are intercepted. */
export const KVM_MEM_USERFAULT = 1 << 3;
/** KVM_EXIT_MEMORY_FAULT: the page was intercepted. */
export const KVM_MEMORY_EXIT_FLAG_USERFAULT = 1 << 4;
