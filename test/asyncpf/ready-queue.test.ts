import { strict as assert } from 'node:assert';
import { Worker } from 'node:worker_threads';
import { ReadyQueue, type ReadyDelivery } from '../../lib/asyncpf/index.js';
import { patience } from '../support/slowness.js';

/** A guest that empties the token word only when told to. */
class Guest implements ReadyDelivery {
  readonly taken: number[] = [];
  token = 0;
  vector = 0;
  readToken(): number {
    return this.token;
  }
  deliver(token: number, vector: number): void {
    assert.equal(this.token, 0, 'a token was overwritten before the guest took it');
    this.token = token;
    this.vector = vector;
  }
  take(): void {
    if (this.token !== 0) this.taken.push(this.token);
    this.token = 0;
  }
}

function enabledQueue(): ReadyQueue {
  const queue = new ReadyQueue(ReadyQueue.allocate(1), 0);
  queue.enable(128, 0xf3);
  return queue;
}

describe('ReadyQueue', () => {
  it('delivers one event at a time: the next waits for an empty token word and the acknowledgement', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    queue.push(0x1000, queue.generation, guest);
    queue.push(0x2000, queue.generation, guest);
    assert.equal(guest.token, 0x1000);
    assert.equal(guest.vector, 0xf3);
    guest.take();
    queue.pump(guest);
    assert.equal(guest.token, 0, 'delivered before the acknowledgement');
    queue.acknowledge(guest);
    assert.equal(guest.token, 0x2000);
  });

  it('does not overwrite a token that the guest acknowledged without emptying the word, and delivers once it is empty', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    queue.push(0x1000, queue.generation, guest);
    queue.push(0x2000, queue.generation, guest);
    queue.acknowledge(guest);
    assert.equal(guest.token, 0x1000);
    assert(queue.backlog);
    guest.take();
    queue.pump(guest);
    assert.equal(guest.token, 0x2000);
  });

  it('drops completions of faults from before the guest disabled delivery, and counts them', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    const before = queue.generation;
    queue.disable();
    queue.push(0x1000, before, guest);
    assert.equal(guest.token, 0);
    queue.enable(128, 0xf3);
    queue.push(0x2000, before, guest);
    assert.equal(guest.token, 0);
    queue.push(0x3000, queue.generation, guest);
    assert.equal(guest.token, 0x3000);
    assert.equal(queue.stale, 2);
  });

  it('keeps what is outstanding when the guest enables delivery again without disabling it', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    const before = queue.generation;
    queue.enable(256, 0x40);
    queue.push(0x1000, before, guest);
    assert.deepEqual([guest.token, guest.vector, queue.areaOffset], [0x1000, 0x40, 256]);
  });

  it('queues one wake-all for a guest that enables over and over and takes none', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    guest.token = 0x5555;
    for (let i = 0; i < 1000; i++) {
      queue.enable(128, 0xf3);
      queue.wakeAll(guest);
    }
    assert.equal(queue.undelivered, 1);
    guest.take();
    queue.pump(guest);
    assert.equal(guest.token, 0xffffffff);
    queue.wakeAll(guest);
    assert.equal(queue.undelivered, 1, 'the one before was delivered: this is another');
  });

  it('drops what a guest did not take when it disables delivery, and its next enabling gets a wake-all of its own', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    guest.token = 0x5555;
    queue.wakeAll(guest);
    for (let i = 1; i <= 64; i++) queue.push(i << 12, queue.generation, guest);
    queue.disable();
    assert.deepEqual([queue.undelivered, queue.stale], [0, 65]);
    guest.take();
    queue.enable(128, 0xf3);
    queue.wakeAll(guest);
    assert.equal(guest.token, 0xffffffff);
  });

  it('carries tokens with the top bit set (the wake-all token) unchanged', () => {
    const queue = enabledQueue();
    const guest = new Guest();
    queue.push(0xffffffff, queue.generation, guest);
    assert.equal(guest.token, 0xffffffff);
  });

  it('loses, doubles and overwrites nothing with producers in three threads and a guest in a fourth', async function () {
    this.timeout(60_000);
    const producers = 3;
    const perProducer = 3000;
    const buffer = ReadyQueue.allocate(1);
    const area = new SharedArrayBuffer(64);
    const queue = new ReadyQueue(buffer, 0);
    queue.enable(0, 0x40);
    const workers = Array.from(
      { length: producers },
      (_, producer) => new Worker(new URL('./children/ready-producer.js', import.meta.url), { workerData: { buffer, area, producer, perProducer } }),
    );
    const errors: unknown[] = [];
    for (const worker of workers) worker.on('error', (error) => errors.push(error));
    const words = new Int32Array(area);
    const delivery: ReadyDelivery = {
      readToken: () => Atomics.load(words, 0),
      deliver: (token) => {
        assert.equal(Atomics.exchange(words, 0, token), 0, 'a token was overwritten');
        Atomics.notify(words, 0);
      },
    };
    const seen = new Set<number>();
    const limitMs = patience(50_000);
    const deadline = Date.now() + limitMs;
    while (seen.size < producers * perProducer) {
      assert.deepEqual(errors, []);
      assert(Date.now() < deadline, `waited ${limitMs / 1000} s for events; ${seen.size} of ${producers * perProducer} came`);
      const token = Atomics.exchange(words, 0, 0);
      if (token !== 0) {
        assert(!seen.has(token), `token ${token} came twice`);
        seen.add(token);
        queue.acknowledge(delivery);
      } else {
        Atomics.wait(words, 0, 0, 1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
    assert.deepEqual(errors, []);
    assert.equal(queue.delivered, producers * perProducer);
  });
});
