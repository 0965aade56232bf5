/**
 * KVM capabilities this project uses or reports (linux/kvm.h). Numbers of merged capabilities never change; those of
 * proposals do, with every rebase, and belong to lib/uapi/proposals.
 */
export const capabilities = {
  IRQCHIP: 0,
  USER_MEMORY: 3,
  SET_TSS_ADDR: 4,
  EXT_CPUID: 7,
  NR_VCPUS: 9,
  NR_MEMSLOTS: 10,
  MP_STATE: 14,
  SYNC_MMU: 16,
  IRQ_ROUTING: 25,
  MCE: 31,
  IRQFD: 32,
  SET_IDENTITY_MAP_ADDR: 37,
  INTERNAL_ERROR_DATA: 40,
  VCPU_EVENTS: 41,
  ASYNC_PF: 59,
  TSC_CONTROL: 60,
  GET_TSC_KHZ: 61,
  MAX_VCPUS: 66,
  TSC_DEADLINE_TIMER: 72,
  SYNC_REGS: 74,
  SIGNAL_MSI: 77,
  READONLY_MEM: 81,
  ENABLE_CAP_VM: 98,
  X86_SMM: 117,
  MULTI_ADDRESS_SPACE: 118,
  SPLIT_IRQCHIP: 121,
  MAX_VCPU_ID: 128,
  X2APIC_API: 129,
  IMMEDIATE_EXIT: 136,
  X86_DISABLE_EXITS: 143,
  NESTED_STATE: 157,
  EXCEPTION_PAYLOAD: 164,
  MANUAL_DIRTY_LOG_PROTECT2: 168,
  ASYNC_PF_INT: 183,
  X86_USER_SPACE_MSR: 188,
  X86_MSR_FILTER: 189,
  ENFORCE_PV_FEATURE_CPUID: 190,
  DIRTY_LOG_RING: 192,
  EXIT_HYPERCALL: 201,
  BINARY_STATS_FD: 203,
  X86_TRIPLE_FAULT_EVENT: 218,
  DIRTY_LOG_RING_ACQ_REL: 223,
  USER_MEMORY2: 231,
  MEMORY_FAULT_INFO: 232,
  MEMORY_ATTRIBUTES: 233,
  GUEST_MEMFD: 234,
  VM_TYPES: 235,
  PRE_FAULT_MEMORY: 236,
  X86_APIC_BUS_CYCLES_NS: 237,
  GUEST_MEMFD_FLAGS: 244,
} as const;

/** Name of a capability, without the KVM_CAP_ prefix. */
export type CapabilityName = keyof typeof capabilities;

const nameByNumber: ReadonlyMap<number, CapabilityName> = new Map(
  (Object.entries(capabilities) as [CapabilityName, number][]).map(([name, number]) => [number, name]),
);

/** KVM_CAP_ number of a name; a number passes through, so that capabilities unknown here can be asked for. */
export function capabilityNumber(capability: CapabilityName | number): number {
  return typeof capability === 'number' ? capability : capabilities[capability];
}

/** The full name, `KVM_CAP_ASYNC_PF`; `capability 999` for a number unknown here. */
export function capabilityTitle(capability: CapabilityName | number): string {
  const name = typeof capability === 'string' ? capability : nameByNumber.get(capability);
  return name === undefined ? `capability ${capability}` : `KVM_CAP_${name}`;
}

/** KVM_CAP_X86_USER_SPACE_MSR: which MSR accesses leave to user space (KVM_MSR_EXIT_REASON_*). */
export const KVM_MSR_EXIT_REASON_INVAL = 1 << 0;
export const KVM_MSR_EXIT_REASON_UNKNOWN = 1 << 1;
export const KVM_MSR_EXIT_REASON_FILTER = 1 << 2;

/** KVM_CAP_X2APIC_API flags. */
export const KVM_X2APIC_API_USE_32BIT_IDS = 1 << 0;
export const KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK = 1 << 1;

/** VM types of KVM_CREATE_VM; KVM_CAP_VM_TYPES is a mask of 1 << type. */
export const KVM_X86_DEFAULT_VM = 0;
export const KVM_X86_SW_PROTECTED_VM = 1;

/** KVM_CAP_X86_DISABLE_EXITS: exits that KVM leaves out. With HLT, KVM never halts a vCPU on its own account (no synthetic halt for a slow page). */
export const KVM_X86_DISABLE_EXITS_MWAIT = 1 << 0;
export const KVM_X86_DISABLE_EXITS_HLT = 1 << 1;
export const KVM_X86_DISABLE_EXITS_PAUSE = 1 << 2;
export const KVM_X86_DISABLE_EXITS_CSTATE = 1 << 3;
