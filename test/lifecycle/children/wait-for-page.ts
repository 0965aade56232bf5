/**
 * Ends this process while a Worker waits for a page that nobody fills: as a vCPU whose guest touched it, or in a guarded
 * copy. The argument is `vcpu` or `copy`.
 */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_RW, UFFD_MESSAGE_BYTES, UFFDIO_REGISTER_MODE_MISSING } from '../../native/support/constants.js';
import { HLT, realModeGuest } from '../../native/support/real-mode.js';

const { Mapping, Userfaultfd } = nativeAddon();

if (isMainThread) {
  const missing = Mapping.anonymous(PAGE, PROT_RW);
  const uffd = new Userfaultfd(0n);
  uffd.register(missing, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
  const worker = new Worker(new URL(import.meta.url), { workerData: { share: missing.share(), what: process.argv[2] } });
  await once(worker, 'message');
  const waiting = uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES), 10e9);
  process.exit(waiting === 1 ? 6 : 1);
} else {
  const { share, what } = workerData as { share: number; what: string };
  const missing = Mapping.adopt(share);
  parentPort?.postMessage('about to wait');
  if (what === 'copy') {
    missing.read(0, new Uint8Array(1));
  } else {
    // mov ax, 0x2000; mov ds, ax; mov al, [0]; hlt: a read at 0x20000
    const guest = realModeGuest([0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xa0, 0x00, 0x00, ...HLT]);
    guest.vm.setUserMemoryRegion(1, 0, 0x20000n, PAGE, missing, 0);
    while (guest.vcpu.run() !== 0);
  }
}
