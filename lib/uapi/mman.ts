/** Constants of mmap(2), madvise(2), memfd_create(2), fcntl(2) seals and leases, and fallocate(2) on Linux x86-64. */

/** Protection of a mapping: PROT_*. */
export const PROT_NONE = 0;
export const PROT_READ = 1 << 0;
export const PROT_WRITE = 1 << 1;
export const PROT_EXEC = 1 << 2;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_HUGETLB = 0x40000;

export const MADV_NORMAL = 0;
export const MADV_RANDOM = 1;
export const MADV_SEQUENTIAL = 2;
export const MADV_WILLNEED = 3;
/** Drops the pages: anonymous memory reads as zero afterwards, shared memory comes from the file again. */
export const MADV_DONTNEED = 4;
/** Punches a hole into the file behind a shared mapping. */
export const MADV_REMOVE = 9;
export const MADV_HUGEPAGE = 14;
/** Keeps the range at 4 KiB pages, so that every page faults on its own. */
export const MADV_NOHUGEPAGE = 15;
export const MADV_COLD = 20;
export const MADV_PAGEOUT = 21;
export const MADV_POPULATE_READ = 22;
export const MADV_POPULATE_WRITE = 23;
/** Poisons the pages as a failed memory module would: root only, CONFIG_MEMORY_FAILURE, and the pages are lost until the next boot. */
export const MADV_HWPOISON = 100;
/** Moves the contents elsewhere and takes the pages out of use. */
export const MADV_SOFT_OFFLINE = 101;

export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const MFD_HUGETLB = 0x4;

export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;

/** Types of leases (F_SETLEASE). */
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

export const FALLOC_FL_KEEP_SIZE = 0x1;
export const FALLOC_FL_PUNCH_HOLE = 0x2;
