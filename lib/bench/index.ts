/** Workloads, sampling, statistics and reports. */
export { availableMemoryBytes } from './available-memory.js';
export { BENCH_DEFAULTS, BenchFailure, packageVersion, runBench, type BenchObserver, type BenchOptions } from './bench.js';
export { checkEvents, checkIntegrity, type EventCheck, type IntegrityCheck } from './checks.js';
export { formatDuration, parseDuration } from './duration.js';
export { checksumImage, makeImage, openImage, requireMemory, type Image } from './image.js';
export { visitingOrder } from './random.js';
export type { BenchParameters, BenchReport, ModeReport } from './report.js';
export type { TrapInstructionReport, TrapSummary } from './trap.js';
export { renderReport, type TableOptions } from './table.js';
