/** A page source without a file: each page begins with its own number. */
import { checksumPage } from '../../guest/index.js';
import type { PageSource, PageSourceModule } from '../../faults/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';

/** Names the source to resolver Workers. */
export const NUMBERED_PAGES: PageSourceModule = { module: import.meta.url, options: null };

/** Entry point for resolver Workers. */
export function openPageSource(): PageSource {
  const number = new Uint32Array(2);
  const bytes = new Uint8Array(number.buffer);
  return {
    fill(page, count, target) {
      for (let i = 0; i < count; i++) {
        number[0] = page + i;
        number[1] = ~(page + i);
        target.write(i * PAGE_SIZE, bytes);
      }
    },
    close: () => undefined,
  };
}

/** Checksum lanes of the first `pageCount` pages. */
export function numberedSums(pageCount: number): Int32Array {
  const lanes = new Int32Array(2 * pageCount);
  const words = new Int32Array(PAGE_SIZE / 4);
  for (let page = 0; page < pageCount; page++) {
    words[0] = page;
    words[1] = ~page;
    checksumPage(words, 0, page, lanes);
  }
  return lanes;
}
