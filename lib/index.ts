/**
 * kvm-faultlab as a library: the layers from KVM's own objects up to a whole machine.
 * @packageDocumentation
 */
export { FaultLabError, describeError, type FaultLabErrorDetails } from './errors/index.js';
export { nativeAddon, type NativeAddon, type NativeEventFd, type NativeFile, type NativeMapping, type NativeUserfaultfd } from './native/index.js';
export * as uapi from './uapi/index.js';
export * as proposals from './uapi/proposals/index.js';
export * as exploration from './explore/index.js';
export {
  ExitView,
  GuestMemfd,
  Kvm,
  MemorySlot,
  SyncRegs,
  Vcpu,
  Vm,
  msiTo,
  probeUapi,
  readHost,
  requireUapi,
  type CapabilityNumbers,
  type CapabilityRequirement,
  type Host,
  type HostKind,
  type MemoryFailure,
  type MemorySlotOptions,
  type Msi,
  type MsrFilterRange,
  type Translation,
  type UapiSupport,
  type VcpuExit,
} from './kvm/index.js';
export { InterceptedPages, PagedWindow, SystemRam, UserfaultBitmap, gpaNumber, gpaOfHva, userfaultBitmapSizeBytes, type GpaNumber, type GuestRange, type PagedWindowShare, type SystemRamShare } from './memory/index.js';
export {
  Resolution,
  builtInPolicy,
  imageSource,
  nbdSource,
  parseNbdAddress,
  zeroSource,
  type BackgroundFetches,
  type FaultFacts,
  type FaultPolicy,
  type FaultPolicyModule,
  type FillTarget,
  type ImageSourceOptions,
  type LatencyModel,
  type NbdAddress,
  type NbdSourceOptions,
  type PageSource,
  type PageSourceModule,
  type PolicyMemory,
  type QuickPages,
  type WakerPlan,
} from './faults/index.js';
export { AsyncPfHost, ReadyQueue, type ReadyDelivery, type WaitReason } from './asyncpf/index.js';
export {
  checksumPage,
  type GuestPhase,
  type GuestVcpuReport,
  type PhaseReport,
  type TrapChoice,
  type TrapInstruction,
  type TrapProbe,
  type TrapRecord,
  type TrapReport,
} from './guest/index.js';
export {
  MODES,
  MODE_NAMES,
  Machine,
  UAPI_MODES,
  type Counters,
  type DeliveryMode,
  type GuestMemoryFailure,
  type MachineOptions,
  type MachineProgress,
  type MachineResult,
  type MemoryFailureAnswer,
  type MemoryFailureHandler,
  type MemoryFailureHandlerModule,
  type ModeTraits,
  type Placement,
  type ResolverCounter,
  type RunEnd,
  type ThreadPlacement,
  type UserfaultfdLayout,
  type VcpuCounter,
} from './machine/index.js';
