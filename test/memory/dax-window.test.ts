import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DaxWindow, protectionAt } from '../../lib/memory/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { TinyGuest, addresses, describeEnd } from '../../lib/probes/index.js';
import { Kvm } from '../../lib/kvm/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { foreignEnvironment } from '../support/foreign-programs.js';

const SIZE = 4 * PAGE_SIZE;

describe('DaxWindow', () => {
  let directory: string;
  let path: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-dax-'));
  });
  beforeEach(() => {
    path = join(directory, 'file');
    writeFileSync(path, Buffer.alloc(SIZE, 0x11));
  });
  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs `body` with a window onto the file. */
  function withWindow(body: (window: DaxWindow) => void, fileOffset = 0): void {
    const window = DaxWindow.create({ path }, SIZE, fileOffset);
    try {
      body(window);
    } finally {
      window.close();
    }
  }
  function byteAt(window: DaxWindow, offset: number): number {
    const into = new Uint8Array(1);
    window.read(offset, into);
    return into[0];
  }

  it('shows the file, and the file shows what is written', () => {
    withWindow((window) => {
      assert.equal(byteAt(window, PAGE_SIZE), 0x11);
      window.write(PAGE_SIZE + 5, Uint8Array.of(1, 2, 3));
      assert.deepEqual([...readFileSync(path).subarray(PAGE_SIZE + 4, PAGE_SIZE + 9)], [0x11, 1, 2, 3, 0x11]);
    });
  });

  it('sees what another process does to the file', () => {
    withWindow((window) => {
      execFileSync('dd', [`of=${path}`, 'bs=1', 'seek=4100', 'count=1', 'conv=notrunc'], { input: '\x77', stdio: ['pipe', 'ignore', 'ignore'], env: foreignEnvironment() });
      assert.equal(byteAt(window, 4100), 0x77);
      execFileSync('truncate', ['-s', String(PAGE_SIZE + 1), path]);
      assert.equal(window.backedBytes(), 2 * PAGE_SIZE);
      assert.equal(byteAt(window, PAGE_SIZE + 1), 0, 'bytes behind the end of the last page are zeroes');
      for (const access of [() => { window.read(2 * PAGE_SIZE, new Uint8Array(1)); }, () => { window.write(2 * PAGE_SIZE, new Uint8Array(1)); }]) {
        assert.throws(access, { code: 'MAPPING_SIGBUS' });
      }
      assert.equal(statSync(path).size, PAGE_SIZE + 1, 'a write that fails does not make the file longer');
      execFileSync('truncate', ['-s', String(SIZE), path]);
      assert.equal(byteAt(window, 2 * PAGE_SIZE), 0);
    });
  });

  it('is cut, gets longer, and gets holes', () => {
    withWindow((window) => {
      window.truncate(100);
      assert.equal(window.fileSizeBytes(), 100);
      assert.equal(window.backedBytes(), PAGE_SIZE);
      assert.equal(window.causeOfLoss(PAGE_SIZE, false), 'truncated');
      assert.equal(window.causeOfLoss(0, true), null);
      window.truncate(SIZE);
      assert.equal(window.backedBytes(), SIZE);
      window.write(0, new Uint8Array(SIZE).fill(7));
      window.punch(PAGE_SIZE, PAGE_SIZE);
      assert.deepEqual([0, 1, 2].map((page) => byteAt(window, page * PAGE_SIZE)), [7, 0, 7]);
      assert.equal(window.causeOfLoss(PAGE_SIZE, true), null);
    });
  });

  it('may begin anywhere in the file', () => {
    withWindow((window) => {
      assert.equal(window.backedBytes(), 2 * PAGE_SIZE);
      window.truncate(3 * PAGE_SIZE);
      assert.equal(statSync(path).size, 5 * PAGE_SIZE);
      execFileSync('truncate', ['-s', String(PAGE_SIZE), path]);
      assert.equal(window.backedBytes(), 0);
      assert.equal(window.causeOfLoss(0, false), 'truncated');
    }, 2 * PAGE_SIZE);
  });

  it('protects the guest view alone', () => {
    withWindow((window) => {
      window.protect(0, PAGE_SIZE, PROT_NONE);
      window.protect(PAGE_SIZE, PAGE_SIZE, PROT_READ);
      assert.equal(protectionAt(window.guestView.hva), PROT_NONE);
      assert.equal(protectionAt(window.guestView.hva + BigInt(PAGE_SIZE)), PROT_READ);
      assert.equal(protectionAt(0n), null);
      assert.deepEqual([window.causeOfLoss(0, false), window.causeOfLoss(PAGE_SIZE, false), window.causeOfLoss(PAGE_SIZE, true)], ['protection', null, 'protection']);
      assert.equal(byteAt(window, 0), 0x11);
      window.protect(0, SIZE, PROT_READ | PROT_WRITE);
      assert.equal(window.causeOfLoss(PAGE_SIZE, true), null);
    });
  });

  it('stays as it is where the file that is to replace its own cannot be had', () => {
    withWindow((window) => {
      const before = window.file;
      assert.throws(() => { window.replace({ path: join(directory, 'missing') }); }, { code: 'FILE_ENOENT' });
      assert.throws(() => { window.replace({ path: '/dev/null' }); }, { code: /^(MAPPING|FILE)_E/ });
      assert.equal(window.file, before);
      assert.equal(byteAt(window, 0), 0x11);
    });
  });

  it('leaves no descriptor, mapping or handle behind', () => {
    const state = (): unknown => ({
      files: readdirSync('/proc/self/fd').length,
      mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').filter((line) => line.includes(directory) || line.includes('kvm-faultlab-dax')).length,
      handles: [nativeAddon().liveHandles().File, nativeAddon().liveHandles().Mapping],
    });
    const before = state();
    for (let round = 0; round < 50; round++) {
      withWindow((window) => {
        window.protect(PAGE_SIZE, PAGE_SIZE, PROT_READ);
        window.replace({ memfdBytes: SIZE });
        window.replace({ path });
        window.truncate(round);
      });
    }
    assert.deepEqual(state(), before);
  });

  it('never shows a vCPU a hole while another thread replaces the file', async function () {
    requireKvm(this);
    const kvm = Kvm.open();
    const other = join(directory, 'other');
    writeFileSync(other, Buffer.alloc(SIZE, 0x22));
    const window = DaxWindow.create({ path }, SIZE);
    const flag = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./replacing-worker.js', import.meta.url), { workerData: { share: window.share(), paths: [other, path], flag } });
    try {
      const ended = once(worker, 'message') as Promise<[number]>;
      // Loops as long as the byte is of one of the files: mov al,[rbx]; cmp al,0x11; je; cmp al,0x22; je.
      const code = [0x8a, 0x03, 0x3c, 0x11, 0x74, 0xfa, 0x3c, 0x22, 0x74, 0xf6];
      await TinyGuest.with(kvm, { cpl: 3, code, registers: { rbx: addresses.page }, page: window.guestView, sliceNs: 1e6, limitMs: 20 }, (guest) => {
        const deadline = performance.now() + patience(20_000);
        while (Atomics.load(flag, 1) < 300) {
          assert(performance.now() < deadline, `waited 20 s for 300 replacements; ${Atomics.load(flag, 1)} took place`);
          const end = guest.run();
          assert.equal(end.kind, 'stays', `the guest saw something else: ${describeEnd(end)}`);
        }
      });
      Atomics.store(flag, 0, 1);
      const [count] = await ended;
      assert(count >= 300);
      // This thread learns of the file that the other one put there last.
      assert.equal(window.fileSizeBytes(), SIZE);
      assert.equal(byteAt(window, 0), count % 2 === 0 ? 0x11 : 0x22);
    } finally {
      Atomics.store(flag, 0, 2);
      Atomics.notify(flag, 0);
      await worker.terminate();
      window.close();
      kvm.close();
    }
  });
});
