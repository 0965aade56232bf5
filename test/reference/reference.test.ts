import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runReference, type ReferenceOptions } from '../../lib/bench/index.js';
import { FaultLabError } from '../../lib/errors/index.js';
import { DOORBELL_RINGS, checksumPage, guestElf } from '../../lib/guest/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';

const PAGES = 64;

describe('the C reference of the VMM', () => {
  let folder: string;
  let options: ReferenceOptions;
  const path = (name: string): string => join(folder, name);
  const image = Uint8Array.from({ length: PAGES * 4096 }, (_, at) => (at * 31 + (at >>> 12)) & 0xff);
  const order = Uint32Array.from({ length: PAGES }, (_, at) => (at * 13) % PAGES);
  const expected = new Int32Array(2 * PAGES);

  before(function () {
    requireKvm(this);
    folder = mkdtempSync(join(tmpdir(), 'reference-'));
    const words = new Int32Array(image.buffer);
    for (let page = 0; page < PAGES; page++) checksumPage(words, page * 1024, page, expected);
    writeFileSync(path('image'), image);
    writeFileSync(path('order'), order);
    writeFileSync(path('expected'), expected);
    options = {
      guest: guestElf('guest'),
      mode: 'sync-exit',
      order: path('order'),
      windowPages: PAGES,
      image: path('image'),
      expected: path('expected'),
      sumsOut: path('sums'),
      latenciesOut: path('latencies'),
      faultTasks: 4,
      workTasks: 2,
    };
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const failure = async (changes: Partial<ReferenceOptions>): Promise<string> => {
    try {
      await runReference({ ...options, ...changes });
    } catch (error) {
      assert.ok(error instanceof FaultLabError && error.code === 'REFERENCE_FAILED', String(error));
      return error.message;
    }
    return assert.fail('it did not fail');
  };

  for (const mode of ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'] as const) {
    it(`brings every byte of every page in mode ${mode}, and the events are the mode's`, async () => {
      const { guest, resolver, vcpu } = await runReference({ ...options, mode });
      noteKvmUse();
      assert.deepEqual(new Int32Array(new Uint8Array(readFileSync(path('sums'))).buffer), expected);
      assert.equal(guest.pages, PAGES);
      assert.equal(guest.mismatches, 0);
      assert.equal(resolver.pages, PAGES);
      assert.equal(guest.ready, guest.notPresent);
      if (mode.startsWith('sync')) assert.equal(guest.notPresent, 0);
      if (mode === 'apf-user') assert.equal(resolver.readyDelivered, guest.ready + 1, 'one wake-all besides');
      if (mode === 'sync-exit' || mode === 'apf-user') assert.ok(vcpu.faultExits >= PAGES);
      else assert.equal(vcpu.faultExits, 0);
    });
  }

  it('tells the guest of its own pages: one that differs from what was announced is counted', async () => {
    writeFileSync(path('wrong'), expected.map((lane, at) => (at === 6 ? lane ^ 1 : lane)));
    const { guest } = await runReference({ ...options, expected: path('wrong') });
    assert.equal(guest.mismatches, 1);
  });

  it('pages beyond the end of the image are zero', async () => {
    writeFileSync(path('short'), image.subarray(0, 4096));
    const zero = new Int32Array(2 * PAGES);
    checksumPage(new Int32Array(1024), 0, PAGES - 1, zero);
    const { guest } = await runReference({ ...options, image: path('short') });
    assert.equal(guest.mismatches, PAGES - 1);
    const sums = new Int32Array(new Uint8Array(readFileSync(path('sums'))).buffer);
    assert.deepEqual(sums.slice(2 * PAGES - 2), zero.slice(2 * PAGES - 2));
  });

  it('rings as often as its guest is asked to', async () => {
    const { vcpu, paging } = await runReference({ ...options, guest: guestElf('doorbell') });
    // Once when it is up, once when it is done.
    assert.equal(vcpu.doorbells, PAGES * DOORBELL_RINGS + 2);
    assert.ok(paging.tscCycles > 0);
  });

  it('says what it cannot use, and ends', async () => {
    writeFileSync(path('far'), Uint32Array.of(PAGES));
    writeFileSync(path('text'), 'no guest');
    assert.match(await failure({ order: path('far') }), /FILE: .*names page 64, outside the window/);
    assert.match(await failure({ order: path('text') + '.none' }), /FILE: .*cannot be opened: No such file/);
    assert.match(await failure({ guest: path('text') }), /GUEST_ELF: /);
    assert.match(await failure({ windowPages: 0 }), /USAGE: --window-pages must be a whole number from 1/);
    assert.match(await failure({ faultTasks: 60, workTasks: 60 }), /USAGE: a vCPU has at most 64 tasks/);
    assert.match(await failure({ vcpuCpu: 8000 }), /THREAD: CPU 8000: /);
    assert.match(await failure({ expected: path('order') }), /FILE: .*no checksum for each page/);
  });

  it('a guest that is not done in time is ended, with what was waited for', async () => {
    assert.match(await failure({ latencyNs: 5e9, timeoutSeconds: 1, mode: 'apf-kernel' }), /TIMEOUT: waited 1 s for the guest to be done/);
  });
});
