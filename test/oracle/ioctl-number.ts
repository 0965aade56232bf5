/** Request numbers by the arithmetic of asm-generic/ioctl.h, from each request's direction, number and argument as the kernel documents them. */

const number = (direction: number, type: number, nr: number, sizeBytes: number): number =>
  direction * 2 ** 30 + sizeBytes * 2 ** 16 + type * 2 ** 8 + nr;

const io = (type: number, nr: number): number => number(0, type, nr, 0);
const iow = (type: number, nr: number, sizeBytes: number): number => number(1, type, nr, sizeBytes);
const ior = (type: number, nr: number, sizeBytes: number): number => number(2, type, nr, sizeBytes);
const iowr = (type: number, nr: number, sizeBytes: number): number => number(3, type, nr, sizeBytes);

const KVM = 0xae;
const UFFD = 0xaa;

/** Documentation/virt/kvm/api.rst for x86-64, and userfaultfd(2). Sizes are those of the fixed part of each argument. */
export const requestNumbers: Readonly<Partial<Record<string, number>>> = {
  KVM_GET_API_VERSION: io(KVM, 0x00),
  KVM_CREATE_VM: io(KVM, 0x01),
  KVM_GET_MSR_INDEX_LIST: iowr(KVM, 0x02, 4),
  KVM_CHECK_EXTENSION: io(KVM, 0x03),
  KVM_GET_VCPU_MMAP_SIZE: io(KVM, 0x04),
  KVM_GET_SUPPORTED_CPUID: iowr(KVM, 0x05, 8),
  KVM_CREATE_VCPU: io(KVM, 0x41),
  KVM_GET_DIRTY_LOG: iow(KVM, 0x42, 16),
  KVM_SET_USER_MEMORY_REGION: iow(KVM, 0x46, 32),
  KVM_SET_TSS_ADDR: io(KVM, 0x47),
  KVM_SET_IDENTITY_MAP_ADDR: iow(KVM, 0x48, 8),
  KVM_SET_USER_MEMORY_REGION2: iow(KVM, 0x49, 160),
  KVM_CREATE_IRQCHIP: io(KVM, 0x60),
  KVM_SET_GSI_ROUTING: iow(KVM, 0x6a, 8),
  KVM_IRQFD: iow(KVM, 0x76, 32),
  KVM_RUN: io(KVM, 0x80),
  KVM_GET_REGS: ior(KVM, 0x81, 144),
  KVM_SET_REGS: iow(KVM, 0x82, 144),
  KVM_GET_SREGS: ior(KVM, 0x83, 312),
  KVM_SET_SREGS: iow(KVM, 0x84, 312),
  KVM_TRANSLATE: iowr(KVM, 0x85, 24),
  KVM_INTERRUPT: iow(KVM, 0x86, 4),
  KVM_GET_MSRS: iowr(KVM, 0x88, 8),
  KVM_SET_MSRS: iow(KVM, 0x89, 8),
  KVM_SET_SIGNAL_MASK: iow(KVM, 0x8b, 4),
  KVM_GET_LAPIC: ior(KVM, 0x8e, 1024),
  KVM_SET_LAPIC: iow(KVM, 0x8f, 1024),
  KVM_SET_CPUID2: iow(KVM, 0x90, 8),
  KVM_GET_CPUID2: iowr(KVM, 0x91, 8),
  KVM_GET_MP_STATE: ior(KVM, 0x98, 4),
  KVM_SET_MP_STATE: iow(KVM, 0x99, 4),
  KVM_NMI: io(KVM, 0x9a),
  KVM_SET_GUEST_DEBUG: iow(KVM, 0x9b, 72),
  KVM_X86_SETUP_MCE: iow(KVM, 0x9c, 8),
  KVM_X86_GET_MCE_CAP_SUPPORTED: ior(KVM, 0x9d, 8),
  KVM_X86_SET_MCE: iow(KVM, 0x9e, 64),
  KVM_GET_VCPU_EVENTS: ior(KVM, 0x9f, 64),
  KVM_SET_VCPU_EVENTS: iow(KVM, 0xa0, 64),
  KVM_SET_TSC_KHZ: io(KVM, 0xa2),
  KVM_GET_TSC_KHZ: io(KVM, 0xa3),
  KVM_ENABLE_CAP: iow(KVM, 0xa3, 104),
  KVM_SIGNAL_MSI: iow(KVM, 0xa5, 32),
  KVM_X86_SET_MSR_FILTER: iow(KVM, 0xc6, 392),
  KVM_SET_MEMORY_ATTRIBUTES: iow(KVM, 0xd2, 32),
  KVM_CREATE_GUEST_MEMFD: iowr(KVM, 0xd4, 64),
  KVM_PRE_FAULT_MEMORY: iowr(KVM, 0xd5, 64),
  KVM_SET_DEVICE_ATTR: iow(KVM, 0xe1, 24),
  KVM_GET_DEVICE_ATTR: iow(KVM, 0xe2, 24),
  // Of proposals: no kernel's header has them. Two sizes share a number.
  KVM_ASYNC_PF_USER_READY: iow(KVM, 0xd6, 4),
  KVM_ASYNC_PF: iow(KVM, 0xd6, 32),
  KVM_USERFAULT_READY: iow(KVM, 0xda, 16),
  USERFAULTFD_IOC_NEW: io(UFFD, 0x00),
  UFFDIO_API: iowr(UFFD, 0x3f, 24),
  UFFDIO_REGISTER: iowr(UFFD, 0x00, 32),
  UFFDIO_UNREGISTER: ior(UFFD, 0x01, 16),
  UFFDIO_WAKE: ior(UFFD, 0x02, 16),
  UFFDIO_COPY: iowr(UFFD, 0x03, 40),
  UFFDIO_ZEROPAGE: iowr(UFFD, 0x04, 32),
  UFFDIO_MOVE: iowr(UFFD, 0x05, 40),
  UFFDIO_WRITEPROTECT: iowr(UFFD, 0x06, 24),
  UFFDIO_CONTINUE: iowr(UFFD, 0x07, 32),
  UFFDIO_POISON: iowr(UFFD, 0x08, 32),
};

/**
 * A request number by name.
 * @throws when the oracle does not know it
 */
export function request(name: string): number {
  const found = requestNumbers[name];
  if (found === undefined) throw new Error(`the oracle has no request ${name}`);
  return found;
}
