/** Runs a vCPU that exits all the time, from the message (a word: set to 1 once it runs) until the word is 2; posts what its exits were. */
import { parentPort } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import { COUNT_TO_PORT, realModeGuest } from '../native/support/real-mode.js';

nativeAddon();
parentPort?.once('message', (flag: Int32Array) => {
  const guest = realModeGuest(COUNT_TO_PORT);
  let exits = 0;
  let failures = 0;
  try {
    do {
      if (guest.vcpu.run() === 0) exits++;
      else if (guest.vcpu.memoryFailure() !== null) failures++;
      if (Atomics.compareExchange(flag, 0, 0, 1) === 0) Atomics.notify(flag, 0);
    } while (Atomics.load(flag, 0) !== 2);
  } finally {
    guest.close();
  }
  parentPort?.postMessage({ exits, failures });
});
