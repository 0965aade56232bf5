/** Runs a vCPU that loads from one page for ever; posts 'loading' once it has, then the exit that ends this. */
import { parentPort } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import { gpa } from '../../lib/uapi/index.js';
import { withUserModeGuest } from '../kvm/guests.js';

// mov 0x600000, %al; mov %al, 0x800000; again: mov 0x600000, %al; jmp again
const CODE = [0x8a, 0x04, 0x25, 0, 0, 0x60, 0, 0x88, 0x04, 0x25, 0, 0, 0x80, 0, 0x8a, 0x04, 0x25, 0, 0, 0x60, 0, 0xeb, 0xf7];

parentPort?.once('message', ({ mapping: share, offset }: { mapping: number; offset: number }) => {
  const mapping = nativeAddon().Mapping.adopt(share);
  withUserModeGuest(CODE, ({ vm, runToExit }) => {
    vm.createMemorySlot({ slot: 1, gpa: gpa(0x60_0000), sizeBytes: 4096, mapping, offset });
    runToExit();
    parentPort?.postMessage('loading');
    parentPort?.postMessage(runToExit());
  });
  mapping.close();
});
