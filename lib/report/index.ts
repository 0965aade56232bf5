/** Reports for people: benches and experiments as one self-contained HTML page. Nothing here does I/O. */
export { renderPage, type PageOptions } from './page.js';
export { readItems } from './input/read-items.js';
export type { ReportItem, ReportedBench, ReportedExperiment, ReportedMode } from './item.js';
