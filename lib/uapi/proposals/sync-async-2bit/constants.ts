/** Numbers of the two-bit proposal, which is this project's own. */

/** Memslot flag, only together with KVM_MEM_USERFAULT: the slot has a second bitmap, of pages whose faults are asynchronous. */
export const KVM_MEM_USERFAULT_ASYNC = 1 << 4;

/** Bits of a page as a model of this proposal is given them. */
export const TwoBit = {
  /** The slot's userfault_bitmap: a fault is a plain exit, whatever the other bit is. */
  SYNC: 1 << 0,
  /** The slot's userfault_async_bitmap: a fault that the guest can be told of is an async page fault. */
  ASYNC: 1 << 1,
} as const;
