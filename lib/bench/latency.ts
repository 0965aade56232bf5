/** Distribution of fault latencies. The histogram is Node's own HDR histogram: three significant digits, whole ns. */
import { createHistogram } from 'node:perf_hooks';

/** A distribution, all in ns but the count. */
export interface LatencySummary {
  readonly count: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Longest latency told apart: an hour. */
const HIGHEST_NS = 3600e9;

/**
 * Summarises first-access latencies.
 * @param cycles - by page, TSC cycles; 0 for a page not visited
 * @param tscKhz - frequency of the TSC
 * @returns null when no page was visited
 */
export function summarizeLatencies(cycles: BigUint64Array, tscKhz: number): LatencySummary | null {
  const histogram = createHistogram({ lowest: 1, highest: HIGHEST_NS, figures: 3 });
  const nsPerCycle = 1e6 / tscKhz;
  let max = 0;
  for (const value of cycles) {
    if (value === 0n) continue;
    const ns = Math.min(HIGHEST_NS, Math.max(1, Math.round(Number(value) * nsPerCycle)));
    if (ns > max) max = ns;
    histogram.record(ns);
  }
  if (histogram.count === 0) return null;
  return {
    count: histogram.count,
    minNs: histogram.min,
    meanNs: histogram.mean,
    p50Ns: histogram.percentile(50),
    p90Ns: histogram.percentile(90),
    p99Ns: histogram.percentile(99),
    p999Ns: histogram.percentile(99.9),
    maxNs: max,
  };
}
