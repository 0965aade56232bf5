/** Increments a word under the lock, with a load and a store. */
import { workerData } from 'node:worker_threads';
import { ModelLock } from '../../../lib/asyncpf/index.js';

const { words, rounds } = workerData as { words: Int32Array; rounds: number };
const lock = new ModelLock(words, 0);
for (let round = 0; round < rounds; round++) {
  lock.acquire();
  const seen = words[1];
  words[1] = seen + 1;
  lock.release();
}
