/** An owner of pages that does what its options say, page by page. */
import type { PageFetcher } from '../../../lib/loss/index.js';
import { PAGE_SIZE } from '../../../lib/uapi/index.js';

/** What it does when it is asked for a page. */
export type Behaviour = 'answers' | 'throws' | 'rejects' | 'refuses' | 'never' | 'twice' | 'wrong-page' | 'late' | 'too-short' | 'no-page' | 'floods' | 'blocks' | 'ends';

/** By page; a list is for one request after the other, whose last entry stays. Pages that are left out are answered. */
export interface UnreliableOptions {
  readonly behaviours: Readonly<Record<number, Behaviour | readonly Behaviour[]>>;
  /** How late `late` is, ms. */
  readonly lateMs: number;
}

/** First word of a page's contents. */
export function contentsOf(page: number): bigint {
  return 0x5000n + BigInt(page);
}

function pageOf(word: bigint): Uint8Array {
  const bytes = new Uint8Array(PAGE_SIZE);
  new DataView(bytes.buffer).setBigUint64(0, word, true);
  return bytes;
}

/** {@inheritDoc PageFetcherExports.openPageFetcher} */
export function openPageFetcher(options: unknown): PageFetcher {
  const { behaviours, lateMs } = options as UnreliableOptions;
  const asked = new Map<number, number>();
  return {
    fetch(page, answer) {
      const time = asked.get(page) ?? 0;
      asked.set(page, time + 1);
      const known = behaviours[page] ?? 'answers';
      const behaviour = typeof known === 'string' ? known : known[Math.min(time, known.length - 1)];
      const good = pageOf(contentsOf(page));
      const wrong = pageOf(0xbadn);
      switch (behaviour) {
        case 'answers':
          answer(page, good);
          return;
        case 'throws':
          throw new Error('this owner throws');
        case 'rejects':
          return Promise.reject(new Error('this owner rejects'));
        case 'refuses':
          answer(page, new Error('this owner has no such page'));
          return;
        case 'never':
          return;
        case 'twice':
          answer(page, good);
          answer(page, wrong);
          return;
        case 'wrong-page':
          answer(page + 1, wrong);
          return;
        case 'late':
          setTimeout(() => {
            answer(page, wrong);
          }, lateMs);
          return;
        case 'too-short':
          answer(page, wrong.subarray(1));
          return;
        case 'no-page':
          answer(page, 'contents' as unknown as Uint8Array);
          return;
        case 'floods':
          for (let i = 0; i < 1200; i++) answer(i % 6, wrong);
          answer(page, good);
          return;
        case 'blocks':
          for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
        case 'ends':
          process.exit(1);
      }
    },
  };
}
