import assert from 'node:assert/strict';
import { APF_WAKE_ALL_TOKEN, MSR_KVM_ASYNC_PF_EN } from '../../../lib/uapi/index.js';
import { FaultAction, StockModel, StockPage } from '../../../lib/uapi/proposals/index.js';
import { ENOENT } from '../../../lib/errors/index.js';
import { BASE, disable, enable, KERNEL, UNINTERRUPTIBLE, USER } from './scenario.js';

function newModel(hltInGuest = false): StockModel {
  return new StockModel({ vcpus: 2, pages: 8, baseGpa: BASE, itemsPerVcpu: 2, hltInGuest });
}

describe('the model of a stock kernel', () => {
  it('maps a page that is there, and tells nobody', () => {
    const model = newModel();
    enable(model);
    assert.equal(model.fault(0, 0, StockPage.PRESENT, USER), FaultAction.MAP);
    assert.deepEqual([model.flags, model.token, model.injected], [0, 0, 0]);
    assert.equal(model.queues[0].outstanding, 0);
  });

  it('looks at every page, without any memslot flag', () => {
    const model = newModel();
    enable(model);
    assert.equal(model.touch(0, 0, StockPage.SLEEPS, USER), FaultAction.CONTINUE);
    assert.equal(model.touch(0, 1, StockPage.PRESENT, USER), FaultAction.MAP);
    assert.equal(model.touch(0, 1, StockPage.SLEEPS, USER), FaultAction.MAP, 'it is mapped now');
    assert.notEqual(model.setFlags(1 << 3), 0, 'KVM_MEM_USERFAULT is not known');
  });

  it('tells a guest that can be told, runs on, and tells it again when the worker has the page', () => {
    const model = newModel();
    enable(model);
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER), FaultAction.CONTINUE);
    const token = model.injected;
    assert.notEqual(token, 0);
    assert.equal(model.token, 0, 'user space learns of nothing');
    assert.equal(model.takeReady(0, true), 0);
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.ready(0, 3), ENOENT, 'a worker comes back once');
    assert.equal(model.takeReady(0, true), token);
    assert.equal(model.takeReady(0, true), 0);
  });

  it('halts a vCPU that could take an interrupt but cannot be told, and wakes it without an event', () => {
    const model = newModel();
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER), FaultAction.HALT, 'delivery is off');
    enable(model, 1);
    assert.equal(model.fault(1, 3, StockPage.SLEEPS, KERNEL), FaultAction.HALT, 'CPL 0');
    for (const vcpu of [0, 1]) {
      assert.equal(model.queues[vcpu].halted, true);
      assert.equal(model.ready(vcpu, 3), 0);
      assert.equal(model.queues[vcpu].halted, false);
      assert.equal(model.takeReady(vcpu, true), 0);
    }
  });

  it('lets a vCPU sleep that could take no interrupt', () => {
    const model = newModel();
    enable(model);
    for (const context of UNINTERRUPTIBLE) assert.equal(model.fault(0, 3, StockPage.SLEEPS, context), FaultAction.WAIT);
    assert.equal(model.queues[0].outstanding, 0);
  });

  it('lets it sleep rather than halt where HLT does not leave the guest', () => {
    const model = newModel(true);
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER), FaultAction.WAIT);
    enable(model);
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER), FaultAction.CONTINUE);
  });

  it('halts a vCPU that faults again on a page in flight', () => {
    const model = newModel();
    enable(model);
    model.fault(0, 3, StockPage.SLEEPS, USER);
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER), FaultAction.HALT);
    assert.deepEqual([model.injected, model.queues[0].outstanding, model.queues[0].halted], [0, 1, true]);
  });

  it('lets the vCPU sleep when as many faults are outstanding as there may be', () => {
    const model = newModel();
    enable(model);
    model.fault(0, 0, StockPage.SLEEPS, USER);
    model.fault(0, 1, StockPage.SLEEPS, USER);
    assert.equal(model.fault(0, 2, StockPage.SLEEPS, USER), FaultAction.WAIT);
    enable(model, 1);
    assert.equal(model.fault(1, 2, StockPage.SLEEPS, USER), FaultAction.CONTINUE, 'the limit is of a vCPU');
  });

  it('fails KVM_RUN without a word for a page that cannot be had', () => {
    const model = newModel();
    for (const context of UNINTERRUPTIBLE) assert.equal(model.fault(0, 3, StockPage.FAILS, context), FaultAction.BARE_EFAULT);
    assert.equal(model.flags, 0);
  });

  it('tells not-present and ready without end for a page that cannot be had', () => {
    const model = newModel();
    enable(model);
    for (let round = 0; round < 5; round++) {
      assert.equal(model.fault(0, 3, StockPage.FAILS, USER), FaultAction.CONTINUE);
      const token = model.injected;
      assert.equal(model.ready(0, 3), 0);
      assert.equal(model.takeReady(0, true), token);
    }
  });

  it('makes no async page fault for a prefetch', () => {
    const model = newModel();
    enable(model);
    assert.equal(model.fault(0, 3, StockPage.SLEEPS, USER, true), FaultAction.WAIT);
    assert.equal(model.fault(0, 3, StockPage.FAILS, USER, true), FaultAction.BARE_EFAULT);
  });

  it('forgets what is outstanding when the guest disables delivery, when paging changes, and on reset', () => {
    for (const forget of [(model: StockModel) => { disable(model); }, (model: StockModel) => { model.cancel(0); }, (model: StockModel) => { model.reset(0); }]) {
      const model = newModel();
      enable(model);
      model.fault(0, 3, StockPage.SLEEPS, USER);
      forget(model);
      assert.equal(model.ready(0, 3), ENOENT);
      assert.equal(model.takeReady(0, true), 0);
    }
    const model = newModel();
    enable(model);
    model.cancel(0);
    assert.notEqual(model.readMsr(0, MSR_KVM_ASYNC_PF_EN), 0n, 'paging leaves the MSR');
    model.reset(0);
    assert.equal(model.readMsr(0, MSR_KVM_ASYNC_PF_EN), 0n);
  });

  it('completes no wake-all event in the name of a page', () => {
    const model = newModel();
    enable(model, 0, { tellWakeAll: false });
    assert.equal(model.ready(0, -1), ENOENT);
    assert.equal(model.takeReady(0, true), APF_WAKE_ALL_TOKEN);
  });
});
