import { structLayout } from './layout.js';

/** userfaultfd (linux/userfaultfd.h; Documentation/admin-guide/mm/userfaultfd.rst). */

/** UFFDIO_API features: what the kernel can do, by name without UFFD_FEATURE_. */
export const uffdFeatures = {
  PAGEFAULT_FLAG_WP: 1n << 0n,
  EVENT_FORK: 1n << 1n,
  EVENT_REMAP: 1n << 2n,
  EVENT_REMOVE: 1n << 3n,
  MISSING_HUGETLBFS: 1n << 4n,
  MISSING_SHMEM: 1n << 5n,
  EVENT_UNMAP: 1n << 6n,
  /** A fault raises SIGBUS (KVM: EFAULT) and sends no message. */
  SIGBUS: 1n << 7n,
  /** Messages carry the faulting thread's id. */
  THREAD_ID: 1n << 8n,
  MINOR_HUGETLBFS: 1n << 9n,
  /** Minor faults of shared memory: the page is in the page cache, its mapping is not. */
  MINOR_SHMEM: 1n << 10n,
  /** Messages carry the address itself, not that of its page. */
  EXACT_ADDRESS: 1n << 11n,
  WP_HUGETLBFS_SHMEM: 1n << 12n,
  WP_UNPOPULATED: 1n << 13n,
  /** UFFDIO_POISON. */
  POISON: 1n << 14n,
  WP_ASYNC: 1n << 15n,
  /** UFFDIO_MOVE. */
  MOVE: 1n << 16n,
} as const;

/** A feature's name. */
export type UffdFeatureName = keyof typeof uffdFeatures;

/** Names of the known bits in a feature mask. */
export function uffdFeatureNames(features: bigint): UffdFeatureName[] {
  return (Object.keys(uffdFeatures) as UffdFeatureName[]).filter((name) => (features & uffdFeatures[name]) !== 0n);
}

/** userfaultfd(2) flag: faults of the kernel, hence of KVM, raise SIGBUS in place of a message. */
export const UFFD_USER_MODE_ONLY = 1;

/** UFFDIO_REGISTER modes. */
export const UFFDIO_REGISTER_MODE_MISSING = 1 << 0;
export const UFFDIO_REGISTER_MODE_WP = 1 << 1;
export const UFFDIO_REGISTER_MODE_MINOR = 1 << 2;

/** Modes of the resolving ioctls. DONTWAKE is bit 0 everywhere except for UFFDIO_WRITEPROTECT, where it is bit 1. */
export const UFFDIO_COPY_MODE_DONTWAKE = 1 << 0;
export const UFFDIO_COPY_MODE_WP = 1 << 1;
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1 << 0;
export const UFFDIO_CONTINUE_MODE_DONTWAKE = 1 << 0;
export const UFFDIO_CONTINUE_MODE_WP = 1 << 1;
export const UFFDIO_POISON_MODE_DONTWAKE = 1 << 0;
export const UFFDIO_WRITEPROTECT_MODE_WP = 1 << 0;
export const UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 1 << 1;

/** Bit numbers in the mask of ioctls that UFFDIO_REGISTER returns for a range. */
export const uffdRangeIoctls = { WAKE: 2, COPY: 3, ZEROPAGE: 4, MOVE: 5, WRITEPROTECT: 6, CONTINUE: 7, POISON: 8 } as const;

/** uffd_msg.event. */
export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_EVENT_FORK = 0x13;
export const UFFD_EVENT_REMAP = 0x14;
export const UFFD_EVENT_REMOVE = 0x15;
export const UFFD_EVENT_UNMAP = 0x16;

/** uffd_msg.arg.pagefault.flags. */
export const UFFD_PAGEFAULT_FLAG_WRITE = 1 << 0;
export const UFFD_PAGEFAULT_FLAG_WP = 1 << 1;
export const UFFD_PAGEFAULT_FLAG_MINOR = 1 << 2;

/** struct uffd_msg. The union's members overlap; `event` says which one is there. */
export const uffdMsgLayout = structLayout('uffd_msg', 32, {
  event: [0, 1],
  'arg.pagefault.flags': [8, 8],
  'arg.pagefault.address': [16, 8],
  'arg.pagefault.feat.ptid': [24, 4],
  'arg.remove.start': [8, 8],
  'arg.remove.end': [16, 8],
});

const MSG = uffdMsgLayout.size;
const { fields } = uffdMsgLayout;
const TWO_32 = 0x1_0000_0000;

/**
 * A buffer for userfaultfd reads and the messages in it: made once, read many times, allocating nothing but what
 * `address` needs. `at` is the index of a message, below what the read returned.
 */
export class UffdMessages {
  /** What the native read fills. */
  readonly bytes: Uint8Array;
  /** How many messages fit. */
  readonly capacity: number;
  readonly #data: DataView;

  /** Throws RangeError unless `capacity` is a positive integer. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`a buffer for ${capacity} messages makes no sense`);
    this.capacity = capacity;
    this.bytes = new Uint8Array(capacity * MSG);
    this.#data = new DataView(this.bytes.buffer);
  }

  /** UFFD_EVENT_*. */
  event(at: number): number {
    return this.#data.getUint8(at * MSG + fields.event.offset);
  }

  isPagefault(at: number): boolean {
    return this.event(at) === UFFD_EVENT_PAGEFAULT;
  }

  /** UFFD_PAGEFAULT_FLAG_*. */
  flags(at: number): number {
    return this.#data.getUint32(at * MSG + fields['arg.pagefault.flags'].offset, true);
  }

  isWrite(at: number): boolean {
    return (this.flags(at) & UFFD_PAGEFAULT_FLAG_WRITE) !== 0;
  }

  isWriteProtect(at: number): boolean {
    return (this.flags(at) & UFFD_PAGEFAULT_FLAG_WP) !== 0;
  }

  isMinor(at: number): boolean {
    return (this.flags(at) & UFFD_PAGEFAULT_FLAG_MINOR) !== 0;
  }

  /** The faulting hva, as a Number: exact, since user addresses of x86-64 with four-level paging are below 2^47. */
  address(at: number): number {
    const offset = at * MSG + fields['arg.pagefault.address'].offset;
    return this.#data.getUint32(offset + 4, true) * TWO_32 + this.#data.getUint32(offset, true);
  }

  /** As `address`, all 64 bits. Allocates. */
  addressBigint(at: number): bigint {
    return this.#data.getBigUint64(at * MSG + fields['arg.pagefault.address'].offset, true);
  }

  /** Id of the faulting thread, 0 without UFFD_FEATURE_THREAD_ID. For an async page fault it is KVM's worker, not the vCPU. */
  ptid(at: number): number {
    return this.#data.getUint32(at * MSG + fields['arg.pagefault.feat.ptid'].offset, true);
  }
}
