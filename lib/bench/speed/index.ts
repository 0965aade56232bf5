/** What this implementation costs: TypeScript against C, and the figures that have goals (docs/SPEED.md). */
export { SPEED_FIGURES, SPEED_FIGURE_NAMES, formatSpeed, judge, type Goal, type SpeedFigure, type SpeedFigureName, type SpeedUnit, type SpeedVerdict } from './figures.js';
export { figureAccountLines, type FigureAccount, type FigureAccountPart } from './figure-account.js';
export { GREATEST_MOST_PAGES, LEAST_MOST_PAGES } from './flat-cost.js';
export { LOOPS, LOOP_NAMES, type Loop, type LoopName } from './loops.js';
export { measureRatios, type LoopRatio, type RatioOptions, type Ratios, type SidesFigure } from './ratios.js';
export { runReference, type ReferenceOptions, type ReferenceResult } from './reference.js';
export { SPEED_REPORT_VERSION, type SpeedReport } from './report.js';
export { VCPU_PART_MEANINGS } from './vcpu-time-table.js';
export { WORK_FIGURE_NAMES, type VcpuTime, type WorkFigureName } from './work-kept.js';
export { measureSpeed, type SpeedObserver, type SpeedOptions } from './speed.js';
export { goalText, renderSpeed, speedVerdictText } from './table.js';
