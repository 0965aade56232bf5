import assert from 'node:assert/strict';
import { EALREADY, EBADF, EBUSY, EFAULT, EINVAL, EIO, ENOENT, ENOMEM } from '../../../lib/errors/index.js';
import { APF_WAKE_ALL_TOKEN } from '../../../lib/uapi/index.js';
import {
  AsyncPfUserfaultModel,
  FaultAction,
  gpaOf,
  ItemState,
  KVM_APF_OP_ACCEPT,
  KVM_APF_OP_READY,
  ProposalModel,
  SHARED_PAGE_WORDS,
  type ApfEventfds,
} from '../../../lib/uapi/proposals/index.js';
import { assertPlainExit, ASYNC_EXIT, asyncExit, EVENTFDS, MARKED, newModel, newRings, SHAPE } from './async-pf-userfault-scenario.js';
import { BASE, disable, enable, KERNEL, snapshot, stateOf, UNINTERRUPTIBLE, USER } from './scenario.js';

describe('the model of 2026: what a fault comes to', () => {
  it('tells the guest before user space has said anything', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    assert.equal(stateOf(model, 0, 3), ItemState.PENDING);
  });

  it('makes an async page fault of a guest that cannot be told, too, and halts its vCPU', () => {
    const model = newModel();
    disable(model, 1);
    for (const [vcpu, context] of [[0, KERNEL], [1, USER]] as const) {
      assert.equal(model.touch(vcpu, 3, MARKED, context), FaultAction.EXIT);
      assert.deepEqual([model.flags, model.injected, model.queues[vcpu].halted], [ASYNC_EXIT, 0, true]);
      assert.equal(model.accept(vcpu, 3), 0);
      model.enter(vcpu);
      assert.equal(model.queues[vcpu].halted, true);
      assert.equal(model.ready(vcpu, 3), 0);
      assert.equal(model.queues[vcpu].halted, false);
      assert.equal(model.takeReady(vcpu, true), 0, 'no ready event without a not-present event');
    }
  });

  it('exits plainly without the capability, for a prefetch, and when the vCPU could take no interrupt', () => {
    const model = newModel();
    for (const context of UNINTERRUPTIBLE) assertPlainExit(model, model.touch(0, 3, MARKED, context));
    assertPlainExit(model, model.fault(0, 3, MARKED, USER, true));
    model.enableCap(0, [0, 0, 0, 0]);
    assertPlainExit(model, model.touch(0, 3, MARKED, USER));
    asyncExit(model, 1, 3);
  });

  it('exits plainly when the guest cannot be told and its HLT does not leave it', () => {
    const model = newModel({ hltInGuest: true });
    assertPlainExit(model, model.touch(0, 3, MARKED, KERNEL));
    asyncExit(model, 0, 3);
  });

  it('exits plainly when as many are outstanding as there may be, the wake-all event among them', () => {
    const model = newModel();
    for (const page of [0, 1]) asyncExit(model, 0, page);
    enable(model, 0, { tellWakeAll: false });
    assertPlainExit(model, model.touch(0, 2, MARKED, USER));
    model.takeReady(0, true);
    asyncExit(model, 0, 2);
  });

  it('halts a vCPU that faults again on its page, and lets another have its own', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    model.accept(0, 3);
    assert.equal(model.touch(0, 3, MARKED, USER), FaultAction.HALT);
    asyncExit(model, 1, 3);
    assert.equal(model.ready(1, 3), 0);
    assert.deepEqual([stateOf(model, 0, 3), model.queues[0].halted], [ItemState.ACCEPTED, true]);
  });

  it('does not keep a vCPU halted on a page that is completed and not told yet', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    model.ready(0, 3);
    assert.equal(model.touch(0, 3, MARKED, USER), FaultAction.HALT);
    assert.equal(model.queues[0].halted, false, 'it tries again at once');
  });

  it('maps a page that is not marked, and fails without a word when it cannot read', () => {
    const model = newModel();
    assert.equal(model.touch(0, 3, 0, USER), FaultAction.MAP);
    assert.equal(model.touch(0, 4, -1, USER), FaultAction.BARE_EFAULT);
  });
});

