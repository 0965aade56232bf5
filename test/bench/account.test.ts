import { strict as assert } from 'node:assert';
import { checksumImage, makeImage, parseReport, renderReport, visitingOrder } from '../../lib/bench/index.js';
import { accountOf, type AccountPart, type FaultAccount } from '../../lib/bench/account/index.js';
import { covered, turns, type GuestFault } from '../../lib/bench/account/guest-side.js';
import { hostFaults, type HostFault } from '../../lib/bench/account/host-side.js';
import { imageSource } from '../../lib/faults/index.js';
import { Machine, type DeliveryMode } from '../../lib/machine/index.js';
import { StampKind, type StampLog } from '../../lib/native/index.js';
import { guestReport } from './guest-reports.js';
import { requireKvm } from '../support/kvm-available.js';
import { benchReport, modeReport } from './reports.js';

type Stamp = readonly [tsc: number, kind: keyof typeof StampKind, argument?: number];

function log(...stamps: Stamp[]): StampLog {
  return {
    tsc: Float64Array.from(stamps, ([tsc]) => tsc),
    kind: Uint32Array.from(stamps, ([, kind]) => StampKind[kind]),
    argument: Uint32Array.from(stamps, ([, , argument = 0]) => argument),
    missed: 0,
  };
}

/** A guest that notes nothing. */
const NO_GUEST_MOMENTS = { notes: [null], phaseStarts: [], threads: [] };

/** A run of one vCPU with a TSC of 1 GHz: a cycle is a ns. */
function account(mode: DeliveryMode, vcpu: StampLog, resolver: StampLog, access: { start: bigint; length: bigint }, offset: number | null): FaultAccount {
  const stamps = { vcpus: [vcpu], resolvers: [resolver], tscOffsets: [offset], startCycles: BigUint64Array.of(access.start), floorCycles: 7, ...NO_GUEST_MOMENTS };
  const result = accountOf(mode, { stamps, latencyCycles: BigUint64Array.of(access.length), guest: [], tscKhz: 1e6 });
  assert.ok(result !== null);
  return result;
}

const means = ({ parts }: FaultAccount): Partial<Record<AccountPart, number>> => Object.fromEntries(parts.map(({ part, meanNs }) => [part, meanNs]));

const total = ({ parts, unexplainedNs }: FaultAccount): number => parts.reduce((sum, { meanNs }) => sum + meanNs, unexplainedNs);

const EXIT_VCPU = log([10, 'RUN_ENTER'], [130, 'RUN_LEAVE'], [150, 'LOCATED', 0], [155, 'REQUESTED', 0], [300, 'AWAKE', 0], [305, 'RUN_ENTER']);
const EXIT_RESOLVER = log([170, 'TAKEN', 0], [200, 'FILL_BEGIN', 0], [240, 'FILL_END', 0], [241, 'MAP_BEGIN', 0], [260, 'MAP_END', 0], [270, 'COMPLETED', 0]);

