import assert from 'node:assert/strict';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { describeEnd, runChild } from './support/child.js';
import type { Ended } from './support/child.js';

/** What the child printed as its last line. */
function printed(ended: Ended): unknown {
  assert.notEqual(ended.stdout, '', describeEnd(ended));
  return JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '');
}

describe('a process whose Worker is in KVM_RUN with a guest that never exits', function () {
  this.timeout(30_000);
  before(function () {
    requireKvm(this);
  });

  for (const [way, code, signal, words] of [
    ['process.exit', 3, null, ''],
    ['process.exit of four', 3, null, ''],
    ['uncaught exception', 1, null, 'thrown on purpose'],
    ['unhandled rejection', 1, null, 'rejected on purpose'],
    ['SIGTERM', null, 'SIGTERM', ''],
    ['abort', null, 'SIGABRT', ''],
  ] as const) {
    it(`ends at once by ${way}`, async () => {
      const ended = await runChild('ends', [way]);
      assert.equal(ended.code, code, describeEnd(ended));
      assert.equal(ended.signal, signal, describeEnd(ended));
      assert.ok(ended.stderr.includes(words), describeEnd(ended));
      noteKvmUse();
    });
  }

  for (const [way, expected] of [
    ['terminate', { code: 1, open: 0 }],
    ['kick and terminate', { kicked: true, code: 1, open: 0, kickedAfter: false }],
    ['Worker ends with everything open', { open: 0, kicked: false }],
  ] as const) {
    it(`goes on after the Worker is gone: ${way}`, async () => {
      const ended = await runChild('ends', [way]);
      assert.equal(ended.code, 0, describeEnd(ended));
      assert.deepEqual(printed(ended), expected);
      noteKvmUse();
    });
  }

  it('goes on after the Worker was told to stop and kicked, with nothing open', async () => {
    const ended = await runChild('ends', ['stop and kick']);
    assert.equal(ended.code, 0, describeEnd(ended));
    const none = { Kvm: 0, Vm: 0, Vcpu: 0, File: 0, Mapping: 0, EventFd: 0, Userfaultfd: 0 };
    assert.deepEqual(printed(ended), { kicked: true, message: { stopped: none }, open: 0 });
    noteKvmUse();
  });
});

describe('a process that ends with everything open', function () {
  this.timeout(30_000);
  before(function () {
    requireKvm(this);
  });

  for (const [way, code] of [['by itself', 0], ['process.exit', 4], ['throw', 1]] as const) {
    it(`ends cleanly: ${way}`, async () => {
      const ended = await runChild('all-open', [way]);
      assert.equal(ended.signal, null, describeEnd(ended));
      assert.equal(ended.code, code, describeEnd(ended));
      noteKvmUse();
    });
  }

  it('a Worker that ends with everything open leaves only what the main thread has', async () => {
    const ended = await runChild('all-open', ['in a Worker']);
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(printed(ended), { open: 12, own: 10 });
    noteKvmUse();
  });
});