describe('the model of 2026: from pending to told', () => {
  it('completes by re-entry whatever nobody accepted, and nothing else', () => {
    const model = newModel();
    const pending = asyncExit(model, 0, 1);
    const accepted = asyncExit(model, 0, 2);
    const other = asyncExit(model, 1, 1);
    model.accept(0, 2);
    model.enter(0);
    assert.equal(model.takeReady(0, true), pending);
    assert.equal(model.takeReady(0, true), 0);
    assert.equal(model.takeReady(1, true), 0, 'another vCPU did not enter');
    model.ready(0, 2);
    assert.equal(model.takeReady(0, true), accepted);
    model.enter(1);
    assert.equal(model.takeReady(1, true), other);
  });

  it('goes round with a new token while the page is missing and nobody accepts', () => {
    const model = newModel();
    const tokens = new Set<number>();
    for (let round = 0; round < 4; round++) {
      tokens.add(asyncExit(model, 0, 3));
      model.enter(0);
      assert.ok(tokens.has(model.takeReady(0, true)));
    }
    assert.equal(tokens.size, 4);
  });

  it('takes READY before ACCEPT, and ACCEPT at any time after', () => {
    const model = newModel();
    const token = asyncExit(model, 0, 3);
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.accept(0, 3), 0, 'it changes nothing');
    assert.equal(stateOf(model, 0, 3), ItemState.COMPLETED);
    model.enter(0);
    assert.equal(model.takeReady(0, true), token);
    assert.equal(model.accept(0, 3), ENOENT);
  });

  it('completes items in whatever slot they are when the wake-all event has the first', () => {
    const model = newModel();
    enable(model, 0, { tellWakeAll: false });
    const tokens = [asyncExit(model, 0, 0), asyncExit(model, 0, 1)];
    model.takeReady(0, true);
    tokens.push(asyncExit(model, 0, 2));
    model.enter(0);
    assert.deepEqual([model.takeReady(0, true), model.takeReady(0, true), model.takeReady(0, true)].sort(), tokens.sort());
  });

  it('forgets what is outstanding when the guest disables delivery, when paging changes, and on reset', () => {
    for (const forget of [(model: AsyncPfUserfaultModel) => { disable(model); }, (model: AsyncPfUserfaultModel) => { model.cancel(0); }, (model: AsyncPfUserfaultModel) => { model.reset(0); }]) {
      const model = newModel();
      asyncExit(model, 0, 3);
      asyncExit(model, 0, 4);
      model.accept(0, 4);
      forget(model);
      for (const page of [3, 4]) assert.equal(model.ready(0, page), ENOENT);
      model.enter(0);
      assert.equal(model.takeReady(0, true), 0);
      assert.equal(model.isEnabled(0), true, 'the capability stays');
    }
  });

  it('gives a guest that was restored its wake-all event, and nothing else', () => {
    const before = newModel();
    asyncExit(before, 0, 3);
    const after = newModel();
    enable(after, 0, { tellWakeAll: false });
    assert.equal(after.takeReady(0, true), APF_WAKE_ALL_TOKEN);
    assert.equal(after.ready(0, 3), ENOENT, 'no fault is saved or restored');
  });
});

describe('the model of 2026: what KVM_ASYNC_PF refuses', () => {
  it('names each error, and changes nothing', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    const gpa = gpaOf(model.shape, 3);
    const before = snapshot(model);
    for (const op of [KVM_APF_OP_ACCEPT, KVM_APF_OP_READY]) {
      assert.equal(model.request(0, { gpa, op, otherProcess: true }), EIO);
      assert.equal(model.request(0, { gpa, op, pointerIsBad: true }), EFAULT);
      assert.equal(model.request(0, { gpa, op, flags: 1 }), EINVAL);
      assert.equal(model.request(0, { gpa, op, reserved: true }), EINVAL);
      for (const unaligned of [gpa + 1, gpa + 4095, NaN, Infinity, 0.5]) assert.equal(model.request(0, { gpa: unaligned, op }), EINVAL, String(unaligned));
      for (const elsewhere of [gpa + 4096, BASE - 4096, BASE + 8 * 4096, 0, -4096, 2 ** 60]) assert.equal(model.request(0, { gpa: elsewhere, op }), ENOENT, String(elsewhere));
      assert.equal(model.request(1, { gpa, op }), ENOENT);
    }
    for (const op of [0, 3, -1, 0x8000_0001]) assert.equal(model.request(0, { gpa, op }), EINVAL);
    assert.deepEqual(snapshot(model), before);
  });

  it('refuses READY twice until the guest was told', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    assert.deepEqual([model.ready(0, 3), model.ready(0, 3)], [0, EALREADY]);
    model.takeReady(0, true);
    assert.equal(model.ready(0, 3), ENOENT);
  });

  it('refuses READY while the faults are being cleared', () => {
    const model = newModel();
    asyncExit(model, 0, 3);
    model.queues[0].beginClear();
    assert.equal(model.ready(0, 3), EBUSY);
    model.queues[0].cancelAll();
    assert.equal(model.ready(0, 3), ENOENT);
  });

  it('checks arguments without the capability, too', () => {
    const model = new AsyncPfUserfaultModel(SHAPE);
    assert.equal(model.request(0, { gpa: BASE + 1, op: KVM_APF_OP_READY }), EINVAL);
    assert.equal(model.request(0, { gpa: BASE, op: KVM_APF_OP_READY }), ENOENT);
  });

  it('never takes the wake-all event for a page\'s', () => {
    const model = newModel();
    enable(model, 0, { tellWakeAll: false });
    for (const gpa of [0, BASE - 4096, -4096]) assert.equal(model.request(0, { gpa, op: KVM_APF_OP_READY }), ENOENT);
    assert.equal(model.accept(0, -1), ENOENT);
  });
});

