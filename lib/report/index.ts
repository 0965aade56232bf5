/** Reports for people: benches, experiments, `speed` and traces as one self-contained HTML page. Nothing here does I/O. */
export { renderPage, type PageOptions } from './page.js';
export { readItems } from './input/read-items.js';
export type { ReportItem, ReportedBench, ReportedExperiment, ReportedMode, ReportedSpeed, ReportedTimeline, ReportedTrace } from './item.js';
