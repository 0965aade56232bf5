/** What happens when a page never comes: a guest that loses memory, and the ways in which a VMM can tell it. */
export * as lossAbi from './abi.js';
export { ControlBlock, LOSS_COUNTERS, TASK_ACCESSES, windowAddress, type AccessOutcome, type LossCounter, type LossPanic, type TaskAccess, type TaskAccessKind, type TaskProgram } from './control-block.js';
export { describeLostAccess } from './describe.js';
export { describeGuestEvent, EventLog, type GuestEvent } from './event-log.js';
export { LoopWatch, SUSPICIOUS_FAULTS, type LoopFound, type LoopVerdict } from './loop-watch.js';
export { LossGuest, type LossGuestOptions, type LossRunEnd } from './loss-guest.js';
export { DECLARABLE_CAUSES, reflectDeclared, type DeclarableCause, type LossFacts, type RecoverableMemory, type Reflection, type ReflectPolicy } from './reflection.js';
export { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession, type ReportSetup } from './report.js';
export { LOSS_REPORTS, leaseReport, loopReport, lossReport, reflectReport, type LeaseEvent, type LeaseOptions, type ReflectOptions } from './reports/index.js';
export { interleave, type LoggedRun, type Noted, type TimelineEntry } from './timeline.js';
export type { PageAnswer, PageFetcher, PageFetcherExports, PageOwner } from './page-owner.js';
export { SupervisedPages, type SupervisionCounters } from './supervised-pages.js';
export { WorkerPageOwner } from './worker-page-owner.js';
