/** Another thread than the vCPU's: completes a fault that nobody has by each proposal's call, then notes what came of it and sets a flag. */
import { workerData } from 'node:worker_threads';
import { NativeAsyncPf2026, NativeAsyncPfUser2024, NativeUserfaultReady } from '../../../lib/kvm/index.js';

/** `results[0]` is set to 1 when all is done; an errno of each call follows. */
export interface ReadyWorkerData {
  readonly share: number;
  readonly results: SharedArrayBuffer;
}

const { share, results } = workerData as ReadyWorkerData;
const words = new Int32Array(results);
words[1] = new NativeAsyncPfUser2024(share).tryReady(0x1000);
words[2] = new NativeAsyncPf2026(share).tryReady(0x1000);
words[3] = new NativeUserfaultReady(share).tryReady(0x1000);
Atomics.store(words, 0, 1);
