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
  /** Its round: runs of one are compared with each other. */
  readonly round: number;
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

/** Costs in ns, each of one page, as one round measured them; NaN what it did not. */
export interface RoundCosts {
  /** A quick page that is waited for, the guest not told. */
  readonly quickWait: number;
  /** A pair of events. */
  readonly pair: number;
  /** The exit alone: a quick page's wait without the time that the page took. */
  readonly exit: number;
  /** A slow page that is waited for, by fetch latency. */
  readonly slowWait: ReadonlyMap<number, number>;
}

/** The same over all rounds. */
export interface Components {
  readonly quickWait: Estimate;
  readonly pair: Estimate;
  readonly exit: Estimate;
  readonly slowWait: ReadonlyMap<number, Estimate>;
  /** What whole mixes are composed from: a round that was slow was slow in all of its parts, so that ratios are taken within it. */
  readonly rounds: readonly RoundCosts[];
}

/** Measures the components; null where one has no sample. */
export function componentsOf(samples: readonly Sample[]): Components | null {
  const fetches = [...new Set(samples.filter(({ arm, quickShare }) => arm.id === 'all-sync' && quickShare < 1).map(({ fetchNs }) => fetchNs))];
  const numbers = [...new Set(samples.map(({ round }) => round))].sort((a, b) => a - b);
  const rounds = numbers.map((round) => costsOf(samples.filter((sample) => sample.round === round), fetches));
  const over = (value: (costs: RoundCosts) => number): Estimate => estimate(rounds.map(value).filter(Number.isFinite));
  const [quickWait, pair, exit] = [over((costs) => costs.quickWait), over((costs) => costs.pair), over((costs) => costs.exit)];
  const slowWait = new Map(fetches.map((at) => [at, over((costs) => costs.slowWait.get(at) ?? NaN)]));
  return Math.min(quickWait.count, pair.count, exit.count) === 0 || slowWait.size === 0 ? null : { quickWait, pair, exit, slowWait, rounds };
}

/** The components of one round. */
function costsOf(samples: readonly Sample[], fetches: readonly number[]): RoundCosts {
  const of = (id: Arm['id']): Sample[] => samples.filter(({ arm }) => arm.id === id);
  const quickWait = finiteMedian([...of('all-sync'), ...of('two-bits')].map(({ quickLatencyNs }) => quickLatencyNs));
  const pair = finiteMedian(
    of('one-bit').map((told) => told.quickLatencyNs - (of('two-bits').find(({ fetchNs, quickShare }) => fetchNs === told.fetchNs && quickShare === told.quickShare)?.quickLatencyNs ?? NaN)),
  );
  // The time that a page takes to come is a mean, which a preempted vCPU moves.
  const hop = finiteMedian(of('all-sync').filter(({ quickShare }) => quickShare === 1).map(({ run: { result: { vcpus } } }) => vcpus.waitNs / Math.max(1, vcpus.syncWaits)));
  const slowWait = new Map(fetches.map((at) => [at, finiteMedian(of('all-sync').filter(({ fetchNs, quickShare }) => fetchNs === at && quickShare < 1).map(({ slowLatencyNs }) => slowLatencyNs))]));
  return { quickWait, pair, exit: Math.max(0, quickWait - hop), slowWait };
}

/** What a page costs in an arm, in the mean of a mix; NaN where a component is missing. */
function composed({ quickWait, pair, exit, slowWait }: RoundCosts, id: Arm['id'], fetchNs: number, quickShare: number): number {
  const slowNs = quickShare === 1 ? 0 : (slowWait.get(fetchNs) ?? NaN);
  const left = exit + pair;
  const mix = (quickNs: number, otherNs: number): number => quickShare * quickNs + (1 - quickShare) * otherNs;
  switch (id) {
    case 'all-sync':
      return mix(quickWait, slowNs);
    case 'all-async':
      return left;
    case 'one-bit':
      return mix(quickWait + pair, left);
    case 'two-bits':
      return mix(quickWait, left);
  }
}

/** What a page costs in an arm, in the mean of a mix: one value a round. */
export function composedNs({ rounds }: Components, id: Arm['id'], fetchNs: number, quickShare: number): Estimate {
  return estimate(rounds.map((costs) => composed(costs, id, fetchNs, quickShare)).filter(Number.isFinite));
}

/** What an arm costs over another: one ratio a round. */
export function composedRatio({ rounds }: Components, above: Arm['id'], below: Arm['id'], fetchNs: number, quickShare: number): Estimate {
  return estimate(rounds.map((costs) => composed(costs, above, fetchNs, quickShare) / composed(costs, below, fetchNs, quickShare)).filter(Number.isFinite));
}

/** What the guest's own two handlers of a pair take, in the least disturbed runs, ns. */
export function handlersNs(samples: readonly Sample[]): number {
  return quantile(samples.flatMap(({ run: { kernel } }) => (kernel.notPresentNs === null || kernel.readyNs === null ? [] : [kernel.notPresentNs + kernel.readyNs + 2 * (kernel.entryExitNs ?? 0)])), UNDISTURBED);
}

/** Median of what is finite. */
export function finiteMedian(values: readonly number[]): number {
  return median(values.filter(Number.isFinite));
}
