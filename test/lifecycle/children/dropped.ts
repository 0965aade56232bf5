/** Drops handles without closing them and collects garbage, with --expose-gc. Prints what is still open, step by step. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_RW, UFFDIO_REGISTER_MODE_MISSING } from '../../native/support/constants.js';
import { mappingsOf } from '../../native/support/maps.js';
import { HLT, realModeGuest } from '../../native/support/real-mode.js';

const { EventFd, File, Mapping, Userfaultfd, liveHandles } = nativeAddon();
const kvm = process.argv[2] === 'with KVM';

function open(): number {
  return Object.values(liveHandles()).reduce((sum, count) => sum + count, 0);
}

/** Finalizers run in turns of the event loop after a collection. Ends early when `done`; at the latest after 5 s. */
async function collect(done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) {
    globalThis.gc?.();
    await sleep(50);
  }
}

function drop(): number {
  if (kvm) realModeGuest(HLT).vcpu.run();
  const file = File.memfd('dropped', 2 * PAGE, { sealShrink: true });
  new Uint8Array(Mapping.ofFile(file, 0, PAGE, PROT_RW).view())[0] = 1;
  new Userfaultfd(0n).register(Mapping.ofFile(file, 0, 2 * PAGE, PROT_RW), 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
  Mapping.adopt(Mapping.anonymous(PAGE, PROT_RW).share());
  new EventFd();
  return open();
}

/** A view whose handle is gone. */
function viewOnly(): Uint8Array {
  const mapping = Mapping.ofFile(File.memfd('viewed', PAGE, { sealShrink: true }), 0, PAGE, PROT_RW);
  const bytes = new Uint8Array(mapping.view());
  bytes[5] = 55;
  return bytes;
}

const opened = drop();
await collect(() => open() === 0 && mappingsOf('dropped') === 0);
const dropped = { open: open(), mapped: mappingsOf('dropped') };

let bytes: Uint8Array | undefined = viewOnly();
await collect(() => open() === 0);
const viewed = { open: open(), mapped: mappingsOf('viewed'), byte: bytes[5] };
bytes = undefined;
await collect(() => mappingsOf('viewed') === 0);
const unviewed = { mapped: mappingsOf('viewed') };

// A view that was closed no longer counts, once the engine has freed its buffer.
const mapping = Mapping.anonymous(PAGE, PROT_RW);
const other = Mapping.adopt(mapping.share());
mapping.view();
mapping.close();
let protectedLater = false;
await collect(() => {
  try {
    other.protect(0, PAGE, 0);
    return (protectedLater = true);
  } catch {
    return false;
  }
});
process.stdout.write(JSON.stringify({ openedSome: opened >= (kvm ? 11 : 7), dropped, viewed, unviewed, protectedLater }));
