/**
 * kvm-faultlab as a library: the layers from KVM's own objects up to a whole machine.
 * @packageDocumentation
 */
export { FaultLabError, describe } from './errors/index.js';
export * as uapi from './uapi/index.js';
export { Kvm, MemorySlot, Vcpu, Vm, readHost, type Host, type HostKind, type VcpuExit } from './kvm/index.js';
export { PagedWindow, SystemRam, UserfaultBitmap } from './memory/index.js';
export { imageSource, type FillTarget, type PageSource, type PageSourceModule } from './faults/index.js';
export { AsyncPfHost, ReadyQueue } from './asyncpf/index.js';
export { checksumPage, type GuestVcpuReport } from './guest/index.js';
export { MODES, MODE_NAMES, Machine, type DeliveryMode, type MachineOptions, type MachineProgress, type MachineResult } from './machine/index.js';
