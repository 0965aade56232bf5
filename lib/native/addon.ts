/**
 * What the native addon offers, one class for each kernel object. The addon is thin: every method is one system
 * call (or one copy), its name is the call's, and it holds no policy.
 *
 * Conventions of every member:
 * - A failed call throws an `Error` with `code` (`KVM_EFAULT`: family and errno name), `errno` (positive number),
 *   `syscall` (the ioctl's or call's name) - except the methods that say they return a negative errno.
 * - A method of a closed handle throws `code: 'HANDLE_CLOSED'`; `close()` twice is harmless.
 * - An argument of the wrong type or out of range throws `code: 'BAD_ARGUMENT'` before any system call.
 * - `share()` gives a process-wide number that another Worker turns into a handle of its own with `adopt()`; the
 *   kernel object lives until the last handle is closed or collected. A number never issued, of another class, or whose last
 *   handle is closed throws `BAD_SHARE`.
 * - Families: KVM_ (KVM's ioctls, and /dev/kvm itself), UFFD_, MAPPING_ (mmap, mprotect, madvise), FILE_, EVENTFD_, THREAD_.
 * - 64-bit addresses are BigInt; offsets and sizes into a mapping are safe-integer Numbers, in bytes.
 */

/** Handles that can be closed and handed to another Worker. */
export interface NativeHandle {
  /** Releases this handle; idempotent. */
  close(): void;
  readonly closed: boolean;
  /** A process-wide number for `adopt()` in another Worker. */
  share(): number;
}

/** A file descriptor: memfd, regular file, or guest_memfd. */
export interface NativeFile extends NativeHandle {
  readonly fd: number;
  /** True for a memfd sealed against shrinking: its mappings may be seen by JavaScript. */
  readonly shrinkSealed: boolean;
  sizeBytes(): number;
  ftruncate(sizeBytes: number): void;
  /** fallocate(2) with the FALLOC_FL_* bits in `mode`. */
  fallocate(mode: number, offset: number, lengthBytes: number): void;
  /** F_ADD_SEALS. */
  addSeals(seals: number): void;
  /**
   * F_SETLEASE: F_RDLCK, F_WRLCK or F_UNLCK. While somebody's open() or truncate() of the file waits for the lease, this process gets SIGURG
   * (F_SETSIG: SIGIO would end a process without a handler for it), and after /proc/sys/fs/lease-break-time seconds the kernel takes it away.
   * Throws `FILE_EAGAIN` where somebody else has the file open already.
   */
  setLease(type: number): void;
  /** F_GETLEASE: the type of the lease; of one that is being broken, what it is to become. */
  getLease(): number;
  /** Bytes read (short at the end of the file) or a negative errno. */
  pread(into: Uint8Array, fileOffset: number): number;
  pwrite(from: Uint8Array, fileOffset: number): number;
}
/** Ways to a {@link NativeFile}. */
export interface NativeFileConstructor {
  /** memfd_create(2); sized with ftruncate. With `sealShrink`, F_SEAL_SHRINK | F_SEAL_SEAL is added after sizing. */
  memfd(name: string, sizeBytes: number, options?: { sealShrink?: boolean; hugetlb?: boolean }): NativeFile;
  /** open(2) with O_CLOEXEC, O_NOCTTY and O_NONBLOCK (a FIFO would hold the open). */
  open(path: string, flags: number, mode?: number): NativeFile;
  adopt(share: number): NativeFile;
}

