/** Numbers of the Linux interface that these tests use. */

export const PAGE = 4096;

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_RW = 3;
export const MAP_FIXED = 0x10;
export const MAP_HUGETLB = 0x40000;
export const MAP_NORESERVE = 0x4000;
export const MADV_DONTNEED = 4;
export const MADV_GUARD_INSTALL = 102;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;

export const EINTR = 4;
export const EBADF = 9;
export const EFAULT = 14;
export const EEXIST = 17;
export const ENOENT = 2;

export const UFFD_FEATURE_MINOR_SHMEM = 1n << 10n;
export const UFFD_FEATURE_SIGBUS = 1n << 7n;
export const UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1n << 0n;
export const UFFD_FEATURE_POISON = 1n << 14n;
export const UFFDIO_REGISTER_MODE_MISSING = 1;
export const UFFDIO_REGISTER_MODE_WP = 2;
export const UFFDIO_REGISTER_MODE_MINOR = 4;
export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_MESSAGE_BYTES = 32;

export const KVM_CAP_USER_MEMORY = 3;
export const KVM_CAP_SPLIT_IRQCHIP = 121;
export const KVM_CAP_X86_USER_SPACE_MSR = 188;
export const KVM_CAP_GUEST_MEMFD = 234;
export const KVM_MEM_GUEST_MEMFD = 1 << 2;

export const KVM_EXIT_IO = 2;
export const KVM_EXIT_HLT = 5;
export const KVM_EXIT_MMIO = 6;
export const KVM_EXIT_INTR = 10;
export const KVM_EXIT_X86_RDMSR = 29;
export const KVM_EXIT_X86_WRMSR = 30;
