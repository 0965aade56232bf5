/**
 * What a page costs the vCPU, by its class and by how it is resolved. A page that is waited for costs its first-access latency, because nothing else
 * happens meanwhile; one that is left to the guest costs the exit and the pair of events; one that is waited for after the guest was told, both.
 */
import { estimate, median, quantile, type Estimate } from '../frame/statistics.js';
import type { MeasuredRun } from '../workload/measured-run.js';
import { UNDISTURBED } from '../workload/page-cost.js';
import type { Arm } from './arms.js';

/** One run. */
export interface Sample {
  /** Latency of slow pages. */
  readonly fetchNs: number;
  readonly quickShare: number;
  readonly arm: Arm;
  readonly run: MeasuredRun;
  /** Of its pages. */
  readonly quickPages: number;
  /** Medians of first-access latencies by class; NaN where there was none. */
  readonly quickLatencyNs: number;
  readonly slowLatencyNs: number;
}

/** Costs in ns, each of one page. */
export interface Components {
  /** A quick page that is waited for, the guest not told. */
  readonly quickWait: Estimate;
  /** A pair of events. */
  readonly pair: Estimate;
  /** The exit alone: a quick page's wait without the time that the page took. */
  readonly exit: Estimate;
  /** A slow page that is waited for, by fetch latency. */
  readonly slowWait: ReadonlyMap<number, Estimate>;
}

/** Measures the components; null where one has no sample. */
export function componentsOf(samples: readonly Sample[]): Components | null {
  const of = (id: Arm['id']): Sample[] => samples.filter(({ arm }) => arm.id === id);
  const quick = (id: Arm['id']): number[] => of(id).map(({ quickLatencyNs }) => quickLatencyNs).filter(Number.isFinite);
  const waits = [...quick('all-sync'), ...quick('two-bits')];
  const pairs = pairedQuick(of('one-bit'), of('two-bits'));
  // The time that a page takes to come is a mean, which a preempted vCPU moves: the least disturbed runs say it.
  const hops = of('all-sync').filter(({ quickShare }) => quickShare === 1).map(({ run: { result: { vcpus } } }) => vcpus.waitNs / Math.max(1, vcpus.syncWaits));
  const fetches = [...new Set(of('all-sync').filter(({ quickShare }) => quickShare < 1).map(({ fetchNs }) => fetchNs))];
  const slowWait = new Map(fetches.map((at) => [at, estimate(of('all-sync').filter(({ fetchNs }) => fetchNs === at).map(({ slowLatencyNs }) => slowLatencyNs).filter(Number.isFinite))]));
  if (waits.length === 0 || pairs.length === 0 || hops.length === 0 || slowWait.size === 0) return null;
  const hop = quantile(hops, UNDISTURBED);
  return { quickWait: estimate(waits), pair: estimate(pairs), exit: estimate(waits.map((wait) => Math.max(0, wait - hop))), slowWait };
}

/** What the pair adds to a quick page's latency: the same place, the same round. */
function pairedQuick(told: readonly Sample[], untold: readonly Sample[]): number[] {
  const places = [...new Set(told.map(({ fetchNs, quickShare }) => `${fetchNs}/${quickShare}`))];
  return places.flatMap((place) => {
    const at = (samples: readonly Sample[]): number[] => samples.filter(({ fetchNs, quickShare }) => `${fetchNs}/${quickShare}` === place).map(({ quickLatencyNs }) => quickLatencyNs);
    const without = at(untold);
    return at(told).slice(0, without.length).map((latency, round) => latency - without[round]).filter(Number.isFinite);
  });
}

/** What a page costs in an arm, in the mean of a mix; `at` picks the value or an end of each component's interval. */
export function composedNs(components: Components, id: Arm['id'], fetchNs: number, quickShare: number, at: (of: Estimate) => number): number {
  const { quickWait, pair, exit, slowWait } = components;
  const slow = slowWait.get(fetchNs);
  const [wait, pairNs, left] = [at(quickWait), at(pair), at(exit) + at(pair)];
  const slowNs = slow === undefined ? 0 : at(slow);
  const mix = (quickNs: number, otherNs: number): number => quickShare * quickNs + (1 - quickShare) * otherNs;
  switch (id) {
    case 'all-sync':
      return mix(wait, slowNs);
    case 'all-async':
      return left;
    case 'one-bit':
      return mix(wait + pairNs, left);
    case 'two-bits':
      return mix(wait, left);
  }
}

/** A component drawn from within its interval, as far from the middle as `share` says (-1 to 1). */
export function shifted({ value, low, high }: Estimate, share: number): number {
  return share < 0 ? value + share * (value - low) : value + share * (high - value);
}

/** What an arm costs over another, with the interval that the components' intervals allow. */
export function composedRatio(components: Components, above: Arm['id'], below: Arm['id'], fetchNs: number, quickShare: number): Estimate {
  const ratioAt = (of: (component: Estimate) => number): number => composedNs(components, above, fetchNs, quickShare, of) / composedNs(components, below, fetchNs, quickShare, of);
  const { quickWait, pair, exit, slowWait } = components;
  const all = [quickWait, pair, exit, ...slowWait.values()];
  const value = ratioAt((component) => component.value);
  // One component at a time at either end; deviations of independent ones add in squares.
  const deviations = all.map((moved) => [-1, 1].map((share) => ratioAt((component) => (component === moved ? shifted(component, share) : component.value)) - value));
  const spread = (pick: (deviation: readonly number[]) => number): number => Math.sqrt(deviations.reduce((total, deviation) => total + pick(deviation) ** 2, 0));
  return { value, low: value - spread((deviation) => Math.min(0, ...deviation)), high: value + spread((deviation) => Math.max(0, ...deviation)), count: Math.min(...all.map(({ count }) => count)) };
}

/** What the guest's own two handlers of a pair take, in the least disturbed runs, ns. */
export function handlersNs(samples: readonly Sample[]): number {
  return quantile(samples.flatMap(({ run: { kernel } }) => (kernel.notPresentNs === null || kernel.readyNs === null ? [] : [kernel.notPresentNs + kernel.readyNs + 2 * (kernel.entryExitNs ?? 0)])), UNDISTURBED);
}

/** Median of what is finite. */
export function finiteMedian(values: readonly number[]): number {
  return median(values.filter(Number.isFinite));
}
