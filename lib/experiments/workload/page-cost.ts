/**
 * What a page costs in vCPU time, from whole runs. Whatever else runs on the host only ever takes time away: the rate of work without faults is the best
 * that any run reached, time lost to others counts as cost, and the runs that lost least say what the guest lost by itself.
 */
import type { MeasuredRun } from './measured-run.js';

/** Quantile of several runs that stands for the undisturbed one. */
export const UNDISTURBED = 0.25;

/** The best rate of work without faults in any run; null where no run had work tasks. */
export function bestWorkRate(runs: readonly MeasuredRun[]): number | null {
  const rates = runs.flatMap(({ workPerNs }) => workPerNs ?? []);
  return rates.length === 0 ? null : Math.max(...rates);
}

/** vCPU time that a page of a run took from the work tasks, ns. */
export function pageCostNs({ vcpuNs, work, pages }: MeasuredRun, workPerNs: number): number {
  return pages === 0 ? NaN : Math.max(0, vcpuNs - work / workPerNs) / pages;
}
