import assert from 'node:assert/strict';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { describeEnd, runChild } from './support/child.js';

describe('closing while a vCPU runs', function () {
  this.timeout(30_000);
  before(function () {
    requireKvm(this);
  });

  it('the guest keeps its memory when every handle on VM and memory is closed under it', async () => {
    const ended = await runChild('close-while-running', [], ['--expose-gc']);
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(JSON.parse(ended.stdout), { counted: 1000, open: 0 });
    noteKvmUse();
  });

  it('kicks that meet a vCPU being closed do no harm', async () => {
    const ended = await runChild('kick-race');
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(JSON.parse(ended.stdout), { result: { rounds: 300, interrupted: true }, kicked: true, missed: true, open: 0 });
    noteKvmUse();
  });
});
