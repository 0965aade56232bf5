/** A Worker that pushes ready events with tokens of its own, as a resolver does. */
import { strict as assert } from 'node:assert';
import { workerData } from 'node:worker_threads';
import { ReadyQueue, type ReadyDelivery } from '../../../lib/asyncpf/index.js';

const { buffer, area, producer, perProducer } = workerData as { buffer: SharedArrayBuffer; area: SharedArrayBuffer; producer: number; perProducer: number };
const words = new Int32Array(area);
const delivery: ReadyDelivery = {
  readToken: () => Atomics.load(words, 0),
  deliver: (token) => {
    assert.equal(Atomics.exchange(words, 0, token), 0, 'a token was overwritten');
    Atomics.notify(words, 0);
  },
};
const queue = new ReadyQueue(buffer, 0);
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let i = 0; i < perProducer; ) {
  if (queue.push(1 + producer * perProducer + i, queue.generation, delivery)) i++;
  else Atomics.wait(pause, 0, 0, 1);
}
