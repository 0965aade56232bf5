/** Kvm, Vm, Vcpu, MemorySlot and the exits of a vCPU: KVM as objects. Nothing here knows about faults. */
export { requireCapabilities, type CapabilityRequirement } from './capability.js';
export { ExitView } from './exit-view.js';
export { GuestClock } from './guest-clock.js';
export { GuestMemfd } from './guest-memfd.js';
export { classifyHost, describeHost, readHost, type Host, type HostFacts, type HostKind } from './host-kind.js';
export { Kvm, KVM_API_VERSION } from './kvm.js';
export type { MemoryFailure } from './memory-failure.js';
export { MemorySlot, type MemorySlotOptions } from './memory-slot.js';
export { MAX_MSI_APIC_ID, msiTo, type Msi } from './msi.js';
export * from './proposals/index.js';
export { SyncRegs } from './sync-regs.js';
export { Vcpu, type Translation } from './vcpu.js';
export { decodeExit, type UserfaultExit, type VcpuExit } from './vcpu-exit.js';
export { VcpuStatistics } from './vcpu-statistics.js';
export { Vm, type MsrFilterRange } from './vm.js';
