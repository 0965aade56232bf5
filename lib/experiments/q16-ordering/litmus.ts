/**
 * The ARMED protocol of the exitless rings for real, on this CPU: the handler arms and looks at the ring, KVM publishes and looks whether it is armed.
 * Where neither sees the other, nobody signals and the handler sleeps: a lost wake-up.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import type { LitmusTask } from './litmus-worker.js';

/** What came of it. */
export interface Litmus {
  readonly fenced: boolean;
  readonly rounds: number;
  /** Rounds in which neither side saw the other. */
  readonly lost: number;
}

const WORDS = 4 * 32;
const START_MS = 1000;

/**
 * Plays rounds for `forMs`, at most `most`.
 * @throws FaultLabError `EXPERIMENT_HELPER` when a side dies
 */
export async function playLitmus(fenced: boolean, most: number, forMs: number): Promise<Litmus> {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  const seen = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(most + 1)));
  const untilMs = Date.now() + START_MS + forMs;
  const rounds = await Promise.all(
    ([0, 1] as const).map(async (side) => {
      const task: LitmusTask = { words, seen: seen[side], side, fenced, untilMs };
      const worker = new Worker(new URL('./litmus-worker.js', import.meta.url), { workerData: task, name: `litmus ${side}` });
      try {
        const [done] = (await once(worker, 'message')) as [unknown];
        if (typeof done !== 'number') throw new FaultLabError('EXPERIMENT_HELPER', 'a side of the litmus test said something else than its rounds');
        return done;
      } finally {
        await worker.terminate();
      }
    }),
  );
  const done = Math.min(...rounds);
  let lost = 0;
  for (let round = 1; round <= done; round++) if (seen[0][round] === 0 && seen[1][round] === 0) lost++;
  return { fenced, rounds: done, lost };
}
