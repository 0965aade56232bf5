/** Replaces the file behind a window, again and again, until told to stop; says how often. */
import { parentPort, workerData } from 'node:worker_threads';
import { DaxWindow, type DaxWindowShare } from '../../lib/memory/index.js';

const { share, paths, flag } = workerData as { share: DaxWindowShare; paths: readonly string[]; flag: Int32Array };
const window = DaxWindow.adopt(share);
let count = 0;
while (Atomics.load(flag, 0) === 0) {
  window.replace({ path: paths[count % paths.length] });
  count++;
  Atomics.store(flag, 1, count);
}
parentPort?.postMessage(count);
// The file is this Worker's: another handle of it must be there before it goes.
Atomics.wait(flag, 0, 1);
window.close();
