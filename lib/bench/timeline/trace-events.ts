/**
 * Timelines as a file that ui.perfetto.dev and chrome://tracing open: the Trace Event Format's JSON object form. A process for each run, a thread for each lane,
 * times in us. The object's own keys beside `traceEvents` are metadata, which those viewers show or pass over.
 */
import type { Host } from '../../kvm/index.js';
import type { Timeline, TimelineActivity } from './timeline.js';

/** Raised when something changes its meaning. */
export const TRACE_VERSION = 1;

/** One event; `ph`: X a span, i a moment, b and e the ends of a page's way, C a counter, M a name. */
export interface TraceEvent {
  readonly ph: 'X' | 'i' | 'b' | 'e' | 'C' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly name: string;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly s?: 't';
  readonly args?: Readonly<Record<string, string | number>>;
}

/** The whole file. */
export interface TraceFile {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ns';
  readonly otherData: {
    readonly traceVersion: number;
    readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
    readonly startedAt: string;
    readonly host: Host;
    /** What was run, one sentence. */
    readonly load: string;
    /** By process: the mode, and how many records found no room. */
    readonly runs: readonly { readonly pid: number; readonly mode: string; readonly lost: number; readonly guestClockKnown: boolean }[];
  };
}

/** What each activity is called in a viewer, by kind of lane where that matters. */
const NAMES: Readonly<Record<TimelineActivity, string>> = {
  guest: 'in KVM_RUN',
  blocked: 'asleep for a page, in the kernel',
  wait: 'waits for a page',
  vmm: 'VMM handles an exit',
  fetch: 'fills pages',
  work: 'works',
  ready: 'waits for its turn',
  fault: 'sums a page',
};

/** Makes the file of several runs. */
export function traceFile(timelines: readonly Timeline[], about: Omit<TraceFile['otherData'], 'traceVersion' | 'runs'>): TraceFile {
  return {
    displayTimeUnit: 'ns',
    otherData: { traceVersion: TRACE_VERSION, ...about, runs: timelines.map(({ name, lost, guestClockKnown }, at) => ({ pid: at + 1, mode: name, lost, guestClockKnown })) },
    traceEvents: timelines.flatMap((timeline, at) => eventsOf(timeline, at + 1)),
  };
}

function eventsOf({ name, lanes, trips, events }: Timeline, pid: number): TraceEvent[] {
  const us = (ns: number): number => Math.round(ns) / 1e3;
  const names: TraceEvent[] = [
    { ph: 'M', pid, tid: 0, ts: 0, name: 'process_name', args: { name } },
    { ph: 'M', pid, tid: 0, ts: 0, name: 'process_sort_index', args: { sort_index: pid } },
    ...lanes.flatMap(({ name: lane }, at): TraceEvent[] => [
      { ph: 'M', pid, tid: at + 1, ts: 0, name: 'thread_name', args: { name: lane } },
      { ph: 'M', pid, tid: at + 1, ts: 0, name: 'thread_sort_index', args: { sort_index: at + 1 } },
    ]),
  ];
  const spans = lanes.flatMap(({ spans: own }, at) =>
    own.map(({ startNs, endNs, activity, page }): TraceEvent => ({
      ph: 'X', pid, tid: at + 1, ts: us(startNs), dur: Math.max(0, us(endNs) - us(startNs)), name: NAMES[activity], cat: activity, ...(page < 0 ? {} : { args: { page } }),
    })),
  );
  const moments = events.map(({ lane, atNs, what }): TraceEvent => ({ ph: 'i', pid, tid: lane + 1, ts: us(atNs), name: what, cat: 'event', s: 't' }));
  const ways = trips.flatMap(({ page, askedNs, placedNs }, at): TraceEvent[] => {
    const common = { pid, tid: 0, name: 'page on its way', cat: 'page', id: pid * 2 ** 24 + at };
    return [{ ph: 'b', ts: us(askedNs), args: { page }, ...common }, { ph: 'e', ts: us(placedNs), ...common }];
  });
  let under = 0;
  const changes = trips.flatMap(({ askedNs, placedNs }) => [{ atNs: askedNs, by: 1 }, { atNs: placedNs, by: -1 }]).sort((a, b) => a.atNs - b.atNs || a.by - b.by);
  const counts = changes.map(({ atNs, by }): TraceEvent => ({ ph: 'C', pid, tid: 0, ts: us(atNs), name: 'pages on their way', args: { pages: (under += by) } }));
  return [...names, ...[...spans, ...moments, ...ways, ...counts].sort((a, b) => a.ts - b.ts)];
}
