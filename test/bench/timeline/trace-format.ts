/** Google's Trace Event Format, JSON object form, as far as it is used here, and what viewers need beyond the shape. */
import assert from 'node:assert/strict';
import * as v from 'valibot';

const Id = v.pipe(v.number(), v.integer(), v.minValue(0));
const Us = v.pipe(v.number(), v.finite(), v.minValue(0));
const common = { pid: Id, tid: Id, ts: Us, name: v.pipe(v.string(), v.minLength(1)) };
const cat = v.pipe(v.string(), v.minLength(1));

const Event = v.variant('ph', [
  v.strictObject({ ph: v.literal('X'), ...common, cat, dur: Us, args: v.optional(v.strictObject({ page: v.number() })) }),
  v.strictObject({ ph: v.literal('i'), ...common, cat, s: v.literal('t') }),
  v.strictObject({ ph: v.literal('b'), ...common, cat, id: Id, args: v.strictObject({ page: v.number() }) }),
  v.strictObject({ ph: v.literal('e'), ...common, cat, id: Id }),
  v.strictObject({ ph: v.literal('C'), ...common, args: v.strictObject({ pages: Id }) }),
  v.strictObject({ ph: v.literal('M'), ...common, name: v.picklist(['process_name', 'thread_name', 'process_sort_index', 'thread_sort_index']), args: v.union([v.strictObject({ name: v.string() }), v.strictObject({ sort_index: v.number() })]) }),
]);
const File = v.strictObject({ traceEvents: v.array(Event), displayTimeUnit: v.picklist(['ms', 'ns']), otherData: v.looseObject({}) });

/** What a file holds. */
export interface TraceCounts {
  readonly spans: number;
  readonly ways: number;
  /** By process name: categories of the spans on its vCPUs' threads. */
  readonly activities: ReadonlyMap<string, ReadonlySet<string>>;
  /** By process name: the most pages that were on their way at once. */
  readonly mostPages: ReadonlyMap<string, number>;
}

/** Fails where a viewer could not show the file: wrong shape, spans of a thread that overlap without one within the other, ways without an end, threads without a name. */
export function assertTraceFormat(json: unknown): TraceCounts {
  const { traceEvents: events } = v.parse(File, json);
  const processes = new Map<number, string>();
  const threads = new Map<string, string>();
  for (const event of events) {
    if (event.ph !== 'M' || !('name' in event.args)) continue;
    if (event.name === 'process_name') processes.set(event.pid, event.args.name);
    else threads.set(`${event.pid}/${event.tid}`, event.args.name);
  }
  const ends = new Map<string, number>();
  const open = new Map<number, number>();
  const activities = new Map<string, Set<string>>();
  const mostPages = new Map<string, number>();
  let spans = 0;
  let ways = 0;
  for (const event of events) {
    const process = processes.get(event.pid);
    assert.ok(process !== undefined, `process ${event.pid} has no name`);
    if (event.ph === 'X') {
      spans++;
      const thread = `${event.pid}/${event.tid}`;
      assert.ok(threads.has(thread), `thread ${thread} has no name`);
      // Spans of a lane follow one another; a rounding of a ns is allowed.
      assert.ok(event.ts >= (ends.get(thread) ?? 0) - 0.002, `${threads.get(thread)}: a span at ${event.ts} begins before ${ends.get(thread)}`);
      ends.set(thread, event.ts + event.dur);
      if (threads.get(thread)?.startsWith('vCPU') === true) activities.set(process, (activities.get(process) ?? new Set()).add(event.cat));
    } else if (event.ph === 'b') {
      assert.ok(!open.has(event.id), 'a way begins twice');
      open.set(event.id, event.ts);
    } else if (event.ph === 'e') {
      const from = open.get(event.id);
      assert.ok(from !== undefined && event.ts >= from, 'a way ends that did not begin');
      open.delete(event.id);
      ways++;
    } else if (event.ph === 'C') mostPages.set(process, Math.max(mostPages.get(process) ?? 0, event.args.pages));
  }
  assert.equal(open.size, 0, 'ways without an end');
  return { spans, ways, activities, mostPages };
}
