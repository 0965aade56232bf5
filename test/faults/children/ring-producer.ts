/** A Worker that offers requests 0, 1, 2, ... under its own number as tag. */
import { workerData } from 'node:worker_threads';
import { RequestRing } from '../../../lib/faults/index.js';

const { buffer, producer, perProducer } = workerData as { buffer: SharedArrayBuffer; producer: number; perProducer: number };
const ring = new RequestRing(buffer);
for (let i = 0; i < perProducer; ) {
  if (ring.offer(i, producer)) i++;
  else ring.waitForBell(ring.bell(), 1);
}
