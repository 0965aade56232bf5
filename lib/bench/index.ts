/** Workloads, sampling, statistics and reports. */
export { availableMemoryBytes } from './available-memory.js';
export { BenchFailure, packageVersion, runBench, type BenchObserver, type BenchOptions } from './bench.js';
export { checkEvents, checkIntegrity, type EventCheck, type IntegrityCheck } from './checks.js';
export * from './compare/index.js';
export { formatDuration, parseDuration } from './duration.js';
export { figureMark, type FigureMark } from './figure-mark.js';
export { FIGURES, FIGURE_NAMES, PROPOSAL_COUNTERS, formatFigure, type Figure, type FigureName, type FigureSource, type FigureUnit, type ProposalCounter } from './figures.js';
export { checksumImage, makeImage, openImage, requireMemory, type Image } from './image.js';
export { parsePolicy } from './policy-option.js';
export { visitingOrder } from './random.js';
export { REPORT_VERSION, type BenchParameters, type BenchReport, type ModeReport } from './report.js';
export { BENCH_DEFAULTS, type BenchSettings } from './settings.js';
export type { TrapInstructionReport, TrapSummary } from './trap.js';
export { renderReport, type TableOptions } from './table.js';
export { kernelCost, pagingSeconds, workCost, type KernelCost, type WorkCost } from './cost.js';
export * from './timeline/index.js';
