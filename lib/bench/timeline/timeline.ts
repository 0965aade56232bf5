/** A run as lanes of spans: what each thread of the host and each task of the guest did when. Plain data. */
import type { MachineTrace } from '../../machine/index.js';
import { TRACE_RECORD_NUMBERS, TraceKind, type TraceRecords } from '../../machine/index.js';
import { guestClocks, type GuestClock } from './guest-clock.js';

/**
 * What a lane is doing. vCPU threads: `guest` (in KVM_RUN), `blocked` (asleep in the kernel for a page), `wait` (outside KVM_RUN for a page), `vmm` (handling an
 * exit). Resolvers: `fetch`. Tasks: `work`; `wait` (its page is on its way), `ready` (the page has come, or nobody knows of it yet, and another task runs), `fault` (summing the
 * page, or interrupted at it).
 */
export const ACTIVITIES = ['guest', 'blocked', 'wait', 'vmm', 'fetch', 'work', 'ready', 'fault'] as const;
/** One of {@link ACTIVITIES}. */
export type TimelineActivity = (typeof ACTIVITIES)[number];

/** Times in ns since the begin of the timeline. */
export interface TimelineSpan {
  readonly startNs: number;
  readonly endNs: number;
  readonly activity: TimelineActivity;
  /** What it is about, -1 for nothing. */
  readonly page: number;
}

/** One thread or task. */
export interface TimelineLane {
  readonly kind: 'vcpu' | 'task' | 'resolver';
  readonly name: string;
  readonly spans: readonly TimelineSpan[];
}

/** A page on its way: asked of a resolver, in place. */
export interface PageTrip {
  readonly page: number;
  readonly resolver: number;
  readonly askedNs: number;
  readonly placedNs: number;
}

/** A moment in a lane. */
export interface TimelineEvent {
  readonly lane: number;
  readonly atNs: number;
  readonly what: string;
}

/** See the module's comment. */
export interface Timeline {
  /** The delivery mode, or what else the run is called. */
  readonly name: string;
  readonly endNs: number;
  readonly lanes: readonly TimelineLane[];
  readonly trips: readonly PageTrip[];
  readonly events: readonly TimelineEvent[];
  /** Records and spans for which there was no room. */
  readonly lost: number;
  /** True where the clocks of guest and host could be set against each other; without that there are no lanes of tasks. */
  readonly guestClockKnown: boolean;
}

interface Entry {
  readonly atNs: number;
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}

/**
 * Puts a timeline together.
 * @param trace - of a run
 * @param tscKhz - of its vCPUs
 * @param name - of the run
 */
export function timelineOf(trace: MachineTrace, tscKhz: number, name: string): Timeline {
  const vcpus = trace.vcpus.map(entriesOf);
  const resolvers = trace.resolvers.map(entriesOf);
  const beginNs = Math.min(...[...vcpus, ...resolvers].map((entries) => entries[0]?.atNs ?? Infinity));
  if (!Number.isFinite(beginNs)) return { name, endNs: 0, lanes: [], trips: [], events: [], lost: 0, guestClockKnown: false };
  for (const entries of [...vcpus, ...resolvers]) entries.forEach((entry, at) => (entries[at] = { ...entry, atNs: entry.atNs - beginNs }));
  const trips = resolvers.flatMap(tripsOf);
  const sleeps = resolvers.flatMap(sleepsOf);
  const clocks = guestClocks(trace.tasks, trips, tscKhz);
  const events: TimelineEvent[] = [];
  const lanes: TimelineLane[] = vcpus.map((entries, index) => {
    for (const { kind, atNs, a } of entries) if (kind === TraceKind.TOLD) events.push({ lane: index, atNs, what: `page ${a} left to the guest` });
    return { kind: 'vcpu', name: `vCPU ${index}`, spans: vcpuSpans(entries, sleeps.filter(({ vcpu }) => vcpu === index)) };
  });
  if (clocks !== null) lanes.push(...taskLanes(trace, clocks, trips));
  resolvers.forEach((entries, index) => lanes.push({ kind: 'resolver', name: `resolver ${index}`, spans: fillSpans(entries) }));
  const endNs = Math.max(...lanes.flatMap(({ spans }) => spans.map((span) => span.endNs)), 0);
  const lost = [...trace.vcpus, ...trace.resolvers, ...trace.tasks].reduce((sum, one) => sum + one.lost, 0);
  return { name, endNs, lanes, trips, events, lost, guestClockKnown: clocks !== null };
}

function entriesOf({ numbers }: TraceRecords): Entry[] {
  return Array.from({ length: numbers.length / TRACE_RECORD_NUMBERS }, (_, index) => {
    const [atNs, kind, a, b] = numbers.subarray(index * TRACE_RECORD_NUMBERS, (index + 1) * TRACE_RECORD_NUMBERS);
    return { atNs, kind, a, b };
  });
}

