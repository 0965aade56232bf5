import { strict as assert } from 'node:assert';
import { Worker } from 'node:worker_threads';
import { RequestRing } from '../../lib/faults/index.js';
import { patience } from '../support/slowness.js';

const TAG = 2 ** 51 + 2 ** 32 + 7;

describe('RequestRing', () => {
  it('hands over page and 52-bit tag in order, past many wraps of the ring', () => {
    const ring = new RequestRing(RequestRing.allocate(4));
    for (let i = 0; i < 100; i++) {
      assert(ring.offer(i, TAG + i));
      assert(ring.take());
      assert.deepEqual([ring.page, ring.tag], [i, TAG + i]);
    }
    assert.equal(ring.take(), false);
  });

  it('refuses a request when it is full, and takes one again after one was taken', () => {
    const ring = new RequestRing(RequestRing.allocate(4));
    for (let i = 0; i < 4; i++) assert(ring.offer(i, 0));
    assert.equal(ring.offer(4, 0), false);
    assert(ring.take());
    assert(ring.offer(4, 0));
  });

  it('loses and doubles nothing with three producers in other threads', async function () {
    this.timeout(60_000);
    const perProducer = 20_000;
    const producers = 3;
    const buffer = RequestRing.allocate(64);
    const ring = new RequestRing(buffer);
    const workers = Array.from(
      { length: producers },
      (_, producer) => new Worker(new URL('./children/ring-producer.js', import.meta.url), { workerData: { buffer, producer, perProducer } }),
    );
    const gone = Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve))));
    const next = new Array<number>(producers).fill(0);
    let taken = 0;
    const limitMs = patience(50_000);
    const deadline = Date.now() + limitMs;
    while (taken < perProducer * producers) {
      assert(Date.now() < deadline, `waited ${limitMs / 1000} s for requests; ${taken} of ${perProducer * producers} came`);
      const bell = ring.bell();
      while (ring.take()) {
        assert.equal(ring.page, next[ring.tag]++, `producer ${ring.tag} out of order`);
        taken++;
      }
      // The producers' threads need this one's event loop to start.
      if (taken === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      else ring.waitForBell(bell, 5);
    }
    await gone;
    assert.equal(ring.take(), false);
  });
});