/** Memory mapped into this process. Unmapped when the last handle, view, memslot or userfaultfd range lets go. */
export interface NativeMapping extends NativeHandle {
  /** Host virtual address of the first byte. */
  readonly hva: bigint;
  readonly sizeBytes: number;
  /**
   * An ArrayBuffer over the whole mapping. Throws `MAPPING_NOT_VIEWABLE` where a JavaScript access could fault: a file
   * that can shrink, a mapping without read and write permission, one that mprotect or userfaultfd has been used on.
   * Huge pages are among those: their pool may be empty at the access. From then on, until the engine has freed the
   * buffer, `protect()`, `advise()` with advice that can make accesses fault, and userfaultfd registration of this mapping
   * throw `MAPPING_HAS_VIEWS` (in any Worker). Detached by `close()`. The same ArrayBuffer is returned for a second call on
   * the same handle. Throws `VIEW_FAILED` where the engine makes none (larger than 4 GiB on Node 20).
   */
  view(): ArrayBuffer;
  /** mprotect(2). */
  protect(offset: number, lengthBytes: number, prot: number): void;
  /**
   * munmap(2) of the whole mapping while handles and memslots go on to name its addresses: the one way to have no memory at all behind a slot. Nothing comes
   * there again. Copies throw `MAPPING_SIGSEGV` from then on. Idempotent. Throws `MAPPING_NOT_APART` for a mapping not made by `Mapping.apart`, whose
   * addresses would be somebody else's memory next; `MAPPING_REGISTERED` while a userfaultfd has a part of it; `MAPPING_HAS_VIEWS`.
   */
  vacate(): void;
  /**
   * madvise(2). Where a userfaultfd with UFFD_FEATURE_EVENT_REMOVE has the range, MADV_DONTNEED and MADV_REMOVE wait until another
   * thread has read the event. MADV_HWPOISON takes real memory away for good, from every mapping of the page; the SIGBUS that some
   * kernels raise for it in the calling thread is caught.
   */
  advise(offset: number, lengthBytes: number, advice: number): void;
  /**
   * mmap(2), MAP_SHARED | MAP_FIXED, of a file over a part of this mapping, in one system call: no thread sees neither the old nor the new
   * pages. As after `protect()`, JavaScript gets no view of the mapping any more; with views it throws `MAPPING_HAS_VIEWS`. The range leaves
   * every userfaultfd.
   */
  mapFixed(file: NativeFile, fileOffset: number, offset: number, lengthBytes: number, prot: number): void;
  /**
   * Copies out; a SIGBUS or SIGSEGV on the way throws `MAPPING_SIGBUS` / `MAPPING_SIGSEGV` with `offset` of the bad byte's page;
   * what is before it has been copied. Poisoned memory throws `MAPPING_POISONED` where the kernel says so (CONFIG_MEMORY_FAILURE), else
   * `MAPPING_SIGBUS`. A page that a userfaultfd has is waited for, up to 10 s for the copy: `MAPPING_TIMEOUT`.
   * Throws `GUARD_DISPLACED` where other code keeps taking SIGBUS or SIGSEGV over.
   */
  read(offset: number, into: Uint8Array): void;
  /** Copies in; guarded as `read`. */
  write(offset: number, from: Uint8Array): void;
  /**
   * pread(2) from a file straight into the mapping. Bytes read (short at the end of the file) or a negative errno. Throws
   * `MAPPING_REGISTERED` while a userfaultfd has a part of the mapping: the kernel would wait for its pages without end.
   */
  preadFrom(file: NativeFile, fileOffset: number, offset: number, lengthBytes: number): number;
}
/** Ways to a {@link NativeMapping}. */
export interface NativeMappingConstructor {
  /**
   * mmap(2), MAP_PRIVATE | MAP_ANONYMOUS, plus `flags`: MAP_NORESERVE, MAP_POPULATE, MAP_LOCKED, MAP_NONBLOCK, MAP_HUGETLB with
   * a size. `sizeBytes` is whole 4096-byte pages.
   */
  anonymous(sizeBytes: number, prot: number, flags?: number): NativeMapping;
  /**
   * As `anonymous`, at an address that neither the kernel nor the engine gives to anybody else, and that is given out once: the only kind of
   * mapping that {@link NativeMapping.vacate} takes.
   */
  apart(sizeBytes: number, prot: number): NativeMapping;
  /** mmap(2), MAP_SHARED, of a file. */
  ofFile(file: NativeFile, fileOffset: number, sizeBytes: number, prot: number, flags?: number): NativeMapping;
  adopt(share: number): NativeMapping;
}

