/** Distribution of fault latencies: an HDR histogram, whole ns. Percentiles to three significant digits, the buckets that go into reports to two. */
import { Int32Histogram, type JsHistogram } from 'hdr-histogram-js';

/** How often each latency came: bucket i holds latencies above `upToNs[i - 1]` and up to `upToNs[i]`. Buckets without any are left out. */
export interface LatencyHistogram {
  /** Ascending. */
  readonly upToNs: readonly number[];
  readonly counts: readonly number[];
}

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
  readonly histogram: LatencyHistogram;
}

/** Longest latency told apart: an hour. */
const HIGHEST_NS = 3600e9;
const PERCENTILE_DIGITS = 3;
const BUCKET_DIGITS = 2;

/** Latencies as they come, of one run or of several. */
export class LatencyRecorder {
  private readonly fine = new Int32Histogram(1, HIGHEST_NS, PERCENTILE_DIGITS);
  private readonly coarse = new Int32Histogram(1, HIGHEST_NS, BUCKET_DIGITS);
  private readonly buckets = new Map<number, number>();
  private min = Infinity;
  private max = 0;
  private sum = 0;

  /**
   * Adds first-access latencies.
   * @param cycles - by page, TSC cycles; 0 for a page not visited
   * @param tscKhz - frequency of the TSC
   */
  record(cycles: BigUint64Array, tscKhz: number): void {
    const nsPerCycle = 1e6 / tscKhz;
    for (const value of cycles) {
      if (value !== 0n) this.recordNs(Number(value) * nsPerCycle);
    }
  }

  /** What came so far; null when nothing did. */
  summarize(): LatencySummary | null {
    const { totalCount } = this.fine;
    if (totalCount === 0) return null;
    const at = (percentile: number): number => Math.min(this.max, this.fine.getValueAtPercentile(percentile));
    const ascending = [...this.buckets].sort(([a], [b]) => a - b);
    return {
      count: totalCount,
      minNs: this.min,
      meanNs: this.sum / totalCount,
      p50Ns: at(50),
      p90Ns: at(90),
      p99Ns: at(99),
      p999Ns: at(99.9),
      maxNs: this.max,
      histogram: { upToNs: ascending.map(([upToNs]) => upToNs), counts: ascending.map(([, count]) => count) },
    };
  }

  private recordNs(exactNs: number): void {
    const ns = Math.min(HIGHEST_NS, Math.max(1, Math.round(exactNs)));
    this.min = Math.min(this.min, ns);
    this.max = Math.max(this.max, ns);
    this.sum += ns;
    this.fine.recordValue(ns);
    const upToNs = upperEdge(this.coarse, ns);
    this.buckets.set(upToNs, (this.buckets.get(upToNs) ?? 0) + 1);
  }
}

/**
 * Summarises the first-access latencies of one run.
 * @param cycles - by page, TSC cycles; 0 for a page not visited
 * @param tscKhz - frequency of the TSC
 * @returns null when no page was visited
 */
export function summarizeLatencies(cycles: BigUint64Array, tscKhz: number): LatencySummary | null {
  const recorder = new LatencyRecorder();
  recorder.record(cycles, tscKhz);
  return recorder.summarize();
}

function upperEdge(histogram: JsHistogram, ns: number): number {
  return histogram.highestEquivalentValue(ns);
}
