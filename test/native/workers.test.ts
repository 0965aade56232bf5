import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import { PAGE, PROT_RW } from './support/constants.js';

const { File, Mapping } = nativeAddon();

const WORKERS = 4;
const ADDITIONS = 200_000;

async function addInWorkers(shares: readonly number[]): Promise<void> {
  const workers = shares.map((share) => new Worker(new URL('./support/adding-worker.js', import.meta.url), { workerData: { share, additions: ADDITIONS } }));
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  for (const worker of workers) worker.postMessage('go');
  const codes = await Promise.all(workers.map(async (worker) => ((await once(worker, 'exit')) as [number])[0]));
  assert.deepEqual(codes, shares.map(() => 0));
}

describe('native memory shared by Workers', function () {
  this.timeout(20_000);

  it('loses no atomic addition of four Workers with a view each on one mapping', async () => {
    const mapping = Mapping.anonymous(PAGE, PROT_RW);
    const counters = new Int32Array(mapping.view());
    await addInWorkers(Array<number>(WORKERS).fill(mapping.share()));
    assert.equal(Atomics.load(counters, 0), WORKERS * ADDITIONS);
    mapping.close();
  });

  it('loses no atomic addition through four mappings of one memfd', async () => {
    const file = File.memfd('shared', PAGE, { sealShrink: true });
    const mappings = Array.from({ length: WORKERS }, () => Mapping.ofFile(file, 0, PAGE, PROT_RW));
    await addInWorkers(mappings.map((mapping) => mapping.share()));
    assert.equal(Atomics.load(new Int32Array(mappings[0].view()), 0), WORKERS * ADDITIONS);
    for (const handle of [...mappings, file]) handle.close();
  });

  it('a handle that a Worker left open is closed with the Worker', async () => {
    const mapping = Mapping.anonymous(PAGE, PROT_RW);
    const before = nativeAddon().liveHandles().Mapping;
    await addInWorkers([mapping.share(), mapping.share()]);
    assert.equal(nativeAddon().liveHandles().Mapping, before);
    assert.equal(new Int32Array(mapping.view())[0], 2 * ADDITIONS, 'the memory is still there');
    mapping.close();
  });
});
