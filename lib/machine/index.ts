/** A guest, its vCPUs and its resolvers as one thing that can be run, watched and stopped. */
export { RESOLVER_COUNTERS, VCPU_COUNTERS, type Counters, type ResolverCounter, type VcpuCounter } from './counters.js';
export { MAX_IN_FLIGHT, MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS } from './limits.js';
export { KVM_COUNTS, type KvmCount, type ThreadTime } from './thread-times.js';
export { Machine, type MachineProgress, type MachineResult, type MachineStamps, type RunEnd, type ThreadPlacement } from './machine.js';
export type { GuestMemoryFailure, MemoryFailureAnswer, MemoryFailureHandler, MemoryFailureHandlerExports, MemoryFailureHandlerModule } from './memory-failure-handler.js';
export { MODE_NAMES, MODES, UAPI_MODES, isDeliveryMode, modeCapabilities, type DeliveryMode, type ModeTraits } from './modes.js';
export { SyncedRegisters } from './synced-registers.js';
export type { MachineOptions, Placement, UserfaultfdLayout } from './options.js';
export { TRACE_DEFAULTS, type MachineTrace, type TraceOptions } from './trace/machine-trace.js';
export { TRACE_RECORD_NUMBERS, TraceKind, type TraceRecords } from './trace/trace-writer.js';
export { heapSizeBytes, type MachineStartTimes, type WorkerStartTimes } from './start-times.js';
