/** A page source of hostile guests: zeroes, with the two bytes of `ud2` in the middle of each page and lying across each pair of pages. */
import type { FillTarget, PageSource } from '../../../lib/index.js';

/** Contents of every page. */
export function codePage(): Uint8Array {
  const page = new Uint8Array(4096);
  page.set([0x0f, 0x0b], 16);
  page[0] = 0x0b;
  page[4095] = 0x0f;
  return page;
}

export function openPageSource(): PageSource {
  const page = codePage();
  return {
    fill(_first: number, count: number, target: FillTarget) {
      for (let i = 0; i < count; i++) target.write(i * 4096, page);
    },
    close: () => undefined,
  };
}