/** eventfd(2), EFD_NONBLOCK | EFD_CLOEXEC. */
export interface NativeEventFd extends NativeHandle {
  readonly fd: number;
  /** Adds `count` (default 1). */
  signal(count?: number): void;
  /** Waits up to `timeoutNs` (0 to 10e9); the count taken, 0 on time-out. */
  wait(timeoutNs: number): number;
}
/** Ways to a {@link NativeEventFd}. */
export interface NativeEventFdConstructor {
  new (): NativeEventFd;
  adopt(share: number): NativeEventFd;
}

/** userfaultfd(2), or /dev/userfaultfd where the system call is refused; UFFDIO_API done. */
export interface NativeUserfaultfd extends NativeHandle {
  readonly fd: number;
  /** Feature bits as UFFDIO_API returns them: all that this kernel has, whatever was asked for. */
  readonly features: bigint;
  /** UFFDIO_REGISTER with UFFDIO_REGISTER_MODE_*; returns the bit mask of ioctls the range supports. */
  register(mapping: NativeMapping, offset: number, lengthBytes: number, mode: number): bigint;
  /** UFFDIO_UNREGISTER; wakes every waiter of the range. */
  unregister(mapping: NativeMapping, offset: number, lengthBytes: number): void;
  /** Bytes mapped, or a negative errno (-EEXIST, -EAGAIN, -ENOENT, -ESRCH are ordinary races). Source from this process's memory. */
  copy(mapping: NativeMapping, offset: number, from: Uint8Array, mode: number): number;
  /** As `copy`: maps what is in the page cache already. */
  continue(mapping: NativeMapping, offset: number, lengthBytes: number, mode: number): number;
  zeropage(mapping: NativeMapping, offset: number, lengthBytes: number, mode: number): number;
  poison(mapping: NativeMapping, offset: number, lengthBytes: number, mode: number): number;
  writeProtect(mapping: NativeMapping, offset: number, lengthBytes: number, mode: number): number;
  /** UFFDIO_WAKE. 0 or a negative errno. */
  wake(mapping: NativeMapping, offset: number, lengthBytes: number): number;
  /**
   * Waits up to `timeoutNs` (0 to 10e9) and reads up to `events.byteLength / 32` messages (struct uffd_msg, 32 bytes each;
   * at most 256). Returns how many, 0 on time-out, when `wake` was signalled (its count is not taken) or when another reader
   * was quicker, or a negative errno. A thread whose wait a signal interrupts faults again: the same address may come twice.
   */
  read(events: Uint8Array, timeoutNs: number, wake?: NativeEventFd): number;
}
/** Ways to a {@link NativeUserfaultfd}. */
export interface NativeUserfaultfdConstructor {
  /** `features` = UFFD_FEATURE_* asked for; throws `UFFD_EPERM`, `UFFD_ENOSYS`, `UFFD_EINVAL` (a feature is missing). */
  new (features: bigint, userModeOnly?: boolean): NativeUserfaultfd;
  adopt(share: number): NativeUserfaultfd;
}

/** /dev/kvm. */
export interface NativeKvm extends NativeHandle {
  readonly fd: number;
  apiVersion(): number;
  checkExtension(capability: number): number;
  vcpuMmapSizeBytes(): number;
  /** KVM_GET_SUPPORTED_CPUID: the kvm_cpuid_entry2 array (40 bytes an entry). */
  supportedCpuid(): Uint8Array;
  /** KVM_GET_MSR_INDEX_LIST. */
  msrIndexList(): Uint32Array;
  createVm(type: number): NativeVm;
  /**
   * Any ioctl on this fd; `argument` is a number or a buffer that the kernel reads and writes. Returns its result; throws
   * `KVM_<ERRNO>`. A request that carries a size takes a buffer of at least that size and never a number, which would be an
   * address. What is beyond the addon's sight is the caller's: counts inside a buffer, addresses inside it (memory given to
   * KVM this way is not kept mapped), descriptors returned. KVM_RUN is refused: only `run()` is sure to return.
   */
  ioctl(request: number, argument?: number | Uint8Array): number;
}
/** The way to a {@link NativeKvm}. */
export interface NativeKvmConstructor {
  /** open(2) of `path` (default /dev/kvm): throws `KVM_ENOENT`, `KVM_EACCES`, ... */
  new (path?: string): NativeKvm;
}