describe('the model of 2026: what else is refused', () => {
  it('enables the capability with 0 or 1 and nothing else', () => {
    const model = newModel();
    for (const args of [[2, 0, 0, 0], [-1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1], []]) assert.equal(model.enableCap(0, args), EINVAL, String(args));
    assert.equal(model.isEnabled(0), true);
    assert.equal(model.enableCap(0, [0, 0, 0, 0]), 0);
    assert.equal(model.isEnabled(0), false);
  });

  it('names each error of KVM_SET_APF_EVENTFD', () => {
    const table: readonly (readonly [errno: number, eventfds: ApfEventfds])[] = [
      [EFAULT, { ...EVENTFDS, pointerIsBad: true }],
      [EINVAL, { ...EVENTFDS, flags: 1 }],
      [EINVAL, { ...EVENTFDS, reserved: true }],
      [EINVAL, { fd: -2, completeFd: 4 }],
      [EINVAL, { fd: 3, completeFd: 3 }],
      [EINVAL, { ...EVENTFDS, sameEventfd: true }],
      [EINVAL, { ...EVENTFDS, notAnEventfd: true }],
      [EBADF, { ...EVENTFDS, fdIsClosed: true }],
      [EBADF, { fd: 3, completeFd: -1 }],
      [EBUSY, { ...EVENTFDS, completionTaken: true }],
      [ENOMEM, { ...EVENTFDS, outOfMemory: true }],
      [0, EVENTFDS],
      [0, { fd: -1, completeFd: -1 }],
      [0, { fd: -1, completeFd: 77 }],
    ];
    for (const [errno, eventfds] of table) {
      const model = newModel();
      assert.equal(model.setEventfds(0, eventfds), errno, JSON.stringify(eventfds));
      assert.equal(model.hasRings(0), errno === 0 && eventfds.fd >= 0);
    }
  });

  it('keeps the rings as they are while anything is outstanding, a wake-all event too', () => {
    const { model } = newRings();
    model.touch(0, 3, MARKED, USER);
    for (const eventfds of [EVENTFDS, { fd: -1, completeFd: -1 }]) assert.equal(model.setEventfds(0, eventfds), EBUSY);
    model.cancel(0);
    enable(model, 0, { tellWakeAll: false });
    assert.equal(model.setEventfds(0, EVENTFDS), EBUSY);
    model.takeReady(0, true);
    assert.equal(model.setEventfds(0, EVENTFDS), 0);
  });

  it('cannot be made of too few words or pages', () => {
    assert.throws(() => new AsyncPfUserfaultModel(SHAPE, new Int32Array(ProposalModel.wordCount(SHAPE) - 1)), RangeError);
    assert.throws(() => new AsyncPfUserfaultModel(SHAPE, undefined, [new Int32Array(SHARED_PAGE_WORDS)]), RangeError);
    assert.throws(() => new AsyncPfUserfaultModel(SHAPE, undefined, [0, 1].map(() => new Int32Array(SHARED_PAGE_WORDS - 1))), RangeError);
    for (const bad of [{ vcpus: 0 }, { pages: 0 }, { baseGpa: 1 }, { itemsPerVcpu: 0 }, { ringEntries: 3 }, { ringEntries: 128 }]) {
      assert.throws(() => new AsyncPfUserfaultModel({ ...SHAPE, ...bad }), RangeError, JSON.stringify(bad));
    }
  });
});
