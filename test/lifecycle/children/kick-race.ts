/** The main thread kicks, as fast as it can, vCPUs that a Worker creates, runs and closes one after the other. */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { COUNT_TO_PORT, ENTRY, enterRealMode, realModeGuest } from '../../native/support/real-mode.js';

const { Vcpu, liveHandles } = nativeAddon();
const ROUNDS = 300;

if (isMainThread) {
  // Two numbers: the share of the vCPU of this round, and 1 at the end.
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), { workerData: shared });
  let result: unknown;
  worker.once('message', (message: unknown) => {
    result = message;
  });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  let kicks = 0;
  let missed = 0;
  const until = Date.now() + 15_000;
  while (Atomics.load(shared, 1) === 0 && Date.now() < until) {
    const share = Atomics.load(shared, 0);
    if (share === 0) continue;
    if (Vcpu.kick(share)) kicks++;
    else missed++;
  }
  await ended;
  process.stdout.write(JSON.stringify({ result, kicked: kicks > 0, missed: missed > 0, open: liveHandles().Vcpu }));
} else {
  const shared = workerData as Int32Array;
  const guest = realModeGuest(COUNT_TO_PORT);
  let interrupted = 0;
  for (let id = 1; id <= ROUNDS; id++) {
    const vcpu = guest.vm.createVcpu(id);
    enterRealMode(vcpu, ENTRY);
    Atomics.store(shared, 0, vcpu.share());
    for (let i = 0; i < 20; i++) if (vcpu.run() !== 0) interrupted++;
    vcpu.close();
  }
  Atomics.store(shared, 1, 1);
  guest.close();
  parentPort?.postMessage({ rounds: ROUNDS, interrupted: interrupted > 0 });
}