/** Pages from request to arrival. */
function tripsOf(entries: readonly Entry[], resolver: number): PageTrip[] {
  const asked = new Map<number, number>();
  const trips: PageTrip[] = [];
  for (const { kind, atNs, a, b } of entries) {
    if (kind === TraceKind.ASKED) asked.set(a, atNs);
    if (kind !== TraceKind.FILLED) continue;
    for (let page = a; page < a + b; page++) {
      const askedNs = asked.get(page);
      if (askedNs !== undefined) trips.push({ page, resolver, askedNs, placedNs: atNs });
      asked.delete(page);
    }
  }
  return trips;
}

/** Spans in which a vCPU's thread slept in the kernel for a page. */
function sleepsOf(entries: readonly Entry[]): { vcpu: number; page: number; startNs: number; endNs: number }[] {
  const asleep = new Map<number, { vcpu: number; startNs: number }>();
  const sleeps: { vcpu: number; page: number; startNs: number; endNs: number }[] = [];
  for (const { kind, atNs, a, b } of entries) {
    if (kind === TraceKind.ASKED && b >= 0) asleep.set(a, { vcpu: b, startNs: atNs });
    if (kind !== TraceKind.FILLED) continue;
    for (let page = a; page < a + b; page++) {
      const sleep = asleep.get(page);
      if (sleep !== undefined) sleeps.push({ ...sleep, page, endNs: atNs });
      asleep.delete(page);
    }
  }
  return sleeps;
}

function vcpuSpans(entries: readonly Entry[], sleeps: readonly { page: number; startNs: number; endNs: number }[]): TimelineSpan[] {
  const spans: TimelineSpan[] = [];
  let sinceNs = -1;
  let activity: TimelineActivity = 'vmm';
  let page = -1;
  let sleep = 0;
  const close = (atNs: number): void => {
    if (sinceNs >= 0 && atNs > sinceNs) spans.push({ startNs: sinceNs, endNs: atNs, activity, page });
    sinceNs = atNs;
  };
  const change = (atNs: number, next: TimelineActivity, about = -1): void => {
    // KVM_RUN goes on while its thread sleeps.
    while (activity === 'guest' && sleep < sleeps.length && sleeps[sleep].startNs < atNs) {
      const { startNs, endNs, page: missing } = sleeps[sleep++];
      if (startNs < sinceNs) continue;
      close(startNs);
      spans.push({ startNs, endNs: Math.min(endNs, atNs), activity: 'blocked', page: missing });
      sinceNs = Math.min(endNs, atNs);
    }
    close(atNs);
    activity = next;
    page = about;
  };
  for (const { kind, atNs, a } of entries) {
    if (kind === TraceKind.ENTER) change(atNs, 'guest');
    else if (kind === TraceKind.LEAVE || kind === TraceKind.WAKE) change(atNs, 'vmm');
    else if (kind === TraceKind.WAIT) change(atNs, 'wait', a);
  }
  return spans;
}

function fillSpans(entries: readonly Entry[]): TimelineSpan[] {
  const spans: TimelineSpan[] = [];
  let startNs = 0;
  for (const { kind, atNs, a } of entries) {
    if (kind === TraceKind.FILL) startNs = atNs;
    else if (kind === TraceKind.FILLED) spans.push({ startNs, endNs: atNs, activity: 'fetch', page: a });
  }
  return spans;
}

function taskLanes({ tasks }: MachineTrace, clocks: readonly GuestClock[], trips: readonly PageTrip[]): TimelineLane[] {
  const trip = new Map(trips.map((one) => [one.page, one]));
  const counts = new Map<string, number>();
  return tasks.map(({ kind, vcpu, spans }) => {
    const key = `${kind} ${vcpu}`;
    const number = counts.get(key) ?? 0;
    counts.set(key, number + 1);
    const at = (cycles: number): number => clocks[vcpu].toNs(cycles);
    const name = `${kind} ${number}${clocks.length > 1 ? `, vCPU ${vcpu}` : ''}`;
    return {
      kind: 'task' as const,
      name,
      spans: spans.flatMap(({ start, end, page, done }): TimelineSpan[] =>
        kind === 'work'
          ? [{ startNs: at(start), endNs: at(end), activity: 'work', page: -1 }]
          : [...accessSpans(at(start), at(end), page, trip.get(page)), { startNs: at(end), endNs: at(done), activity: 'fault', page }],
      ),
    };
  });
}

/** The access to a page: before it is asked for, while it is on its way, after it has come. */
function accessSpans(startNs: number, endNs: number, page: number, trip: PageTrip | undefined): TimelineSpan[] {
  if (trip === undefined) return [{ startNs, endNs, activity: 'ready', page }];
  const askedNs = Math.min(endNs, Math.max(startNs, trip.askedNs));
  const placedNs = Math.min(endNs, Math.max(askedNs, trip.placedNs));
  const spans: TimelineSpan[] = [
    { startNs, endNs: askedNs, activity: 'ready', page },
    { startNs: askedNs, endNs: placedNs, activity: 'wait', page },
    { startNs: placedNs, endNs, activity: 'ready', page },
  ];
  return spans.filter((span) => span.endNs > span.startNs);
}
