/** ioctl request numbers: the arithmetic of asm-generic/ioctl.h and the requests of KVM and userfaultfd on x86-64. */

const NONE = 0;
const WRITE = 1;
const READ = 2;

/** A request number taken apart: `type` is the subsystem's magic byte, `sizeBytes` that of the argument. */
export interface IoctlParts {
  readonly direction: number;
  readonly type: number;
  readonly number: number;
  readonly sizeBytes: number;
}

/** _IOC: bits 31:30 direction, 29:16 size, 15:8 type, 7:0 number. Unsigned. Throws RangeError where a part does not fit. */
export function ioctlRequest({ direction, type, number, sizeBytes }: IoctlParts): number {
  const fits = (value: number, bits: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** bits;
  if (!fits(direction, 2) || !fits(type, 8) || !fits(number, 8) || !fits(sizeBytes, 14)) {
    throw new RangeError(`no ioctl has direction ${direction}, type ${type}, number ${number}, size ${sizeBytes}`);
  }
  return ((direction << 30) | (sizeBytes << 16) | (type << 8) | number) >>> 0;
}

/** Takes a request number apart. */
export function ioctlParts(request: number): IoctlParts {
  return { direction: request >>> 30, sizeBytes: (request >>> 16) & 0x3fff, type: (request >>> 8) & 0xff, number: request & 0xff };
}

/** _IO: no argument, or a plain number. */
export const io = (type: number, number: number): number => ioctlRequest({ direction: NONE, type, number, sizeBytes: 0 });
/** _IOR: the kernel writes the argument. */
export const ior = (type: number, number: number, sizeBytes: number): number => ioctlRequest({ direction: READ, type, number, sizeBytes });
/** _IOW: the kernel reads the argument. */
export const iow = (type: number, number: number, sizeBytes: number): number => ioctlRequest({ direction: WRITE, type, number, sizeBytes });
/** _IOWR: the kernel reads and writes the argument. */
export const iowr = (type: number, number: number, sizeBytes: number): number => ioctlRequest({ direction: READ | WRITE, type, number, sizeBytes });

/** Magic byte of KVM's ioctls. */
export const KVMIO = 0xae;
/** Magic byte of userfaultfd's ioctls. */
export const UFFDIO = 0xaa;

/** Requests by name (linux/kvm.h, linux/userfaultfd.h; argument sizes of x86-64). */
export const ioctls = {
  // /dev/kvm
  KVM_GET_API_VERSION: io(KVMIO, 0x00),
  KVM_CREATE_VM: io(KVMIO, 0x01),
  KVM_GET_MSR_INDEX_LIST: iowr(KVMIO, 0x02, 4),
  KVM_CHECK_EXTENSION: io(KVMIO, 0x03),
  KVM_GET_VCPU_MMAP_SIZE: io(KVMIO, 0x04),
  KVM_GET_SUPPORTED_CPUID: iowr(KVMIO, 0x05, 8),
  // VM
  KVM_CREATE_VCPU: io(KVMIO, 0x41),
  KVM_GET_DIRTY_LOG: iow(KVMIO, 0x42, 16),
  KVM_SET_USER_MEMORY_REGION: iow(KVMIO, 0x46, 32),
  KVM_SET_TSS_ADDR: io(KVMIO, 0x47),
  KVM_SET_IDENTITY_MAP_ADDR: iow(KVMIO, 0x48, 8),
  KVM_SET_USER_MEMORY_REGION2: iow(KVMIO, 0x49, 160),
  KVM_SET_GSI_ROUTING: iow(KVMIO, 0x6a, 8),
  KVM_IRQFD: iow(KVMIO, 0x76, 32),
  KVM_ENABLE_CAP: iow(KVMIO, 0xa3, 104),
  KVM_SIGNAL_MSI: iow(KVMIO, 0xa5, 32),
  KVM_X86_SET_MSR_FILTER: iow(KVMIO, 0xc6, 392),
  KVM_RESET_DIRTY_RINGS: io(KVMIO, 0xc7),
  KVM_SET_MEMORY_ATTRIBUTES: iow(KVMIO, 0xd2, 32),
  KVM_CREATE_GUEST_MEMFD: iowr(KVMIO, 0xd4, 64),
  // vCPU
  KVM_RUN: io(KVMIO, 0x80),
  KVM_GET_REGS: ior(KVMIO, 0x81, 144),
  KVM_SET_REGS: iow(KVMIO, 0x82, 144),
  KVM_GET_SREGS: ior(KVMIO, 0x83, 312),
  KVM_SET_SREGS: iow(KVMIO, 0x84, 312),
  KVM_TRANSLATE: iowr(KVMIO, 0x85, 24),
  KVM_INTERRUPT: iow(KVMIO, 0x86, 4),
  KVM_GET_MSRS: iowr(KVMIO, 0x88, 8),
  KVM_SET_MSRS: iow(KVMIO, 0x89, 8),
  KVM_SET_SIGNAL_MASK: iow(KVMIO, 0x8b, 4),
  KVM_GET_LAPIC: ior(KVMIO, 0x8e, 1024),
  KVM_SET_LAPIC: iow(KVMIO, 0x8f, 1024),
  KVM_SET_CPUID2: iow(KVMIO, 0x90, 8),
  KVM_GET_CPUID2: iowr(KVMIO, 0x91, 8),
  KVM_GET_MP_STATE: ior(KVMIO, 0x98, 4),
  KVM_SET_MP_STATE: iow(KVMIO, 0x99, 4),
  KVM_NMI: io(KVMIO, 0x9a),
  KVM_SET_GUEST_DEBUG: iow(KVMIO, 0x9b, 72),
  KVM_X86_SETUP_MCE: iow(KVMIO, 0x9c, 8),
  KVM_X86_GET_MCE_CAP_SUPPORTED: ior(KVMIO, 0x9d, 8),
  KVM_X86_SET_MCE: iow(KVMIO, 0x9e, 64),
  KVM_GET_VCPU_EVENTS: ior(KVMIO, 0x9f, 64),
  KVM_SET_VCPU_EVENTS: iow(KVMIO, 0xa0, 64),
  KVM_SET_TSC_KHZ: io(KVMIO, 0xa2),
  KVM_GET_TSC_KHZ: io(KVMIO, 0xa3),
  KVM_GET_XSAVE: ior(KVMIO, 0xa4, 4096),
  KVM_SET_XSAVE: iow(KVMIO, 0xa5, 4096),
  KVM_SET_XCRS: iow(KVMIO, 0xa7, 392),
  KVM_SET_DEVICE_ATTR: iow(KVMIO, 0xe1, 24),
  KVM_GET_DEVICE_ATTR: iow(KVMIO, 0xe2, 24),
  KVM_GET_STATS_FD: io(KVMIO, 0xce),
  KVM_PRE_FAULT_MEMORY: iowr(KVMIO, 0xd5, 64),
  // userfaultfd; WAKE and UNREGISTER are read requests by historical accident
  USERFAULTFD_IOC_NEW: io(UFFDIO, 0x00),
  UFFDIO_API: iowr(UFFDIO, 0x3f, 24),
  UFFDIO_REGISTER: iowr(UFFDIO, 0x00, 32),
  UFFDIO_UNREGISTER: ior(UFFDIO, 0x01, 16),
  UFFDIO_WAKE: ior(UFFDIO, 0x02, 16),
  UFFDIO_COPY: iowr(UFFDIO, 0x03, 40),
  UFFDIO_ZEROPAGE: iowr(UFFDIO, 0x04, 32),
  UFFDIO_MOVE: iowr(UFFDIO, 0x05, 40),
  UFFDIO_WRITEPROTECT: iowr(UFFDIO, 0x06, 24),
  UFFDIO_CONTINUE: iowr(UFFDIO, 0x07, 32),
  UFFDIO_POISON: iowr(UFFDIO, 0x08, 32),
} as const;

/** A request this project knows by name. */
export type IoctlName = keyof typeof ioctls;
