/** The native end of the proposals: what the running kernel has of each, and its real ioctls. */
export { KVM_MEMORY_ATTRIBUTE_USERFAULT, asyncPfUserSupport, type AsyncPfUserAnswers } from './async-pf-user-2024-probe.js';
export { asyncPfUserfaultSupport, type AsyncPfUserfaultAnswers, type SharedPageHeader } from './async-pf-userfault-2026-probe.js';
export { NativeAsyncPf2026 } from './native-async-pf-2026.js';
export { NativeAsyncPfUser2024 } from './native-async-pf-user-2024.js';
export type { NativeCompletion } from './native-completion.js';
export { NativeExitless2026 } from './native-exitless-2026.js';
export { NativeUserfaultReady } from './native-userfault-ready.js';
export { NativeUserfaultSlot, type NativeUserfaultSlotOptions } from './native-userfault-slot.js';
export { probeUapi } from './probe-uapi.js';
export { stockSupport, type StockAnswers } from './stock-probe.js';
export { syncAsyncTwoBitSupport, type SyncAsyncTwoBitAnswers } from './sync-async-2bit-probe.js';
export { requireUapi, type CapabilityNumbers, type FactSpeaks, type UapiFact, type UapiSupport } from './uapi-support.js';
export { userfaultSupport, type CapabilityAnswer, type UserfaultAnswers } from './userfault-probe.js';
