import assert from 'node:assert/strict';
import { EINVAL } from '../../../lib/errors/index.js';
import { FaultAction, KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT, UserfaultModel } from '../../../lib/uapi/proposals/index.js';
import { BASE, enable, KERNEL, UNINTERRUPTIBLE, USER } from './scenario.js';

const MARKED = 1;

function newModel(): UserfaultModel {
  const model = new UserfaultModel({ vcpus: 2, pages: 70, baseGpa: BASE });
  assert.equal(model.setFlags(KVM_MEM_USERFAULT), 0);
  return model;
}

describe('the model of KVM Userfault', () => {
  it('exits for a marked page, whatever the vCPU could take, and tells no guest', () => {
    const model = newModel();
    enable(model);
    for (const context of [USER, KERNEL, ...UNINTERRUPTIBLE]) {
      assert.equal(model.touch(0, 1, MARKED, context), FaultAction.EXIT);
      assert.deepEqual([model.flags, model.token, model.injected], [KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0]);
    }
    assert.equal(model.queues[0].outstanding, 0);
  });

  it('exits again while the bit is set, on every vCPU, and maps when it is clear', () => {
    const model = newModel();
    for (const vcpu of [0, 1, 0]) assert.equal(model.touch(vcpu, 69, MARKED, USER), FaultAction.EXIT);
    assert.equal(model.touch(0, 69, 0, USER), FaultAction.MAP);
    assert.equal(model.slot.isMapped(69), true);
    assert.equal(model.slot.isMapped(68), false);
  });

  it('fails KVM_RUN without a word when the bitmap cannot be read', () => {
    assert.equal(newModel().touch(0, 1, -1, USER), FaultAction.BARE_EFAULT);
  });

  it('does not see a bit that is set on a mapped page until the flag was off and on', () => {
    const model = newModel();
    model.touch(0, 1, 0, USER);
    assert.equal(model.touch(0, 1, MARKED, USER), FaultAction.MAP);
    model.setFlags(KVM_MEM_USERFAULT);
    assert.equal(model.touch(0, 1, MARKED, USER), FaultAction.MAP, 'the same flags again are no change');
    model.setFlags(0);
    assert.equal(model.touch(0, 1, MARKED, USER), FaultAction.MAP, 'mappings stay when the flag goes');
    model.setFlags(KVM_MEM_USERFAULT);
    assert.equal(model.touch(0, 1, MARKED, USER), FaultAction.EXIT);
    assert.equal(model.slot.zaps, 2);
  });

  it('sees a bit that is set on a page whose memory went away', () => {
    const model = newModel();
    model.touch(0, 33, 0, USER);
    model.slot.unmap(33);
    assert.equal(model.touch(0, 33, MARKED, USER), FaultAction.EXIT);
  });

  it('looks at no bit with the flag off', () => {
    const model = newModel();
    model.setFlags(0);
    assert.equal(model.touch(0, 1, MARKED, USER), FaultAction.MAP);
  });

  it('takes no flag but its own, and no capability to be enabled', () => {
    const model = newModel();
    assert.equal(model.setFlags(KVM_MEM_USERFAULT | (1 << 4)), EINVAL);
    assert.equal(model.slot.intercepting, true);
    assert.equal(model.enableCap(), EINVAL);
  });
});
