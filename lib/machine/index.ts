/** A guest, its vCPUs and its resolvers as one thing that can be run, watched and stopped. */
export { RESOLVER_COUNTERS, VCPU_COUNTERS, type Counters, type ResolverCounter, type VcpuCounter } from './counters.js';
export { MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS } from './limits.js';
export { Machine, type MachineProgress, type MachineResult, type RunEnd } from './machine.js';
export type { GuestMemoryFailure, MemoryFailureAnswer, MemoryFailureHandler, MemoryFailureHandlerExports, MemoryFailureHandlerModule } from './memory-failure-handler.js';
export { MODE_NAMES, MODES, UAPI_MODES, isDeliveryMode, modeCapabilities, type DeliveryMode, type ModeTraits } from './modes.js';
export type { MachineOptions } from './options.js';
export { SyncedRegisters } from './synced-registers.js';
