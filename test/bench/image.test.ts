import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { availableMemoryBytes, makeImage } from '../../lib/bench/index.js';

const STANDARD_PAGES = 16384;

describe('an image made for a run', () => {
  for (const [asked, made] of [[undefined, STANDARD_PAGES], [10, STANDARD_PAGES], [STANDARD_PAGES + 1, STANDARD_PAGES + 1]] as const) {
    it(`has ${made} pages where ${asked ?? 'none'} are asked for, and goes when it is closed`, () => {
      const image = makeImage(asked);
      try {
        assert.equal(image.pageCount, made);
        assert.equal(statSync(image.path).size, made * 4096);
      } finally {
        image.close();
      }
      assert(!existsSync(image.path));
    });
  }

  it('is refused before it is made where memory has no room for its pages', () => {
    assert.throws(() => makeImage(Math.ceil(availableMemoryBytes() / 4096)), { code: 'IMAGE_TOO_LARGE' });
  });
});
