/** Starts the spinning Worker and waits until its guest runs. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Spinning {
  readonly worker: Worker;
  /** For Vcpu.kick. */
  readonly share: number;
  /** Tells the Worker to leave its loop at the next return of run(). */
  stop(): void;
}

export async function startSpinning(options: { leaveOpen?: boolean } = {}): Promise<Spinning> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./spinning-worker.js', import.meta.url), { workerData: { stop, ...options } });
  const [message] = (await once(worker, 'message')) as [{ share: number }];
  return { worker, share: message.share, stop: () => Atomics.store(stop, 0, 1) };
}
