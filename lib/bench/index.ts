/** Workloads, sampling, statistics and reports. */
export { BENCH_DEFAULTS, BenchFailure, packageVersion, runBench, type BenchObserver, type BenchOptions } from './bench.js';
export { checkEvents, checkIntegrity, type EventCheck, type IntegrityCheck } from './checks.js';
export { formatDuration, parseDuration } from './duration.js';
export { checksumImage, makeImage, openImage, requireMemory, type Image } from './image.js';
export { visitingOrder } from './random.js';
export type { BenchParameters, BenchReport, ModeReport } from './report.js';
export { renderReport, type TableOptions } from './table.js';
