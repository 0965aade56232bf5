/** Opens one of everything, uses it, and ends without closing: by the argument's way. */
import { constants } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';
import { nativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_RW, UFFDIO_REGISTER_MODE_MISSING } from '../../native/support/constants.js';
import { realModeGuest, SPIN } from '../../native/support/real-mode.js';

const { EventFd, File, Mapping, Userfaultfd, liveHandles } = nativeAddon();

function openAll(): unknown[] {
  const guest = realModeGuest(SPIN);
  guest.vcpu.run();
  const uffd = new Userfaultfd(0n);
  const registered = Mapping.anonymous(4 * PAGE, PROT_RW);
  uffd.register(registered, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  const memfd = File.memfd('open', PAGE, { sealShrink: true });
  const viewed = Mapping.ofFile(memfd, 0, PAGE, PROT_RW);
  const view = viewed.view();
  const truncated = File.memfd('truncated', PAGE);
  const faulting = Mapping.ofFile(truncated, 0, PAGE, PROT_RW);
  truncated.ftruncate(0);
  try {
    faulting.read(0, new Uint8Array(1));
  } catch {
    // MAPPING_SIGBUS: the signal handlers are in place when the process ends.
  }
  return [guest, uffd, registered, memfd, viewed, view, truncated, faulting, new EventFd(), File.open('/dev/null', constants.O_RDONLY)];
}

const kept = openAll();
const way = process.argv[2];
if (isMainThread && way === 'in a Worker') {
  new Worker(new URL(import.meta.url), { argv: ['by itself'] }).once('exit', () => {
    process.stdout.write(JSON.stringify({ open: Object.values(liveHandles()).reduce((sum, count) => sum + count, 0), own: kept.length }));
  });
} else if (way === 'process.exit') {
  process.exit(4);
} else if (way === 'throw') {
  throw new Error('thrown on purpose');
}
