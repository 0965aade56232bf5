/** Adds 1 to the first counter of a shared mapping, many times, and ends without closing its handle. */
import { parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';

const { share, additions } = workerData as { share: number; additions: number };
parentPort?.once('message', () => {
  const counters = new Int32Array(nativeAddon().Mapping.adopt(share).view());
  for (let i = 0; i < additions; i++) Atomics.add(counters, 0, 1);
});
