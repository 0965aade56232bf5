import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FetchSlots, LONGEST_MEANS, PageLatency, longestOf, type LatencyModel } from '../../lib/faults/index.js';

const PAGES = 20_000;
const latenciesOf = (model: LatencyModel, latencyNs: number): number[] => {
  const latency = new PageLatency(latencyNs, undefined, model);
  return Array.from({ length: PAGES }, (_, page) => latency.of(page));
};

describe('models of latency', () => {
  it('exponential: the mean asked for, a median of 0.69 means, none beyond the longest, the same for a page each time', () => {
    const model = { kind: 'exponential' } as const;
    const all = latenciesOf(model, 1e6);
    const mean = all.reduce((sum, ns) => sum + ns, 0) / PAGES;
    assert(Math.abs(mean / 1e6 - 1) < 0.03, `mean ${mean}`);
    const middle = [...all].sort((a, b) => a - b)[PAGES / 2];
    assert(Math.abs(middle / 1e6 - Math.LN2) < 0.03, `median ${middle}`);
    assert(Math.max(...all) <= longestOf(model, 1e6));
    assert.equal(longestOf(model, 1e6), LONGEST_MEANS * 1e6);
    assert.deepEqual(latenciesOf(model, 1e6), all);
  });

  it('recorded: only latencies of the record, each about as often as there', () => {
    const ascendingNs = Float64Array.from([10, 10, 10, 5000]);
    const all = latenciesOf({ kind: 'recorded', ascendingNs }, 77);
    assert.deepEqual([...new Set(all)].sort((a, b) => a - b), [10, 5000]);
    const share = all.filter((ns) => ns === 5000).length / PAGES;
    assert(Math.abs(share - 0.25) < 0.02, `share ${share}`);
  });

  it('leaves quick pages alone', () => {
    const latency = new PageLatency(1e6, { share: 1, latencyNs: 7, seed: 1 }, { kind: 'exponential' });
    assert.equal(latency.of(123), 7);
    assert.equal(latency.longestNs, LONGEST_MEANS * 1e6);
  });
});

describe('fetches in flight', () => {
  it('no limit: each ends a latency after it was asked for', () => {
    const slots = new FetchSlots(0);
    assert.deepEqual([slots.take(5, 10), slots.take(5, 10)], [15, 15]);
  });

  it('never more at once than there are slots, and none later than it must be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 30 })), { minLength: 1, maxLength: 40 }), (count, requests) => {
        const slots = new FetchSlots(count);
        let nowNs = 0;
        const fetches = requests.map(([pause, latencyNs]) => {
          nowNs += pause;
          const endNs = slots.take(nowNs, latencyNs);
          return { askedNs: nowNs, startNs: endNs - latencyNs, endNs };
        });
        for (const { startNs, askedNs } of fetches) {
          const others = fetches.filter((other) => other.startNs < startNs || (other.startNs === startNs && other.endNs !== other.startNs));
          const underWay = others.filter((other) => other.startNs <= startNs && other.endNs > startNs).length;
          assert(underWay <= count, `${underWay} at once with ${count} slots`);
          assert(startNs >= askedNs);
          if (startNs > askedNs) assert(fetches.filter((other) => other.startNs < startNs && other.endNs >= startNs).length >= count, 'it waited for a slot although one was free');
        }
      }),
    );
  });
});