/** A virtual machine. */
export interface NativeVm extends NativeHandle {
  readonly fd: number;
  checkExtension(capability: number): number;
  /** KVM_CREATE_VCPU on the calling thread, which must be the one that runs it. */
  createVcpu(id: number): NativeVcpu;
  /**
   * KVM_SET_USER_MEMORY_REGION. The VM keeps the mapping alive while the slot exists and any handle of the VM or of one of
   * its vCPUs is open. `sizeBytes` 0 deletes the slot; otherwise there must be a mapping.
   */
  setUserMemoryRegion(slot: number, flags: number, gpa: bigint, sizeBytes: number, mapping: NativeMapping | null, offset: number): void;
  /**
   * KVM_SET_USER_MEMORY_REGION2: with guest_memfd, and the proposals' userfault bitmap, with the bits of each page (both are kept alive too). There must be a mapping
   * here too: what KVM does not take from the guest_memfd it takes from there.
   */
  setUserMemoryRegion2(region: {
    slot: number; flags: number; gpa: bigint; sizeBytes: number; mapping: NativeMapping | null; offset: number;
    guestMemfd?: NativeFile; guestMemfdOffset?: number; userfaultBitmap?: NativeMapping;
  }): void;
  /** KVM_CREATE_GUEST_MEMFD. */
  createGuestMemfd(sizeBytes: number, flags: number): NativeFile;
  /** KVM_SET_MEMORY_ATTRIBUTES: replaces the attributes of whole pages. */
  setMemoryAttributes(gpa: bigint, sizeBytes: number, attributes: number): void;
  /** KVM_ENABLE_CAP on the VM fd; up to four 64-bit arguments. */
  enableCap(capability: number, flags?: number, args?: readonly bigint[]): number;
  /** KVM_CAP_SPLIT_IRQCHIP with `ioapicPins` reserved routes. */
  enableSplitIrqchip(ioapicPins: number): void;
  /** KVM_SET_TSS_ADDR / KVM_SET_IDENTITY_MAP_ADDR: needed by VMX hosts without unrestricted guest. */
  setTssAddr(gpa: number): void;
  setIdentityMapAddr(gpa: bigint): void;
  /** KVM_X86_SET_MSR_FILTER; `filter` is struct kvm_msr_filter's flags plus ranges; bitmaps are bytes, bit set = allowed. */
  setMsrFilter(flags: number, ranges: readonly { flags: number; base: number; count: number; bitmap: Uint8Array }[]): void;
  /** KVM_SIGNAL_MSI: >0 delivered, 0 blocked by the guest, or a negative errno. Callable from any Worker. */
  signalMsi(addressLow: number, addressHigh: number, data: number): number;
  /** KVM_IRQFD. flags: 1 = deassign. */
  irqfd(event: NativeEventFd, gsi: number, flags: number): void;
  /** KVM_SET_GSI_ROUTING with MSI routes. */
  setMsiRoutes(routes: readonly { gsi: number; addressLow: number; addressHigh: number; data: number }[]): void;
  ioctl(request: number, argument?: number | Uint8Array): number;
}
/** The way to a {@link NativeVm} of another Worker. */
export interface NativeVmConstructor {
  adopt(share: number): NativeVm;
}

/**
 * A virtual CPU. Created, run and closed on one thread. Its struct kvm_run is mapped once.
 * A running vCPU returns at least every slice, 100 ms unless set otherwise (a thread timer interrupts KVM_RUN), so Worker termination and process
 * exit never wait for a guest.
 */
