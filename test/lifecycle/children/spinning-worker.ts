/**
 * A Worker with a vCPU whose guest never exits. Posts `{ share }` (for Vcpu.kick) once the guest has run for a slice, and
 * runs it until a kick after `stop` was set; then closes what it made and posts 'stopped'.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { realModeGuest, SPIN } from '../../native/support/real-mode.js';

const EINTR = 4;
const { stop, leaveOpen } = workerData as { stop: Int32Array; leaveOpen?: boolean };
const guest = realModeGuest(SPIN);
let told = false;
while (Atomics.load(stop, 0) === 0) {
  const result = guest.vcpu.run();
  if (result !== -EINTR) throw new Error(`KVM_RUN returned ${result}`);
  if (!told) parentPort?.postMessage({ share: guest.vcpu.share() });
  told = true;
}
if (leaveOpen !== true) guest.close();
parentPort?.postMessage({ stopped: nativeAddon().liveHandles() });
