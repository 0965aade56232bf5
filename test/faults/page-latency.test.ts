import { strict as assert } from 'node:assert';
import { PageLatency, QUICK_CLASS, SLOW_CLASS } from '../../lib/faults/index.js';

const PAGES = 20_000;
const quickOf = (share: number, seed: number): number[] => {
  const latency = new PageLatency(1000, { share, latencyNs: 10, seed });
  return Array.from({ length: PAGES }, (_, page) => page).filter((page) => latency.classOf(page) === QUICK_CLASS);
};

describe('latency of pages', () => {
  it('is the same for all where there are no quick pages', () => {
    const latency = new PageLatency(1000);
    for (const page of [0, 1, 12345]) assert.deepEqual([latency.of(page), latency.classOf(page)], [1000, SLOW_CLASS]);
  });

  it('has two speeds in about the share asked for, none at 0 and all at 1', () => {
    assert.equal(quickOf(0, 1).length, 0);
    assert.equal(quickOf(1, 1).length, PAGES);
    for (const share of [0.1, 0.5, 0.9]) assert(Math.abs(quickOf(share, 1).length / PAGES - share) < 0.02, `share ${share}: ${quickOf(share, 1).length}`);
    const latency = new PageLatency(1000, { share: 0.5, latencyNs: 10, seed: 1 });
    for (let page = 0; page < 100; page++) assert.equal(latency.of(page), latency.classOf(page) === QUICK_CLASS ? 10 : 1000);
  });

  it('depends on page and seed alone: the same pages each time, others for another seed', () => {
    assert.deepEqual(quickOf(0.5, 7), quickOf(0.5, 7));
    const common = new Set(quickOf(0.5, 8));
    const shared = quickOf(0.5, 7).filter((page) => common.has(page)).length / PAGES;
    assert(Math.abs(shared - 0.25) < 0.02, `seeds go together: ${shared}`);
  });
});