export interface NativeVcpu extends NativeHandle {
  readonly fd: number;
  readonly id: number;
  /** Linux thread id (gettid) of the thread that created it. */
  readonly threadId: number;
  /** struct kvm_run and the PIO page. The same ArrayBuffer each time; detached by close(). */
  runArea(): ArrayBuffer;
  /**
   * KVM_RUN, once. 0 or a negative errno: -EINTR (kicked, or the slice ended; immediate_exit is cleared), -EFAULT,
   * -EHWPOISON, ... exit_reason is 0 (KVM_EXIT_UNKNOWN) beforehand: what it holds after a failure is of this very call. Never throws for
   * those. Throws `VCPU_WRONG_THREAD` on another thread, and `GUARD_DISPLACED` where other code keeps taking SIGBUS or SIGSEGV over.
   *
   * -EHWPOISON says that poisoned memory is in the way: of KVM itself, or because the kernel told this thread by SIGBUS, for which
   * KVM_RUN is only interrupted. `memoryFailure()` tells the two apart. KVM repeats the access when it is run again.
   */
  run(): number;
  /**
   * What the SIGBUS said, when the last `run()` returned -EHWPOISON because of one; else null. `code` is BUS_MCEERR_AR (4: the guest needs
   * the memory) or BUS_MCEERR_AO (5: it does not, yet); `hva` the page; 1 << `lsb` the bytes that are lost.
   */
  memoryFailure(): { code: number; hva: bigint; lsb: number } | null;
  /** Nanoseconds (CLOCK_MONOTONIC) spent inside KVM_RUN so far, and how often it was entered; for the cost column. */
  runTimeNs(): number;
  runCount(): number;
  /** -EINTR returns that came from the end of a slice and not from a kick. */
  sliceCount(): number;
  /** Longest stay in KVM_RUN from the next run on, ns: 1 ms to 60 s. A slice that ends while KVM waits for a page cuts the wait in two. */
  setSliceNs(sliceNs: number): void;
  getRegs(into: Uint8Array): void;
  setRegs(from: Uint8Array): void;
  getSregs(into: Uint8Array): void;
  setSregs(from: Uint8Array): void;
  getVcpuEvents(into: Uint8Array): void;
  setVcpuEvents(from: Uint8Array): void;
  /** kvm_cpuid_entry2 array, 40 bytes an entry. */
  setCpuid2(entries: Uint8Array): void;
  getCpuid2(): Uint8Array;
  /** One MSR each; throws `KVM_MSR_REFUSED` when KVM did not take it. */
  getMsr(index: number): bigint;
  setMsr(index: number, value: bigint): void;
  getMpState(): number;
  setMpState(state: number): void;
  /** KVM_TRANSLATE. */
  translate(gva: bigint): { gpa: bigint; valid: boolean; writeable: boolean; usermode: boolean };
  /** KVM_INTERRUPT (no in-kernel irqchip). */
  interrupt(vector: number): void;
  nmi(): void;
  /** KVM_X86_SETUP_MCE with the MCG_CAP value. */
  setupMce(mcgCap: bigint): void;
  setMce(mce: { status: bigint; addr: bigint; misc: bigint; mcgStatus: bigint; bank: number }): void;
  enableCap(capability: number, flags?: number, args?: readonly bigint[]): number;
  tscKhz(): number;
  /** KVM_VCPU_TSC_OFFSET, modulo 2^64. Throws `KVM_ENOTTY` or `KVM_ENXIO` where KVM has no KVM_CAP_VCPU_ATTRIBUTES. */
  tscOffset(): bigint;
  setTscOffset(offset: bigint): void;
  /** Poisoned memory that it meets (KVM_PRE_FAULT_MEMORY) throws `KVM_EINTR` and is what the next `run()` returns. */
  ioctl(request: number, argument?: number | Uint8Array): number;
  /**
   * A request with an argument that no process can read. A KVM that knows it fails with EFAULT before it does anything; EINVAL (x86) or ENOTTY
   * say that it does not: what an ordinary EINVAL leaves open. The negative errno. `BAD_ARGUMENT` for a request that does not read its argument.
   */
  ioctlUnreadable(request: number): number;
  /**
   * mmap(2) of one page of the vCPU's file, for reading and writing: KVM_APF_PAGE_OFFSET of a proposal, say. Throws `VCPU_NO_PAGE` where KVM has
   * nothing there. The mapping keeps the kernel's vCPU, though nobody can run it any more after `close()`; it can be adopted and viewed by other Workers.
   */
  mapPage(page: number): NativeMapping;
}
/** What can be done to a vCPU of another thread. */
export interface NativeVcpuStatics {
  /**
   * Ends the KVM_RUN of the vCPU behind `share`, from any thread: immediate_exit, then a signal to its thread. Not in KVM_RUN,
   * its next run() returns at once. Kicks that it has not seen yet are one. False if it is closed.
   */
  kick(share: number): boolean;
  /**
   * KVM_ASYNC_PF, KVM_ASYNC_PF_USER_READY or KVM_USERFAULT_READY (proposals) on the vCPU behind `share`, from any thread, without a handle: 0 or a negative errno.
   * Every other request throws `VCPU_WRONG_THREAD`. With null, as `ioctlUnreadable`. Where KVM does not take the request beside KVM_RUN (an
   * operation for which it needs the vCPU, a kernel that does not know it), the call waits until KVM_RUN returns: a slice at most.
   * Throws `BAD_SHARE` where that vCPU is closed.
   */
  asyncIoctl(share: number, request: number, argument: Uint8Array | null): number;
}

