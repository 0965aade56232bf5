/** How a missing page is noticed, who fills it, and where its contents come from. */
export { DelayQueue } from './delay-queue.js';
export { DeliverySchedule, NO_TAG, type ArrivalObserver, type Completion, type ScheduleCounters } from './delivery-schedule.js';
export { carryOutEmulated } from './emulated-access.js';
export { FaultLocator, type GuestReader } from './fault-locator.js';
export { imageSource, type ImageSourceOptions } from './image-source.js';
export { LostAccesses, windowOf, type AccessKind, type LossFinding, type LostAccess, type MappedWindow } from './lost-access.js';
export { decodeInstruction, MAX_INSTRUCTION_BYTES, type DecodedInstruction, type MemoryOperand } from './memory-operands.js';
export { MOST_BATCHED_PAGES, PageFiller } from './page-filler.js';
export { loadPageSource, type FillTarget, type PageSource, type PageSourceExports, type PageSourceModule } from './page-source.js';
export { PageLatency, QUICK_CLASS, SLOW_CLASS, type QuickPages } from './page-latency.js';
export { PageState, PageStates } from './page-states.js';
export { walk, type EntryReader, type WalkResult } from './page-walk.js';
export * from './policy/index.js';
export { GPR_NAMES, type GprName, type RegisterSource, type StoppedVcpu, type VectorSource } from './registers.js';
export { RequestResolver, type RequestCounters, type RequestFeed } from './request-resolver.js';
export { RequestRing } from './request-ring.js';
export { UserfaultfdResolver, type UserfaultfdCounters } from './userfaultfd-resolver.js';
export { WindowReader } from './window-reader.js';
