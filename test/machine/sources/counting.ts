/** Page sources of the tests: page n is filled with words n, n + 1, ...; options make it misbehave on one page. */
import { FaultLabError, type FillTarget, type PageSource } from '../../../lib/index.js';

/** What to do on `page`; `refuse`: not even to open. */
export interface CountingOptions {
  readonly misbehave?: 'refuse' | 'throw' | 'throw once' | 'exit' | 'hang' | 'overrun' | 'empty' | 'poison' | 'poison once' | 'poison in part' | 'wait';
  readonly page?: number;
  /** As {@link PageSource.failure}. */
  readonly failure?: PageSource['failure'];
  /** For 'wait': the page comes once the first word is not 0, or after a minute. */
  readonly gate?: Int32Array<SharedArrayBuffer>;
}

const WORDS = 1024;

/** Contents of a page, as words. */
export function countingPage(page: number): Int32Array {
  return Int32Array.from({ length: WORDS }, (_, i) => page + i);
}

export function openPageSource(options: unknown): PageSource {
  const { misbehave, page: bad = -1, gate, failure } = options as CountingOptions;
  if (misbehave === 'refuse') throw new FaultLabError('NO_DISK', 'there is no disk', { hint: 'plug one in', syscall: 'pread', errno: 5 });
  let poisoned = false;
  // How often `throw once` threw: for a batch, and then for the page alone.
  let throws = 0;
  return {
    ...(failure === undefined ? {} : { failure }),
    fill(page: number, count: number, target: FillTarget) {
      for (let i = 0; i < count; i++) {
        if (page + i === bad && misbehave !== undefined) {
          if (misbehave === 'throw') throw new Error('the disk is on fire');
          if (misbehave === 'throw once' && (count > 1 || throws++ === 0)) throw new Error('the disk is on fire');
          if (misbehave === 'exit') process.exit(7);
          if (misbehave === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
          if (misbehave === 'wait' && gate !== undefined) Atomics.wait(gate, 0, 0, 60_000);
          if (misbehave === 'overrun') target.write((i + 1) * 4096 - 4, new Uint8Array(4096 * (count - i)));
          if (misbehave === 'empty') continue;
          if (misbehave === 'poison in part') target.poison(i * 4096, 100);
          if (misbehave === 'poison' || (misbehave === 'poison once' && !poisoned)) {
            poisoned = true;
            target.poison(i * 4096, 4096);
            continue;
          }
        }
        target.write(i * 4096, new Uint8Array(countingPage(page + i).buffer));
      }
    },
    close: () => undefined,
  };
}
