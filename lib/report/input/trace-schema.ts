/** The shape of a trace that `trace` wrote, as a page reads it: timelines made of its events again. */
import * as v from 'valibot';
import { ACTIVITIES, type PageTrip, type TimelineActivity, type TimelineLane, type TimelineSpan } from '../../bench/index.js';
import type { ReportedTimeline, ReportedTrace } from '../item.js';
import { HostSchema, ToolSchema } from './host-schema.js';

const Time = v.pipe(v.number(), v.minValue(0));

/** Any event; which fields it needs depends on what it is. */
const EventSchema = v.object({
  ph: v.string(),
  pid: v.number(),
  tid: v.number(),
  ts: Time,
  name: v.string(),
  cat: v.optional(v.string()),
  dur: v.optional(Time),
  id: v.optional(v.number()),
  args: v.optional(v.record(v.string(), v.union([v.string(), v.number()]))),
});
type TraceFileEvent = v.InferOutput<typeof EventSchema>;

const FileSchema = v.object({
  traceEvents: v.array(EventSchema),
  otherData: v.object({
    tool: ToolSchema,
    startedAt: v.string(),
    host: HostSchema,
    load: v.string(),
    runs: v.pipe(v.array(v.object({ pid: v.number(), mode: v.string(), lost: v.number() })), v.minLength(1, 'nothing was recorded')),
  }),
});

/** See the module's comment. */
export const TraceSchema: v.GenericSchema<unknown, ReportedTrace> = v.pipe(
  FileSchema,
  v.transform(({ traceEvents, otherData: { runs, ...about } }): ReportedTrace => ({
    ...about,
    timelines: runs.map(({ pid, mode, lost }) => timelineFrom(traceEvents.filter((event) => event.pid === pid), mode, lost)),
  })),
);

function timelineFrom(events: readonly TraceFileEvent[], name: string, lost: number): ReportedTimeline {
  const names = new Map<number, string>();
  const spans = new Map<number, TimelineSpan[]>();
  const asked = new Map<number, TraceFileEvent>();
  const trips: PageTrip[] = [];
  for (const event of events) {
    const { ph, tid, cat, args } = event;
    if (ph === 'M' && event.name === 'thread_name') names.set(tid, String(args?.['name'] ?? ''));
    else if (ph === 'X' && isActivity(cat)) {
      const own = spans.get(tid) ?? [];
      own.push({ startNs: event.ts * 1e3, endNs: (event.ts + (event.dur ?? 0)) * 1e3, activity: cat, page: typeof args?.['page'] === 'number' ? args['page'] : -1 });
      spans.set(tid, own);
    } else if (ph === 'b' && event.id !== undefined) asked.set(event.id, event);
    else if (ph === 'e' && event.id !== undefined) {
      const begin = asked.get(event.id);
      if (begin !== undefined) trips.push({ page: typeof begin.args?.['page'] === 'number' ? begin.args['page'] : -1, resolver: 0, askedNs: begin.ts * 1e3, placedNs: event.ts * 1e3 });
    }
  }
  const lanes = [...names].sort(([a], [b]) => a - b).map(([tid, lane]): TimelineLane => ({ name: lane, kind: kindOf(lane), spans: spans.get(tid) ?? [] }));
  return { name, lost, lanes, trips };
}

function isActivity(cat: string | undefined): cat is TimelineActivity {
  return (ACTIVITIES as readonly (string | undefined)[]).includes(cat);
}

function kindOf(lane: string): TimelineLane['kind'] {
  if (lane.startsWith('vCPU')) return 'vcpu';
  return lane.startsWith('resolver') ? 'resolver' : 'task';
}