describe('the account of a fault', () => {
  it('divides a fault at its moments, and the parts add up', () => {
    // The guest's clock is 1000 ahead.
    const made = account('sync-exit', EXIT_VCPU, EXIT_RESOLVER, { start: 1100n, length: 250n }, 1000);
    assert.deepEqual(means(made), { exit: 30, locate: 20, request: 20, fetch: 30, fill: 40, complete: 30, scheduler: 30, resume: 50 });
    assert.deepEqual([made.latencyNs, made.unexplainedNs, made.clockRoomNs, made.floorNs, made.faults, made.leftOut], [250, 0, 0, 7, 1, 0]);
  });

  it('puts the clocks where the faults allow when the kernel does not say, or says what cannot be', () => {
    for (const offset of [null, 0]) {
      const made = account('sync-exit', EXIT_VCPU, EXIT_RESOLVER, { start: 1100n, length: 250n }, offset);
      // It began by 130, and ended after 241: 139 cycles are open.
      assert.equal(made.clockRoomNs, 139);
      assert.equal(total(made), made.latencyNs);
    }
  });

  it('shows as unexplained what no part explains', () => {
    const vcpu = log([10, 'RUN_ENTER'], [130, 'RUN_LEAVE'], [150, 'LOCATED', 0], [160, 'TOLD', 0], [165, 'REQUESTED', 0], [170, 'RUN_ENTER']);
    const resolver = log([180, 'TAKEN', 0], [200, 'FILL_BEGIN', 0], [240, 'FILL_END', 0], [241, 'MAP_BEGIN', 0], [260, 'MAP_END', 0], [270, 'COMPLETED', 0], [272, 'SIGNAL_BEGIN'], [280, 'SIGNAL_END']);
    const made = account('apf-user', vcpu, resolver, { start: 100n, length: 250n }, 0);
    assert.deepEqual(means(made), { exit: 30, locate: 20, inject: 20, request: 20, fetch: 20, fill: 40, complete: 30 });
    assert.equal(made.unexplainedNs, 70);
  });

  it('follows the guest from the interrupt to the end where its handlers note when they are entered', () => {
    const vcpu = log([10, 'RUN_ENTER'], [130, 'RUN_LEAVE'], [150, 'LOCATED', 0], [160, 'TOLD', 0], [165, 'REQUESTED', 0], [170, 'RUN_ENTER']);
    const resolver = log([180, 'TAKEN', 0], [200, 'FILL_BEGIN', 0], [240, 'FILL_END', 0], [241, 'MAP_BEGIN', 0], [260, 'MAP_END', 0], [270, 'COMPLETED', 0], [272, 'SIGNAL_BEGIN'], [280, 'SIGNAL_END']);
    // Told from 170 on, in a handler of 85 from 200 to 285; the interrupt raised at 280 arrives at 300, its handler takes 20.
    const notes = { notPresent: Float64Array.of(1200), ready: Float64Array.of(900, 1300), tick: new Float64Array() };
    const stamps = { vcpus: [vcpu], resolvers: [resolver], tscOffsets: [1000], startCycles: BigUint64Array.of(1100n), floorCycles: 7, ...NO_GUEST_MOMENTS, notes: [notes] };
    const guest = [guestReport({ notPresent: 1, cyclesNotPresent: 85, ready: 1, cyclesReady: 20 })];
    const made = accountOf('apf-user', { stamps, latencyCycles: BigUint64Array.of(250n), guest, tscKhz: 1e6 });
    assert.ok(made !== null);
    assert.deepEqual(means(made), { exit: 30, locate: 20, inject: 20, request: 20, fetch: 20, fill: 40, complete: 30, events: 5, deliver: 15, handler: 20, resume: 30 });
    assert.equal(made.unexplainedNs, 0);
  });

  it('leaves out a page of which a moment is not known', () => {
    const stamps = { vcpus: [log([1, 'RUN_LEAVE'], [2, 'LOCATED', 0])], resolvers: [log()], tscOffsets: [0], startCycles: BigUint64Array.of(1n), floorCycles: 7, ...NO_GUEST_MOMENTS };
    assert.equal(accountOf('sync-exit', { stamps, latencyCycles: BigUint64Array.of(5n), guest: [], tscKhz: 1e6 }), null);
  });

  it('gives an event that had to wait the interrupt that its vCPU raises later', () => {
    const vcpu = log([1, 'RUN_LEAVE'], [2, 'LOCATED', 0], [3, 'TOLD', 0], [50, 'SIGNAL_BEGIN'], [60, 'SIGNAL_END']);
    const resolver = log([4, 'TAKEN', 0], [5, 'MAP_BEGIN', 0], [6, 'MAP_END', 0], [7, 'COMPLETED', 0], [8, 'TAKEN', 1]);
    assert.equal(hostFaults([vcpu], [resolver], false).get(0)?.signalled, 60);
  });

  it('counts as turns of other tasks what lies between an access and the next, and until a task was told to wait', () => {
    const fault = (start: number, end: number, entered: number): GuestFault => ({ host: { entered } as HostFault, start, end });
    const busy = turns([fault(0, 100, 10), fault(20, 60, 30), fault(70, 200, 80)]);
    assert.deepEqual(busy, [{ from: 0, to: 10 }, { from: 20, to: 30 }, { from: 60, to: 80 }]);
    assert.deepEqual([covered(busy, 0, 100), covered(busy, 5, 25), covered(busy, 80, 90)], [40, 10, 0]);
  });

  it('stands in a report, and a damaged one is found', () => {
    const made = account('sync-exit', EXIT_VCPU, EXIT_RESOLVER, { start: 1100n, length: 250n }, 1000);
    const report = benchReport({ modes: [modeReport({ mode: 'sync-exit', account: made })] });
    assert.match(renderReport(report, { color: false }), /locate +│ +20 ns \(20 ns\)[^]*sum: latency by the guest +│ +250 ns/);
    assert.equal(parseReport(JSON.stringify(report), 'a').modes.length, 1);
    const damaged = benchReport({ modes: [modeReport({ account: { ...made, parts: [...made.parts, made.parts[0]] } })] });
    assert.throws(() => parseReport(JSON.stringify(damaged), 'a'), { code: 'REPORT_DAMAGED' });
  });

  for (const mode of ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'] as const) {
    it(`of a run in ${mode} adds up to what the guest measured`, async function () {
      requireKvm(this);
      const image = makeImage(256);
      try {
        const order = visitingOrder('random', image.pageCount, 200, 1);
        const machine = await Machine.create({
          mode,
          windowPages: image.pageCount,
          source: imageSource({ path: image.path, sizeBytes: image.sizeBytes }),
          order,
          expected: checksumImage(image, order),
          faultTasks: 4,
          workTasks: 1,
          stamps: true,
        });
        try {
          const result = await machine.run();
          const made = accountOf(mode, result);
          assert.ok(made !== null);
          assert.equal(made.faults + made.leftOut, 200);
          assert.ok(made.faults >= 190, `${made.leftOut} faults left out`);
          assert.ok(Math.abs(total(made) - made.latencyNs) <= made.latencyNs * 1e-6, `${total(made)} is not ${made.latencyNs}`);
          assert.deepEqual(made.parts.map(({ part }) => part).filter((part) => part === 'fill' || part === 'locate'), ['locate', 'fill']);
          // No time is asserted: of every fault whose interrupt was noted all is explained, and few are without one.
          assert.ok(made.unexplainedNs <= 0.15 * made.latencyNs, `${made.unexplainedNs} of ${made.latencyNs} ns are unexplained`);
          const isAsync = mode.startsWith('apf');
          for (const part of ['deliver', 'handler'] as const) assert.equal((means(made)[part] ?? 0) > 0, isAsync, part);
        } finally {
          await machine.close();
        }
      } finally {
        image.close();
      }
    });
  }
});
