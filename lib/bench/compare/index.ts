/** Comparing reports: verdicts on any hosts, figures on hosts of one kind. Nothing here does I/O. */
export { type ComparableHost, type ComparableMode, type ComparableReport, type NamedReport } from './comparable.js';
export { DEFAULT_THRESHOLD_SHARE, FEWEST_RUNS, JUDGED_FIGURES, judgeChanges, type Change } from './changes.js';
export { COMPARISON_VERSION, compareReports, type CompareOptions, type ComparedReport, type Comparison } from './compare.js';
export { type Difference } from './differences.js';
export { type FigureRow, type ModeFigures } from './figures.js';
export { differingHosts, figuresWithheld, type HostedReport } from './hosts.js';
export { parseReport } from './parse-report.js';
export { printable } from './printable.js';
export { renderComparison } from './render.js';
export { type ModeVerdicts, type Verdict, type VerdictRow } from './verdicts.js';
