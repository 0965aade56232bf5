import { strict as assert } from 'node:assert';
import { Worker } from 'node:worker_threads';
import { ModelLock } from '../../lib/asyncpf/index.js';

const LOCK = 0;
const COUNT = 1;
const ROUNDS = 20_000;
const WORKERS = 3;

describe('ModelLock', () => {
  it('keeps Workers out of each other\'s sections: no increment that is no atomic one is lost', async () => {
    const words = new Int32Array(new SharedArrayBuffer(64));
    await Promise.all(
      Array.from({ length: WORKERS }, () => {
        const worker = new Worker(new URL('./children/incrementing-worker.js', import.meta.url), { workerData: { words, rounds: ROUNDS } });
        return new Promise<void>((resolve, reject) => {
          worker.once('error', reject);
          worker.once('exit', () => {
            resolve();
          });
        });
      }),
    );
    assert.equal(words[COUNT], WORKERS * ROUNDS);
    assert.equal(words[LOCK], 0, 'the lock was not given back');
  });

  it('wakes who sleeps for it', async () => {
    const words = new Int32Array(new SharedArrayBuffer(64));
    const lock = new ModelLock(words, LOCK);
    lock.acquire();
    const worker = new Worker(new URL('./children/incrementing-worker.js', import.meta.url), { workerData: { words, rounds: 1 } });
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    while (Atomics.load(words, LOCK) !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(words[COUNT], 0, 'two had the lock');
    lock.release();
    await gone;
    assert.equal(words[COUNT], 1);
  });
});
