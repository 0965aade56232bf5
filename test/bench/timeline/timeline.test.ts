import assert from 'node:assert/strict';
import fc from 'fast-check';
import { timeShares, timelineOf, traceFile, type Timeline } from '../../../lib/bench/index.js';
import { guestClocks } from '../../../lib/bench/timeline/guest-clock.js';
import type { GuestTraceLane } from '../../../lib/guest/index.js';
import { TraceKind, type MachineTrace } from '../../../lib/machine/index.js';
import { benchReport } from '../reports.js';
import { assertTraceFormat } from './trace-format.js';

const { ENTER, LEAVE, WAIT, WAKE, TOLD, ASKED, FILL, FILLED } = TraceKind;
const KHZ = 2_000_000;

/** What a thread recorded: time, kind, a, b. */
const records = (...entries: [number, number, number?, number?][]): MachineTrace['vcpus'][number] => ({
  numbers: Float64Array.from(entries.flatMap(([atNs, kind, a = 0, b = 0]) => [atNs, kind, a, b])),
  lost: 0,
});

function spansOf(timeline: Timeline, lane: string): string[] {
  return (timeline.lanes.find(({ name }) => name === lane)?.spans ?? []).map(({ startNs, endNs, activity }) => `${startNs}-${endNs} ${activity}`);
}

describe('a timeline', () => {
  it('shows a vCPU that sleeps in KVM_RUN for its pages', () => {
    const timeline = timelineOf(
      {
        vcpus: [records([100, ENTER], [900, LEAVE])],
        resolvers: [records([200, ASKED, 7, 0], [400, FILL, 7, 1], [450, FILLED, 7, 1], [500, ASKED, 8, -1], [600, FILL, 8, 1], [610, FILLED, 8, 1])],
        tasks: [],
      },
      KHZ,
      'sync-uffd',
    );
    assert.deepEqual(spansOf(timeline, 'vCPU 0'), ['0-100 guest', '100-350 blocked', '350-800 guest']);
    assert.deepEqual(spansOf(timeline, 'resolver 0'), ['300-350 fetch', '500-510 fetch']);
    assert.deepEqual(timeline.trips.map(({ page, askedNs, placedNs }) => [page, askedNs, placedNs]), [[7, 100, 350], [8, 400, 510]]);
  });
  it('shows a vCPU that waits outside KVM_RUN, and one that leaves a page to its guest', () => {
    const timeline = timelineOf(
      { vcpus: [records([0, ENTER], [10, LEAVE], [12, WAIT, 3], [50, WAKE, 3], [51, ENTER], [60, LEAVE], [61, TOLD, 4], [62, ENTER], [99, LEAVE])], resolvers: [records()], tasks: [] },
      KHZ,
      'both',
    );
    assert.deepEqual(spansOf(timeline, 'vCPU 0'), ['0-10 guest', '10-12 vmm', '12-50 wait', '50-51 vmm', '51-60 guest', '60-62 vmm', '62-99 guest']);
    assert.deepEqual(timeline.events, [{ lane: 0, atNs: 61, what: 'page 4 left to the guest' }]);
    assert.equal(timeline.guestClockKnown, false);
  });
  it('puts tasks of the guest on the clock of the host', () => {
    // The guest's clock began 1000 ns before the host's 0 and ticks twice a ns.
    const cycles = (ns: number): number => (ns + 1000) * 2;
    const tasks: GuestTraceLane[] = [
      { kind: 'fault', vcpu: 0, lost: 0, spans: [{ start: cycles(100), end: cycles(300), page: 5, done: cycles(320) }] },
      { kind: 'work', vcpu: 0, lost: 0, spans: [{ start: cycles(120), end: cycles(290), page: 0, done: cycles(290) }] },
    ];
    const timeline = timelineOf({ vcpus: [records([0, ENTER], [400, LEAVE])], resolvers: [records([100, ASKED, 5, -1], [290, FILL, 5, 1], [300, FILLED, 5, 1])], tasks }, KHZ, 'apf');
    assert.deepEqual(spansOf(timeline, 'fault 0'), ['100-300 wait', '300-320 fault']);
    assert.deepEqual(spansOf(timeline, 'work 0'), ['120-290 work']);
    const shares = timeShares(timeline);
    assert.equal(shares?.workShare, 170 / 200);
    assert.equal(shares.pagesUnderWay, 1);
  });
  it('is empty where nothing was recorded', () => {
    assert.deepEqual(timelineOf({ vcpus: [records()], resolvers: [records()], tasks: [] }, KHZ, 'x').lanes, []);
  });
});

describe('the clock of a guest', () => {
  it('is found between what every page allows, whatever the delays are', () => {
    const delay = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.array(fc.tuple(delay, delay, delay), { minLength: 1, maxLength: 60 }), (offset, delays) => {
        let now = 1e6;
        const spans: GuestTraceLane['spans'][number][] = [];
        const pages = delays.map(([before, underWay, after], page) => {
          const start = now;
          const times = { page, askedNs: start + before, placedNs: start + before + underWay };
          now = times.placedNs + after;
          spans.push({ start: (start - offset) * 2, end: (now - offset) * 2, page, done: (now - offset) * 2 });
          return times;
        });
        const [clock] = guestClocks([{ kind: 'fault', vcpu: 0, lost: 0, spans }], pages, KHZ) ?? [];
        assert.ok(clock.roomNs >= -1 && clock.roomNs <= 10_001, `${clock.roomNs}`);
        assert.ok(Math.abs(clock.toNs((1e6 - offset) * 2) - 1e6) <= clock.roomNs / 2 + 1);
      }),
    );
  });
  it('is not known without a page', () => {
    assert.equal(guestClocks([{ kind: 'work', vcpu: 0, lost: 0, spans: [] }], [], KHZ), null);
  });
});

describe('a file for trace viewers', () => {
  it('keeps to the Trace Event Format', () => {
    const timeline = timelineOf(
      { vcpus: [records([0, ENTER], [10, LEAVE], [12, TOLD, 3], [13, ENTER], [90, LEAVE])], resolvers: [records([13, ASKED, 3, -1], [40, FILL, 3, 1], [50, FILLED, 3, 1])], tasks: [] },
      KHZ,
      'apf-user',
    );
    const { tool, host, startedAt } = benchReport();
    const file: unknown = JSON.parse(JSON.stringify(traceFile([timeline, timeline], { tool, host, startedAt, load: 'one page' })));
    const { spans, ways } = assertTraceFormat(file);
    assert.deepEqual([spans, ways], [8, 2]);
  });
});
