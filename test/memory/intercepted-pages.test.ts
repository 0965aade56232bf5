import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { INTERCEPT_ASYNC, INTERCEPT_SYNC, InterceptedPages, UserfaultBitmap, interceptedPagesSizeBytes } from '../../lib/memory/index.js';

const PAGES = 100;
const open = (bits: 1 | 2): { buffer: SharedArrayBuffer; pages: InterceptedPages } => {
  const buffer = new SharedArrayBuffer(interceptedPagesSizeBytes(PAGES, bits));
  return { buffer, pages: new InterceptedPages(buffer, PAGES, bits) };
};

describe('intercepted pages', () => {
  it('with one bit a page are a userfault bitmap, bit by bit', () => {
    const { buffer, pages } = open(1);
    const bitmap = new UserfaultBitmap(buffer, PAGES);
    for (const page of [0, 31, 32, 63, 64, 99]) {
      pages.set(page);
      assert(bitmap.test(page));
      pages.classify(page, true);
      assert.equal(pages.bits(page), INTERCEPT_SYNC, 'one bit has no classes');
    }
    assert.equal(bitmap.count(), 6);
    pages.clear(32);
    assert(!bitmap.test(32) && bitmap.test(31));
  });

  it('with two bits lie side by side in 64-bit words of 32 pages: S at 2n, A at 2n + 1', () => {
    const { buffer, pages } = open(2);
    assert.equal(buffer.byteLength, Math.ceil(PAGES / 32) * 8);
    pages.set(33);
    assert.equal(new BigUint64Array(buffer)[1], 1n << 2n);
    pages.classify(33, true);
    assert.equal(new BigUint64Array(buffer)[1], 1n << 3n);
    pages.clear(33);
    assert(new BigUint64Array(buffer).every((word) => word === 0n));
  });

  it('change one page at a time, whatever is done in whatever order', () => {
    const step = fc.record({ page: fc.nat(PAGES - 1), action: fc.constantFrom('set', 'clear', 'sync', 'async') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { pages } = open(2);
        const expected = new Map<number, number>();
        for (const { page, action } of steps) {
          const before = expected.get(page) ?? 0;
          if (action === 'set') pages.set(page);
          else if (action === 'clear') pages.clear(page);
          else pages.classify(page, action === 'async');
          const classed = before === 0 ? 0 : action === 'async' ? INTERCEPT_ASYNC : INTERCEPT_SYNC;
          expected.set(page, action === 'set' ? before | INTERCEPT_SYNC : action === 'clear' ? 0 : classed);
        }
        for (let page = 0; page < PAGES; page++) assert.equal(pages.bits(page), expected.get(page) ?? 0);
      }),
    );
  });

  it('a page that was released is not intercepted again by being classed', () => {
    const { pages } = open(2);
    pages.setAll();
    pages.clear(5);
    pages.classify(5, true);
    assert.equal(pages.bits(5), 0);
    assert.equal(pages.bits(4), INTERCEPT_SYNC);
  });
});
