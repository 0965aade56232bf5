import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PageFiller, type FillTarget, type PageSource } from '../../lib/faults/index.js';
import { PagedWindow } from '../../lib/memory/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { PAGE_SIZE, UFFDIO_REGISTER_MODE_MINOR, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../lib/uapi/index.js';
import { requireUffdPoison } from '../poison/support.js';

const PAGES = 16;

/** A page whose contents are its number plus one; or that throws, or says that it is lost. */
type Page = 'good' | 'throws' | 'lost';

/** A source that looks at the whole batch before it writes the page in front of a bad one. */
function sourceOf(pages: readonly Page[], failure?: PageSource['failure']): PageSource {
  return {
    ...(failure === undefined ? {} : { failure }),
    fill(page: number, count: number, target: FillTarget) {
      for (let at = 0; at < count; at++) {
        if (pages[page + at] === 'lost') target.poison(at * PAGE_SIZE, PAGE_SIZE);
        // Half of a page is there before it fails.
        else target.write(at * PAGE_SIZE, new Uint8Array(pages[page + at] === 'throws' ? 100 : PAGE_SIZE).fill(page + at + 1));
        if (pages[page + at] === 'throws') throw new Error(`no page ${page + at}`);
      }
    },
    close: () => undefined,
  };
}

describe('PageFiller', () => {
  before(function () {
    requireUffdPoison(this);
  });

  const withFiller = (source: PageSource, body: (filler: PageFiller, window: PagedWindow) => void): void => {
    const window = PagedWindow.create(PAGES);
    const uffd = new (nativeAddon().Userfaultfd)(uffdFeatures.MINOR_SHMEM | uffdFeatures.MISSING_SHMEM | uffdFeatures.SIGBUS | uffdFeatures.POISON);
    uffd.register(window.guestView, 0, PAGES * PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
    try {
      body(new PageFiller(window, uffd, source), window);
    } finally {
      uffd.unregister(window.guestView, 0, PAGES * PAGE_SIZE);
      uffd.close();
      window.close();
    }
  };
  /** First byte of a page as the guest has it; null where it fails. */
  const guestByte = (window: PagedWindow, page: number): number | null => {
    const byte = new Uint8Array(1);
    try {
      window.guestView.read(page * PAGE_SIZE, byte);
      return byte[0];
    } catch {
      return null;
    }
  };

  it('delivers every page that a source has, and poisons those that it throws for or loses, in any batch', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Page>('good', 'good', 'throws', 'lost'), { minLength: PAGES, maxLength: PAGES }), fc.integer({ min: 1, max: PAGES }), (pages, batch) => {
        withFiller(sourceOf(pages, 'lose-pages'), (filler, window) => {
          for (let first = 0; first < PAGES; first += batch) {
            const count = Math.min(batch, PAGES - first);
            filler.deliver(first, count);
            for (let page = first; page < first + count; page++) assert.equal(filler.isPoisoned(page), pages[page] !== 'good', `page ${page}`);
          }
          for (let page = 0; page < PAGES; page++) assert.equal(guestByte(window, page), pages[page] === 'good' ? page + 1 : null, `page ${page}`);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('throws what a source throws that says nothing of pages, and delivers none of the batch', () => {
    const pages = Array.from({ length: PAGES }, (_, page): Page => (page === 2 ? 'throws' : 'good'));
    for (const failure of [undefined, 'end-run'] as const) {
      withFiller(sourceOf(pages, failure), (filler, window) => {
        assert.throws(() => { filler.deliver(0, 4); }, /no page 2/);
        assert.deepEqual([0, 1, 2, 3].map((page) => guestByte(window, page)), [null, null, null, null]);
        filler.deliver(4, 4);
        assert.equal(guestByte(window, 4), 5);
      });
    }
  });
});
