/** Numbers of the two-bit proposal, which is this project's own. */

/** Memslot flag, only together with KVM_MEM_USERFAULT: the bitmap has two bits a page, the second of pages whose faults are asynchronous. */
export const KVM_MEM_USERFAULT_ASYNC = 1 << 4;
/** KVM_EXIT_MEMORY_FAULT: the guest was told; always together with KVM_MEMORY_EXIT_FLAG_USERFAULT. */
export const KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC = 1 << 5;

/** The two adjacent bits of a page n: bits 2n and 2n + 1 of the slot's userfault_bitmap, as one number. */
export const TwoBit = {
  /** A fault is a plain exit, whatever the other bit is. */
  SYNC: 1 << 0,
  /** A fault that the guest can be told of is an async page fault. */
  ASYNC: 1 << 1,
} as const;
