import assert from 'node:assert/strict';
import { EFAULT, EINVAL, EIO } from '../../../lib/errors/index.js';
import { APF_WAKE_ALL_TOKEN, apfTokenVcpuId } from '../../../lib/uapi/index.js';
import {
  AsyncPfUserModel,
  FaultAction,
  KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER,
  KVM_MEMORY_EXIT_FLAG_USERFAULT,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, disable, enable, KERNEL, UNINTERRUPTIBLE, USER } from './scenario.js';

const MARKED = 1;
const PLAIN = KVM_MEMORY_EXIT_FLAG_USERFAULT;
const ASYNC = PLAIN | KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER;

function newModel(): AsyncPfUserModel {
  const model = new AsyncPfUserModel({ vcpus: 2, pages: 8, baseGpa: BASE, itemsPerVcpu: 2 });
  enable(model, 0);
  enable(model, 1);
  return model;
}

function asyncFault(model: AsyncPfUserModel, vcpu: number, page: number): number {
  assert.equal(model.fault(vcpu, page, MARKED, USER), FaultAction.EXIT);
  assert.equal(model.flags, ASYNC);
  assert.equal(model.token, model.injected);
  return model.token;
}

describe('the model of the RFC of 2024', () => {
  it('tells the guest and exits with the same token, of that vCPU', () => {
    const model = newModel();
    for (const vcpu of [0, 1]) {
      const token = asyncFault(model, vcpu, 3);
      assert.notEqual(token, 0);
      assert.equal(apfTokenVcpuId(token), vcpu);
    }
  });

  it('exits plainly when the guest cannot be told, and leaves no item', () => {
    const model = newModel();
    for (const context of [KERNEL, ...UNINTERRUPTIBLE]) {
      assert.equal(model.fault(0, 3, MARKED, context), FaultAction.EXIT);
      assert.deepEqual([model.flags, model.token, model.injected], [PLAIN, 0, 0]);
    }
    disable(model);
    assert.equal(model.fault(0, 3, MARKED, USER), FaultAction.EXIT);
    assert.equal(model.flags, PLAIN);
    assert.deepEqual([model.queues[0].outstanding, model.queues[0].halted], [0, false]);
  });

  it('exits plainly for a prefetch, and when as many are outstanding as there may be', () => {
    const model = newModel();
    assert.equal(model.fault(0, 3, MARKED, USER, true), FaultAction.EXIT);
    assert.equal(model.flags, PLAIN);
    asyncFault(model, 0, 0);
    asyncFault(model, 0, 1);
    assert.equal(model.fault(0, 2, MARKED, USER), FaultAction.EXIT);
    assert.equal(model.flags, PLAIN);
  });

  it('maps a page that is not marked, needs no memslot flag, and fails without a word when it cannot read', () => {
    const model = newModel();
    assert.equal(model.touch(0, 3, 0, USER), FaultAction.MAP);
    assert.equal(model.touch(0, 4, MARKED, USER), FaultAction.EXIT);
    assert.equal(model.fault(0, 5, -1, USER), FaultAction.BARE_EFAULT);
  });

  it('halts a vCPU that faults again on the page, until READY', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    assert.equal(model.fault(0, 3, MARKED, KERNEL), FaultAction.HALT);
    assert.equal(model.queues[0].halted, true);
    assert.equal(model.ready(0, 3, token), 0);
    assert.equal(model.queues[0].halted, false);
    assert.equal(model.takeReady(0, true), token);
  });

  it('completes nothing by re-entry, and by READY only what was named', () => {
    const model = newModel();
    const first = asyncFault(model, 0, 3);
    const second = asyncFault(model, 0, 4);
    model.enter(0);
    assert.equal(model.takeReady(0, true), 0);
    assert.equal(model.ready(0, 3, second), 0, 'the token counts, not the page');
    assert.equal(model.takeReady(0, true), second);
    assert.equal(model.takeReady(0, true), 0);
    assert.equal(model.ready(0, 0, first), 0);
  });

  it('refuses tokens that are none, of another vCPU, or used', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    for (const bad of [0, 1, token + 1, token ^ 0x8000_0000, -1, APF_WAKE_ALL_TOKEN]) assert.equal(model.ready(0, 3, bad), EINVAL, String(bad));
    assert.equal(model.ready(1, 3, token), EINVAL);
    assert.equal(model.ready(0, 3, token), 0);
    assert.equal(model.ready(0, 3, token), EINVAL, 'completed');
    model.takeReady(0, true);
    assert.equal(model.ready(0, 3, token), EINVAL, 'told');
  });

  it('refuses the wake-all event\'s token while it is due', () => {
    const model = newModel();
    enable(model, 0, { tellWakeAll: false });
    assert.equal(model.ready(0, 0, APF_WAKE_ALL_TOKEN), EINVAL);
    assert.equal(model.takeReady(0, true), APF_WAKE_ALL_TOKEN);
  });

  it('refuses whoever is in another process, or has no argument', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    assert.equal(model.request(0, { token, otherProcess: true }), EIO);
    assert.equal(model.request(0, { token, pointerIsBad: true }), EFAULT);
    assert.equal(model.request(0, { token }), 0);
  });

  it('forgets what is outstanding when the guest disables delivery', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    disable(model);
    assert.equal(model.ready(0, 3, token), EINVAL);
    enable(model);
    assert.notEqual(asyncFault(model, 0, 3), token, 'a stale READY names no fault of now');
  });
});
