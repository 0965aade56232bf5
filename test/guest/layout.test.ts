import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { MAX_ORDER_ENTRIES, MAX_VCPUS, MAX_WINDOW_PAGES, TABLES_BASE, WINDOW_BASE, layOutGuest, parseElf } from '../../lib/guest/index.js';

const elf = parseElf(readFileSync(new URL('../../../guest/build/guest.elf', import.meta.url)), 'guest.elf');

describe('guest memory layout', () => {
  it('overlaps nothing, for any number of vCPUs and pages', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_VCPUS }), fc.integer({ min: 1, max: MAX_WINDOW_PAGES }), fc.integer({ min: 0, max: MAX_ORDER_ENTRIES }), (vcpus, pages, visits) => {
        const layout = layOutGuest(elf, vcpus, pages, visits);
        const spans: [number, number][] = [
          ...Array.from({ length: vcpus }, (_, v): [number, number] => [layout.privateBase(v), layout.privateBase(v) + layout.privateSizeBytes]),
          [layout.framesBase, layout.lowRamSizeBytes],
          [layout.order, layout.order + visits * 4],
          [layout.sums, layout.sums + pages * 8],
          [layout.latencies, layout.latencies + pages * 8],
          [layout.expected, layout.expected + pages * 8],
          [WINDOW_BASE, WINDOW_BASE + pages * 4096],
        ];
        spans.sort((a, b) => a[0] - b[0]);
        for (let i = 1; i < spans.length; i++) assert(spans[i][0] >= spans[i - 1][1], `${spans[i - 1].join('-')} meets ${spans[i].join('-')}`);
        assert(layout.lowRamSizeBytes <= TABLES_BASE);
        assert(TABLES_BASE + layout.tablesSizeBytes <= WINDOW_BASE);
      }),
    );
  });

  it('refuses counts that the guest cannot have', () => {
    assert.throws(() => layOutGuest(elf, 0, 1), RangeError);
    assert.throws(() => layOutGuest(elf, MAX_VCPUS + 1, 1), RangeError);
    assert.throws(() => layOutGuest(elf, 1, 0), RangeError);
    assert.throws(() => layOutGuest(elf, 1, MAX_WINDOW_PAGES + 1), RangeError);
    assert.throws(() => layOutGuest(elf, 1, 1, MAX_ORDER_ENTRIES + 1), RangeError);
  });
});
