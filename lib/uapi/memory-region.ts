import { structLayout } from './layout.js';

/** Guest memory: memslots and guest_memfd (api.rst, KVM_SET_USER_MEMORY_REGION2 and KVM_CREATE_GUEST_MEMFD). */

/** struct kvm_userspace_memory_region. */
export const kvmUserspaceMemoryRegionLayout = structLayout('kvm_userspace_memory_region', 32, {
  slot: [0, 4],
  flags: [4, 4],
  guest_phys_addr: [8, 8],
  memory_size: [16, 8],
  userspace_addr: [24, 8],
});

/** struct kvm_userspace_memory_region2. Bytes 48 and up are reserved on stock kernels. */
export const kvmUserspaceMemoryRegion2Layout = structLayout('kvm_userspace_memory_region2', 160, {
  slot: [0, 4],
  flags: [4, 4],
  guest_phys_addr: [8, 8],
  memory_size: [16, 8],
  userspace_addr: [24, 8],
  guest_memfd_offset: [32, 8],
  guest_memfd: [40, 4],
});

/** struct kvm_create_guest_memfd. */
export const kvmCreateGuestMemfdLayout = structLayout('kvm_create_guest_memfd', 64, { size: [0, 8], flags: [8, 8] });

/** struct kvm_memory_attributes. */
export const kvmMemoryAttributesLayout = structLayout('kvm_memory_attributes', 32, { address: [0, 8], size: [8, 8], attributes: [16, 8], flags: [24, 8] });

/** Memslot flags. */
export const KVM_MEM_LOG_DIRTY_PAGES = 1 << 0;
export const KVM_MEM_READONLY = 1 << 1;
export const KVM_MEM_GUEST_MEMFD = 1 << 2;

/** guest_memfd flags; KVM_CAP_GUEST_MEMFD_FLAGS says which ones exist. */
export const GUEST_MEMFD_FLAG_MMAP = 1 << 0;
export const GUEST_MEMFD_FLAG_INIT_SHARED = 1 << 1;

/** KVM_SET_MEMORY_ATTRIBUTES: the pages are the guest's own, and come from its guest_memfd. */
export const KVM_MEMORY_ATTRIBUTE_PRIVATE = 1 << 3;

/** Granule of memslots, stage-2 mappings and userfaultfd on x86-64, in bytes. */
export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;
