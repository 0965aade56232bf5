/** kvm_run.exit_reason on x86 (linux/kvm.h), without the KVM_EXIT_ prefix. */
export const exitReasons = {
  UNKNOWN: 0,
  EXCEPTION: 1,
  IO: 2,
  HYPERCALL: 3,
  DEBUG: 4,
  HLT: 5,
  MMIO: 6,
  IRQ_WINDOW_OPEN: 7,
  SHUTDOWN: 8,
  FAIL_ENTRY: 9,
  INTR: 10,
  SET_TPR: 11,
  TPR_ACCESS: 12,
  NMI: 16,
  INTERNAL_ERROR: 17,
  SYSTEM_EVENT: 24,
  IOAPIC_EOI: 26,
  HYPERV: 27,
  X86_RDMSR: 29,
  X86_WRMSR: 30,
  DIRTY_RING_FULL: 31,
  AP_RESET_HOLD: 32,
  X86_BUS_LOCK: 33,
  XEN: 34,
  NOTIFY: 37,
  MEMORY_FAULT: 39,
} as const;

/** Name of an exit reason, without the KVM_EXIT_ prefix. */
export type ExitReasonName = keyof typeof exitReasons;

/** The numbers on their own, for switches in the vCPU loop. */
export const KVM_EXIT_UNKNOWN = exitReasons.UNKNOWN;
export const KVM_EXIT_IO = exitReasons.IO;
export const KVM_EXIT_HYPERCALL = exitReasons.HYPERCALL;
export const KVM_EXIT_DEBUG = exitReasons.DEBUG;
export const KVM_EXIT_HLT = exitReasons.HLT;
export const KVM_EXIT_MMIO = exitReasons.MMIO;
export const KVM_EXIT_IRQ_WINDOW_OPEN = exitReasons.IRQ_WINDOW_OPEN;
export const KVM_EXIT_SHUTDOWN = exitReasons.SHUTDOWN;
export const KVM_EXIT_FAIL_ENTRY = exitReasons.FAIL_ENTRY;
export const KVM_EXIT_INTR = exitReasons.INTR;
export const KVM_EXIT_INTERNAL_ERROR = exitReasons.INTERNAL_ERROR;
export const KVM_EXIT_SYSTEM_EVENT = exitReasons.SYSTEM_EVENT;
export const KVM_EXIT_IOAPIC_EOI = exitReasons.IOAPIC_EOI;
export const KVM_EXIT_X86_RDMSR = exitReasons.X86_RDMSR;
export const KVM_EXIT_X86_WRMSR = exitReasons.X86_WRMSR;
export const KVM_EXIT_DIRTY_RING_FULL = exitReasons.DIRTY_RING_FULL;
export const KVM_EXIT_MEMORY_FAULT = exitReasons.MEMORY_FAULT;

/** kvm_run.io.direction. */
export const KVM_EXIT_IO_IN = 0;
export const KVM_EXIT_IO_OUT = 1;

/** kvm_run.internal.suberror. */
export const internalErrors = { EMULATION: 1, SIMUL_EX: 2, DELIVERY_EV: 3, UNEXPECTED_EXIT_REASON: 4 } as const;

/** kvm_run.memory_fault.flags of stock kernels (api.rst, KVM_EXIT_MEMORY_FAULT). Proposals add bits 4 and up. */
export const KVM_MEMORY_EXIT_FLAG_PRIVATE = 1n << 3n;

const nameByNumber: ReadonlyMap<number, ExitReasonName> = new Map(
  (Object.entries(exitReasons) as [ExitReasonName, number][]).map(([name, number]) => [number, name]),
);

/** `KVM_EXIT_HLT`; `exit reason 99` for a number unknown here. */
export function exitReasonTitle(reason: number): string {
  const name = nameByNumber.get(reason);
  return name === undefined ? `exit reason ${reason}` : `KVM_EXIT_${name}`;
}

/** `KVM_INTERNAL_ERROR_EMULATION`; `internal error 99` for a number unknown here. */
export function internalErrorTitle(suberror: number): string {
  const name = Object.entries(internalErrors).find(([, number]) => number === suberror)?.[0];
  return name === undefined ? `internal error ${suberror}` : `KVM_INTERNAL_ERROR_${name}`;
}
