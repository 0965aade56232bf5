import assert from 'node:assert/strict';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { describeEnd, runChild } from './support/child.js';

describe('a process with a Worker that waits for what never comes', function () {
  this.timeout(30_000);

  it('ends by process.exit: a vCPU in KVM_RUN', async function () {
    requireKvm(this);
    const ended = await runChild('wait-for-page', ['vcpu']);
    assert.equal(ended.code, 6, describeEnd(ended));
    noteKvmUse();
  });

  it('ends by process.exit: a guarded copy', async () => {
    const ended = await runChild('wait-for-page', ['copy']);
    assert.equal(ended.code, 6, describeEnd(ended));
  });

  it('a guarded copy gives up after 10 s with MAPPING_TIMEOUT, having copied what was there', async () => {
    const ended = await runChild('late-copy');
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(JSON.parse(ended.stdout), { code: 'MAPPING_TIMEOUT', before: [7, 0], preadFrom: 'MAPPING_REGISTERED', after: [7, 0] });
  });

  it('waits for messages and events end, before their time, when the process does', async () => {
    const ended = await runChild('released');
    assert.equal(ended.code, 0, describeEnd(ended));
    assert.deepEqual(JSON.parse(ended.stdout), [0, 0, 0, 0, 0, 0]);
  });
});
