import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { nativeAddon } from '../../lib/native/index.js';
import type { NativeMapping, NativeUserfaultfd } from '../../lib/native/index.js';
import { skip } from '../support/skip.js';
import { throwsCode } from './support/coded.js';
import {
  EEXIST,
  ENOENT,
  PAGE,
  PROT_RW,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_PAGEFAULT_FLAG_WP,
  UFFD_FEATURE_POISON,
  UFFD_FEATURE_SIGBUS,
  UFFD_MESSAGE_BYTES,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from './support/constants.js';
import { mappingsOf } from './support/maps.js';

const { EventFd, File, Mapping, Userfaultfd, ioctls, monotonicNs } = nativeAddon();

/** A Worker that reads one byte of a shared mapping (and waits for it), then posts what it read. */
function touchInWorker(mapping: NativeMapping, offset: number): { worker: Worker; value: Promise<number> } {
  const worker = new Worker(new URL('./support/touch-worker.js', import.meta.url), { workerData: { share: mapping.share(), offset } });
  const value = new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, value };
}

/** Waits up to 10 s for one message. */
function nextMessage(uffd: NativeUserfaultfd): DataView {
  const message = new Uint8Array(UFFD_MESSAGE_BYTES);
  assert.equal(uffd.read(message, 10e9), 1, 'waited 10 s for a userfaultfd message');
  return new DataView(message.buffer);
}

