import { strict as assert } from 'node:assert';
import { formatDuration, parseDuration, visitingOrder } from '../../lib/bench/index.js';
import { kernelCost, pagingSeconds, workCost } from '../../lib/bench/cost.js';
import { summarizeLatencies } from '../../lib/bench/latency.js';
import { guestReport as vcpu, traps } from './guest-reports.js';

const TSC_KHZ = 2_000_000;
const SECOND = TSC_KHZ * 1000;

describe('the arithmetic of a report', () => {
  it('turns TSC cycles into ns: one cycle at 2 GHz is half a ns', () => {
    const cycles = BigUint64Array.from([2000n, 0n, 4000n, 2_000_000n]);
    const summary = summarizeLatencies(cycles, TSC_KHZ);
    assert.equal(summary?.count, 3);
    assert.equal(summary.minNs, 1000);
    assert.equal(summary.p50Ns, 2000);
    assert.equal(summary.maxNs, 1_000_000);
  });

  it('has no latency where no page was visited', () => {
    assert.equal(summarizeLatencies(new BigUint64Array(10), TSC_KHZ), null);
  });

  it('compares the rates of work, not the amounts: phases differ in length', () => {
    const guest = [
      vcpu({
        controlBefore: { tscCycles: SECOND, work: 1000, kernelCycles: 0 },
        paging: { tscCycles: 4 * SECOND, work: 2000, kernelCycles: 0 },
        controlAfter: { tscCycles: SECOND, work: 1000, kernelCycles: 0 },
      }),
    ];
    const cost = workCost(guest, TSC_KHZ);
    assert.equal(cost.controlPerSecond, 1000);
    assert.equal(cost.pagingPerSecond, 500);
    assert.equal(cost.relative, 0.5);
    assert.equal(pagingSeconds(guest, TSC_KHZ), 4);
  });

  it('counts the work of all vCPUs', () => {
    const one = vcpu({ controlBefore: { tscCycles: SECOND, work: 1000, kernelCycles: 0 }, paging: { tscCycles: SECOND, work: 250, kernelCycles: 0 } });
    assert.equal(workCost([one, one], TSC_KHZ).controlPerSecond, 2000);
    assert.equal(workCost([one, one], TSC_KHZ).relative, 0.25);
  });

  it('charges the guest kernel with its handlers and its way in and out, less what control has too', () => {
    const cost = workCost(
      [
        vcpu({
          notPresent: 100,
          ready: 100,
          trap: traps({ ud2: [300, 100] }),
          controlBefore: { tscCycles: 1_000_000, work: 10, kernelCycles: 10_000 },
          paging: { tscCycles: 1_000_000, work: 5, kernelCycles: 60_000 },
        }),
      ],
      TSC_KHZ,
    );
    // 6 % in handlers, 200 events of 200 cycles each 4 %, less 1 % of control.
    assert(Math.abs((cost.guestKernelShare ?? 0) - 0.09) < 1e-9, String(cost.guestKernelShare));
  });

  it('takes the way in and out from the null trap that is most like an event, on the vCPU where it was fastest', () => {
    const entryExitNs = (...each: readonly ReturnType<typeof traps>[]): number | null => kernelCost(each.map((trap) => vcpu({ trap })), TSC_KHZ).entryExitNs;
    assert.equal(entryExitNs(traps({ syscall: [100, 40], int80: [300, 100], ud2: [9000, 100] })), 100, 'int 0x80: 200 cycles');
    assert.equal(entryExitNs(traps({ syscall: [100, 40], ud2: [9000, 100] })), 4450, 'ud2: 8900 cycles');
    assert.equal(entryExitNs(traps({ ud2: [500, 100] }), traps({ ud2: [300, 100] })), 100);
    assert.equal(entryExitNs(traps({ syscall: [100, 40] })), null, 'syscall does not go through the IDT');
  });

  it('has no control and no ratio where there are no work tasks', () => {
    assert.equal(workCost([vcpu({ paging: { tscCycles: SECOND, work: 0, kernelCycles: 0 } })], TSC_KHZ).relative, null);
  });
});

describe('durations', () => {
  it('are read with their units', () => {
    for (const [text, ns] of [['0', 0], ['200us', 200e3], ['1ms', 1e6], ['1.5 s', 1.5e9], ['10ns', 10], ['3µs', 3e3]] as const) {
      assert.equal(parseDuration(text, '--latency'), ns, text);
    }
  });

  it('without a unit, with a sign or with words are refused', () => {
    for (const text of ['5', '-1ms', '1m', 'fast', '', '1e3ms', 'ms', '1ms2']) {
      assert.throws(() => parseDuration(text, '--latency'), { code: 'BAD_OPTION' }, text);
    }
  });

  it('are written with one to three digits before the point', () => {
    for (const [ns, text] of [[0, '0'], [999, '999 ns'], [51_900, '51.9 us'], [1_160_000, '1.16 ms'], [36e6, '36.0 ms'], [2.5e9, '2.50 s']] as const) {
      assert.equal(formatDuration(ns), text);
    }
  });
});

describe('the visiting order', () => {
  it('random visits each page at most once, is the same for the same seed and another for another', () => {
    const order = visitingOrder('random', 1000, 400, 7);
    assert.equal(order.length, 400);
    assert.equal(new Set(order).size, 400);
    assert(order.every((page) => page < 1000));
    assert.deepEqual(visitingOrder('random', 1000, 400, 7), order);
    assert.notDeepEqual(visitingOrder('random', 1000, 400, 8), order);
    assert(order.some((page) => page >= 400), 'a sample of the whole image, not of its start');
  });

  it('seq visits the first pages in order', () => {
    assert.deepEqual([...visitingOrder('seq', 10, 4, 1)], [0, 1, 2, 3]);
  });
});
