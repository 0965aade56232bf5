import assert from 'node:assert/strict';
import { kvmMissing } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { describeEnd, runChild } from './support/child.js';

describe('handles dropped without close', function () {
  this.timeout(30_000);

  it('are closed by the garbage collector; memory goes with its last handle or view', async () => {
    const withKvm = kvmMissing() === undefined;
    const ended = await runChild('dropped', [withKvm ? 'with KVM' : ''], ['--expose-gc']);
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(JSON.parse(ended.stdout), {
      openedSome: true,
      dropped: { open: 0, mapped: 0 },
      viewed: { open: 0, mapped: 1, byte: 55 },
      unviewed: { mapped: 0 },
      protectedLater: true,
    });
    if (withKvm) noteKvmUse();
  });
});
