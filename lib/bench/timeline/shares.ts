/** How a run's vCPU threads and tasks spent their time, for a table. */
import type { Timeline, TimelineActivity } from './timeline.js';

/** Of one timeline: shares of the time in which pages were on their way. */
export interface TimeShares {
  readonly mode: string;
  readonly pagingNs: number;
  /** Of the vCPUs' threads. */
  readonly vcpu: Readonly<Record<TimelineActivity, number>>;
  /** Time in which some work task of a vCPU ran, of that of all vCPUs; null where tasks are not known. */
  readonly workShare: number | null;
  /** Mean number of pages on their way. */
  readonly pagesUnderWay: number;
}

/** Computes the shares; null where no page was on its way. */
export function timeShares({ name, lanes, trips, guestClockKnown }: Timeline): TimeShares | null {
  if (trips.length === 0) return null;
  const fromNs = trips.reduce((least, { askedNs }) => Math.min(least, askedNs), Infinity);
  const toNs = trips.reduce((most, { placedNs }) => Math.max(most, placedNs), 0);
  const pagingNs = toNs - fromNs;
  const vcpus = lanes.filter(({ kind }) => kind === 'vcpu');
  const within = (startNs: number, endNs: number): number => Math.max(0, Math.min(endNs, toNs) - Math.max(startNs, fromNs));
  const share = (activity: TimelineActivity, of: typeof lanes): number =>
    of.reduce((sum, { spans }) => sum + spans.reduce((own, span) => own + (span.activity === activity ? within(span.startNs, span.endNs) : 0), 0), 0) / (pagingNs * vcpus.length);
  return {
    mode: name,
    pagingNs,
    vcpu: { guest: share('guest', vcpus), blocked: share('blocked', vcpus), wait: share('wait', vcpus), vmm: share('vmm', vcpus), fetch: 0, work: 0, ready: 0, fault: 0 },
    workShare: guestClockKnown ? share('work', lanes.filter(({ kind }) => kind === 'task')) : null,
    pagesUnderWay: trips.reduce((sum, { askedNs, placedNs }) => sum + placedNs - askedNs, 0) / pagingNs,
  };
}