/** Everything the addon exports. */
export interface NativeAddon {
  readonly Kvm: NativeKvmConstructor;
  readonly Vm: NativeVmConstructor;
  readonly Vcpu: NativeVcpuStatics;
  readonly File: NativeFileConstructor;
  readonly Mapping: NativeMappingConstructor;
  readonly EventFd: NativeEventFdConstructor;
  readonly Userfaultfd: NativeUserfaultfdConstructor;
  /** CLOCK_MONOTONIC in ns, as a Number. */
  readonly monotonicNs: () => number;
  /** Writes CLOCK_MONOTONIC in ns to `into[index]`: for records in shared memory, without making a number. */
  noteMonotonicNs(into: Float64Array, index: number): void;
  /** The time-stamp counter of the CPU that this thread is on (RDTSC), in order with what is before and behind it. */
  readonly tsc: () => bigint;
  /** gettid(2). */
  threadId(): number;
  /**
   * Sleeps while `words[index]` is `seen`, for `timeoutNs` (0 to 10e9) at most; may come back for nothing, so look again. A futex: `wakeWord` and no
   * Atomics.notify ends it. Returns how long it slept, ns.
   */
  readonly waitOnWord: (words: Int32Array, index: number, seen: number, timeoutNs: number) => number;
  /** Wakes everybody in `waitOnWord` on that word, in any Worker. */
  readonly wakeWord: (words: Int32Array, index: number) => void;
  /** prctl(PR_SET_TIMERSLACK) for the calling thread. */
  setTimerSlackNs(slackNs: number): void;
  /** sched_setaffinity(2) for the calling thread; and what it is now. */
  setAffinity(cpus: readonly number[]): void;
  getAffinity(): number[];
  /**
   * From now on the calling thread notes time stamps in `mapping` (null: no more), which then counts as seen by JavaScript: a header of 64 bytes (u64
   * records written, u64 records for which there was no room), then records of 16 (u64 TSC, u32 kind, u32 argument). The calls that note
   * are those of StampKind; where a thread keeps none they cost nothing. Throws `MAPPING_NOT_VIEWABLE`.
   */
  recordStamps(mapping: NativeMapping | null): void;
  /** Notes a stamp of a kind of the caller's own (64 and up), where the calling thread keeps stamps. */
  readonly stamp: (kind: number, argument: number) => void;
  /** TSC cycles between two readings in a row, at best: no time below it can be told. */
  timerFloor(): number;
  /**
   * For the end of the process, when nobody will fill pages any more (the loader calls it then): UFFDIO_UNREGISTER of everything
   * that any userfaultfd of this process has, which wakes every waiter; and all waits of EventFd and Userfaultfd end as on
   * time-out, in every thread, those to come as well.
   */
  releaseAll(): void;
  /** Open handles in this process, by class: for leak tests. */
  liveHandles(): Record<'Kvm' | 'Vm' | 'Vcpu' | 'File' | 'Mapping' | 'EventFd' | 'Userfaultfd', number>;
  /** sizeof and offsetof of every kernel struct the addon passes: { kvm_regs: { size, fields: { rax: { offset, size } } } }. */
  readonly layouts: Record<string, { size: number; fields: Record<string, { offset: number; size: number }> }>;
  /** Every ioctl request number the addon uses, by name. */
  readonly ioctls: Record<string, number>;
}
