import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { UserfaultBitmap, userfaultBitmapSizeBytes } from '../../lib/memory/index.js';

describe('UserfaultBitmap', () => {
  it('puts the bit of page n where KVM looks for it: bit n % 64 of 64-bit word n / 64', () => {
    const buffer = new ArrayBuffer(userfaultBitmapSizeBytes(200));
    const bitmap = new UserfaultBitmap(buffer, 200);
    const words = new BigUint64Array(buffer);
    for (const page of [0, 31, 32, 63, 64, 127, 199]) {
      bitmap.set(page);
      assert.equal(words[Math.floor(page / 64)], 1n << BigInt(page % 64), `page ${page}`);
      assert(bitmap.test(page));
      assert.equal(bitmap.clear(page), true);
      assert.equal(bitmap.clear(page), false, 'only one caller clears a bit');
    }
  });

  it('marks all pages missing, and none beyond the last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (pages) => {
        const buffer = new ArrayBuffer(userfaultBitmapSizeBytes(pages));
        const bitmap = new UserfaultBitmap(buffer, pages);
        bitmap.setAll();
        assert.equal(bitmap.count(), pages);
        assert.equal(buffer.byteLength % 8, 0);
        for (let page = 0; page < pages; page++) bitmap.clear(page);
        assert.deepEqual(new Set(new Uint8Array(buffer)), new Set([0]));
      }),
    );
  });

  it('refuses memory that is too short', () => {
    assert.throws(() => new UserfaultBitmap(new ArrayBuffer(8), 65), RangeError);
  });
});
