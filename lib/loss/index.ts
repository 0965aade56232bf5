/** What happens when a page never comes: a guest that loses memory, and the ways in which a VMM can tell it. */
export * as lossAbi from './abi.js';
export { ControlBlock, LOSS_COUNTERS, TASK_ACCESSES, windowAddress, type AccessOutcome, type LossCounter, type LossPanic, type TaskAccess, type TaskAccessKind, type TaskProgram } from './control-block.js';
export { describeLostAccess } from './describe.js';
export { describeGuestEvent, EventLog, type GuestEvent } from './event-log.js';
export { LossGuest, type LossGuestOptions, type LossRunEnd } from './loss-guest.js';
export { MemfdWindow, type LossCause, type LossWindow } from './loss-window.js';
export { LostAccessFinder, type LostAccess } from './lost-access.js';
export { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession, type ReportSetup } from './report.js';
export { LOSS_REPORTS, lossReport } from './reports/index.js';
export { interleave, renderTimeline, type HostEvent, type TimelineEntry } from './timeline.js';
