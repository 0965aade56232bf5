/** Timelines of runs: recorded, and as the file that trace viewers open. */
export { recordTimelines, type RecordingObserver, type RecordingOptions } from './record.js';
export { ACTIVITIES, timelineOf, type PageTrip, type Timeline, type TimelineActivity, type TimelineEvent, type TimelineLane, type TimelineSpan } from './timeline.js';
export { TRACE_VERSION, traceFile, type TraceEvent, type TraceFile } from './trace-events.js';
export { timeShares, type TimeShares } from './shares.js';