describe('native Userfaultfd', () => {
  let uffd: NativeUserfaultfd;
  let mapping: NativeMapping;
  beforeEach(() => {
    uffd = new Userfaultfd(0n);
    mapping = Mapping.anonymous(4 * PAGE, PROT_RW);
  });
  afterEach(() => {
    uffd.close();
    mapping.close();
  });

  it('features are what UFFDIO_API offers, whatever was asked for', () => {
    assert.ok(uffd.features !== 0n);
    const asked = new Userfaultfd(uffd.features & UFFD_FEATURE_SIGBUS);
    assert.equal(asked.features, uffd.features);
    asked.close();
  });

  it('a feature the kernel lacks throws UFFD_EINVAL and names the missing bits', () => {
    const error = throwsCode('UFFD_EINVAL', () => new Userfaultfd(UFFD_FEATURE_SIGBUS | (1n << 63n)));
    assert.equal(error.syscall, 'UFFDIO_API');
    assert.match(error.message, /missing 0x8000000000000000/);
  });

  it('user mode only gives a descriptor too', () => {
    const own = new Userfaultfd(0n, true);
    assert.ok(own.fd >= 0);
    own.close();
  });

  it('register tells the requests the range supports', () => {
    const supported = uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const copyBit = 1n << BigInt(ioctls['UFFDIO_COPY'] & 0xff);
    assert.ok((supported & copyBit) !== 0n);
  });

  it('a mode or range the kernel refuses throws with the name of the call', () => {
    const error = throwsCode('UFFD_EINVAL', () => uffd.register(mapping, 0, PAGE, 0));
    assert.equal(error.syscall, 'UFFDIO_REGISTER');
    uffd.register(mapping, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const other = new Userfaultfd(0n);
    throwsCode('UFFD_EBUSY', () => other.register(mapping, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING));
    other.close();
    for (const [offset, length] of [[1, PAGE], [0, 0], [0, PAGE + 1], [4 * PAGE, PAGE], [0, 5 * PAGE]] as const) {
      throwsCode('BAD_ARGUMENT', () => uffd.register(mapping, offset, length, UFFDIO_REGISTER_MODE_MISSING));
    }
  });

  it('copy fills a missing page, and a second copy of it returns -EEXIST', () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    assert.equal(uffd.copy(mapping, PAGE, new Uint8Array(2 * PAGE).fill(6), 0), 2 * PAGE);
    assert.equal(uffd.copy(mapping, PAGE, new Uint8Array(PAGE), 0), -EEXIST);
    const into = new Uint8Array(2 * PAGE);
    mapping.read(PAGE, into);
    assert.equal(into.every((byte) => byte === 6), true);
  });

  it('copy that stops half way returns the bytes it did', () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    uffd.copy(mapping, 2 * PAGE, new Uint8Array(PAGE), 0);
    assert.equal(uffd.copy(mapping, 0, new Uint8Array(4 * PAGE), 0), 2 * PAGE);
  });

  it('copy takes whole pages within the mapping only', () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    for (const [offset, bytes] of [[0, PAGE - 1], [0, 0], [0, PAGE + 1], [1, PAGE], [4 * PAGE, PAGE], [3 * PAGE, 2 * PAGE]] as const) {
      throwsCode('BAD_ARGUMENT', () => uffd.copy(mapping, offset, new Uint8Array(bytes), 0));
    }
  });

  it('a request for memory that is not registered returns -ENOENT', () => {
    assert.equal(uffd.copy(mapping, 0, new Uint8Array(PAGE), 0), -ENOENT);
    assert.equal(uffd.zeropage(mapping, 0, PAGE, 0), -ENOENT);
  });

  it('zeropage fills with zeros', () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    assert.equal(uffd.zeropage(mapping, 0, 4 * PAGE, 0), 4 * PAGE);
    const into = new Uint8Array(4 * PAGE).fill(1);
    mapping.read(0, into);
    assert.equal(into.every((byte) => byte === 0), true);
  });

  it('a page of the page cache is mapped by continue, after the host view wrote it', async function () {
    if ((uffd.features & UFFD_FEATURE_MINOR_SHMEM) === 0n) skip(this, 'this kernel has no minor faults of shared memory', { hostCannot: true });
    const minor = new Userfaultfd(UFFD_FEATURE_MINOR_SHMEM);
    const file = File.memfd('minor', 2 * PAGE, { sealShrink: true });
    const guestView = Mapping.ofFile(file, 0, 2 * PAGE, PROT_RW);
    const hostView = Mapping.ofFile(file, 0, 2 * PAGE, PROT_RW);
    minor.register(guestView, 0, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
    new Uint8Array(hostView.view())[PAGE] = 91;
    const { worker, value } = touchInWorker(guestView, PAGE);
    const message = nextMessage(minor);
    assert.equal(message.getBigUint64(16, true) & ~BigInt(PAGE - 1), guestView.hva + BigInt(PAGE));
    assert.equal(minor.continue(guestView, PAGE, PAGE, 0), PAGE);
    assert.equal(await value, 91);
    assert.equal(minor.continue(guestView, PAGE, PAGE, 0), -EEXIST);
    await worker.terminate();
    for (const handle of [minor, guestView, hostView, file]) handle.close();
  });

  it('a touched page is one message with its address, and copy wakes the toucher', async () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const { worker, value } = touchInWorker(mapping, 2 * PAGE + 9);
    const message = nextMessage(uffd);
    assert.equal(message.getUint8(0), UFFD_EVENT_PAGEFAULT);
    assert.equal(message.getBigUint64(16, true) & ~BigInt(PAGE - 1), mapping.hva + BigInt(2 * PAGE));
    assert.equal(uffd.copy(mapping, 2 * PAGE, new Uint8Array(PAGE).fill(44), 0), PAGE);
    assert.equal(await value, 44);
    await worker.terminate();
  });

  it('with DONTWAKE the toucher sleeps on until wake', async () => {
    const DONTWAKE = 1;
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const { worker, value } = touchInWorker(mapping, 0);
    nextMessage(uffd);
    assert.equal(uffd.copy(mapping, 0, new Uint8Array(PAGE).fill(12), DONTWAKE), PAGE);
    assert.equal(uffd.wake(mapping, 0, PAGE), 0);
    assert.equal(await value, 12);
    await worker.terminate();
  });

  it('unregister wakes the toucher, which then finds plain memory', async () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const { worker, value } = touchInWorker(mapping, 0);
    nextMessage(uffd);
    uffd.unregister(mapping, 0, 4 * PAGE);
    assert.equal(await value, 0);
    await worker.terminate();
  });

  it('closing the last handle wakes the toucher as well', async () => {
    uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    const { worker, value } = touchInWorker(mapping, 0);
    nextMessage(uffd);
    uffd.close();
    assert.equal(await value, 0);
    await worker.terminate();
  });

  it('a write to a write-protected page is a message, and lifting the protection lets it through', async function () {
    if ((uffd.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP) === 0n) skip(this, 'this kernel has no write protection by userfaultfd', { hostCannot: true });
    const protecting = new Userfaultfd(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
    const WP = 1;
    mapping.write(0, new Uint8Array(PAGE).fill(1));
    protecting.register(mapping, 0, PAGE, UFFDIO_REGISTER_MODE_WP);
    assert.equal(protecting.writeProtect(mapping, 0, PAGE, WP), PAGE);
    const { worker, value } = touchInWorker(mapping, 0);
    assert.equal(await value, 1, 'reads pass');
    await worker.terminate();
    const writer = new Worker(new URL('./support/touch-worker.js', import.meta.url), { workerData: { share: mapping.share(), offset: 0, write: 2 } });
    const written = new Promise((resolve, reject) => writer.once('message', resolve).once('error', reject));
    const PAGEFAULT_FLAG_WP = 2n;
    assert.ok((nextMessage(protecting).getBigUint64(8, true) & PAGEFAULT_FLAG_WP) !== 0n);
    assert.equal(protecting.writeProtect(mapping, 0, PAGE, 0), PAGE);
    assert.equal(await written, 2);
    await writer.terminate();
    protecting.close();
  });

  it('a poisoned page raises SIGBUS, which a guarded copy reports', function () {
    if ((uffd.features & UFFD_FEATURE_POISON) === 0n) skip(this, 'this kernel has no UFFDIO_POISON', { hostCannot: true });
    const poisoning = new Userfaultfd(UFFD_FEATURE_POISON);
    poisoning.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    assert.equal(poisoning.poison(mapping, PAGE, PAGE, 0), PAGE);
    // Only kernels that handle memory failure say why.
    const code = existsSync('/proc/sys/vm/memory_failure_recovery') ? 'MAPPING_POISONED' : 'MAPPING_SIGBUS';
    assert.equal(throwsCode(code, () => { mapping.read(PAGE, new Uint8Array(1)); }).offset, PAGE);
    poisoning.close();
  });

  describe('read', () => {
    it('returns 0 when the time is up, and not before', () => {
      const start = monotonicNs();
      assert.equal(uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES), 20e6), 0);
      assert.ok(monotonicNs() - start >= 20e6);
      assert.equal(uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES), 0), 0);
    });

    it('returns 0 at once when woken, and leaves the count for others', () => {
      const wake = new EventFd();
      wake.signal(2);
      assert.equal(uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES), 10e9, wake), 0);
      assert.equal(uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES), 10e9, wake), 0);
      assert.equal(wake.wait(0), 2);
      wake.close();
    });

    it('takes several messages at once, as many as the buffer holds', async () => {
      uffd.register(mapping, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
      const touchers = [0, 1, 2].map((page) => touchInWorker(mapping, page * PAGE));
      const buffer = new Uint8Array(2 * UFFD_MESSAGE_BYTES + 31);
      const seen = new Set<bigint>();
      while (seen.size < 3) {
        const count = uffd.read(buffer, 10e9);
        assert.ok(count === 1 || count === 2, `waited 10 s for ${3 - seen.size} more messages, or got too many: ${count}`);
        for (let i = 0; i < count; i++) seen.add(new DataView(buffer.buffer).getBigUint64(i * UFFD_MESSAGE_BYTES + 16, true) & ~0xfffn);
      }
      assert.deepEqual([...seen].sort(), [0n, 1n, 2n].map((page) => mapping.hva + page * 4096n));
      uffd.unregister(mapping, 0, 4 * PAGE);
      for (const { worker, value } of touchers) {
        assert.equal(await value, 0);
        await worker.terminate();
      }
    });

    it('needs room for a message', () => {
      throwsCode('BAD_ARGUMENT', () => uffd.read(new Uint8Array(UFFD_MESSAGE_BYTES - 1), 0));
    });
  });

  it('registered memory stays mapped after its last handle, until all of it is unregistered', () => {
    const file = File.memfd('uffd-held', 4 * PAGE);
    const held = Mapping.ofFile(file, 0, 4 * PAGE, PROT_RW);
    uffd.register(held, 0, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    uffd.register(held, PAGE, 3 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    uffd.unregister(held, PAGE, 2 * PAGE);
    held.close();
    assert.notEqual(mappingsOf('uffd-held'), 0, 'the first and the last page are still registered');
    uffd.close();
    assert.equal(mappingsOf('uffd-held'), 0);
    const other = new Userfaultfd(0n);
    const again = Mapping.ofFile(file, 0, 4 * PAGE, PROT_RW);
    other.register(again, 0, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    other.unregister(again, 0, PAGE);
    other.unregister(again, PAGE, 3 * PAGE);
    again.close();
    assert.equal(mappingsOf('uffd-held'), 0, 'nothing is registered any more');
    other.close();
    file.close();
  });
});
