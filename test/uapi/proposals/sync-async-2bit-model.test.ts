import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EALREADY, EBUSY, EFAULT, EINVAL, EIO, ENOENT } from '../../../lib/errors/index.js';
import {
  FaultAction,
  gpaOf,
  KVM_MEM_USERFAULT,
  KVM_MEM_USERFAULT_ASYNC,
  KVM_MEMORY_EXIT_FLAG_USERFAULT,
  KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC,
  SyncAsyncTwoBitModel,
  TwoBit,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, disable, enable, KERNEL, snapshot, stateOf, UNINTERRUPTIBLE, USER } from './scenario.js';

const { SYNC, ASYNC } = TwoBit;
const FLAGS = KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC;
const PLAIN_EXIT = KVM_MEMORY_EXIT_FLAG_USERFAULT;
const ASYNC_EXIT = PLAIN_EXIT | KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC;

function newModel(): SyncAsyncTwoBitModel {
  const model = new SyncAsyncTwoBitModel({ vcpus: 2, pages: 8, baseGpa: BASE, itemsPerVcpu: 2 });
  assert.equal(model.setFlags(FLAGS), 0);
  enable(model, 0);
  enable(model, 1);
  return model;
}

/** The guest is told; its token. */
function asyncFault(model: SyncAsyncTwoBitModel, vcpu: number, page: number): number {
  assert.equal(model.touch(vcpu, page, ASYNC, USER), FaultAction.EXIT);
  assert.equal(model.flags, ASYNC_EXIT);
  assert.equal(model.token, 0, 'user space completes by gpa');
  assert.notEqual(model.injected, 0);
  return model.injected;
}

function assertPlainExit(model: SyncAsyncTwoBitModel, action: FaultAction): void {
  assert.equal(action, FaultAction.EXIT);
  assert.deepEqual([model.flags, model.injected], [PLAIN_EXIT, 0]);
}

describe('the model of two bits a page: what a fault comes to', () => {
  it('lets the synchronous bit dominate, whatever the guest could be told', () => {
    const model = newModel();
    for (const bits of [SYNC, SYNC | ASYNC]) {
      for (const context of [USER, KERNEL, ...UNINTERRUPTIBLE]) assertPlainExit(model, model.touch(0, 3, bits, context));
    }
    assert.equal(model.queues[0].outstanding, 0);
  });

  it('tells the guest of a page with the asynchronous bit alone, and has it accepted', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    model.enter(0);
    assert.equal(model.takeReady(0, true), 0, 'nothing completes by re-entry');
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.takeReady(0, true), token);
  });

  it('exits plainly when the guest cannot be told, and halts nobody', () => {
    const model = newModel();
    for (const context of [KERNEL, ...UNINTERRUPTIBLE]) assertPlainExit(model, model.touch(0, 3, ASYNC, context));
    disable(model);
    assertPlainExit(model, model.touch(0, 3, ASYNC, USER));
    assert.deepEqual([model.queues[0].outstanding, model.queues[0].halted], [0, false]);
  });

  it('exits plainly for a prefetch, and when as many are outstanding as there may be', () => {
    const model = newModel();
    assertPlainExit(model, model.fault(0, 3, ASYNC, USER, true));
    asyncFault(model, 0, 0);
    asyncFault(model, 0, 1);
    assertPlainExit(model, model.touch(0, 2, ASYNC, USER));
  });

  it('halts a vCPU that faults again on the page, and lets another have its own', () => {
    const model = newModel();
    asyncFault(model, 0, 3);
    assert.equal(model.touch(0, 3, ASYNC, KERNEL), FaultAction.HALT);
    asyncFault(model, 1, 3);
    assert.equal(model.ready(1, 3), 0);
    assert.deepEqual([model.queues[0].halted, stateOf(model, 0, 3)], [true, 2]);
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.queues[0].halted, false);
  });

  it('exits plainly on a page that became synchronous after the guest was told, and keeps that fault', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    for (const bits of [SYNC | ASYNC, SYNC]) assertPlainExit(model, model.touch(0, 3, bits, USER));
    assert.equal(model.queues[0].outstanding, 1);
    assert.equal(model.touch(0, 3, 0, USER), FaultAction.MAP);
    assert.equal(model.ready(0, 3), 0, 'it must be completed all the same');
    assert.equal(model.takeReady(0, true), token);
  });

  it('fails KVM_RUN without a word when a bitmap cannot be read', () => {
    assert.equal(newModel().touch(0, 3, -1, USER), FaultAction.BARE_EFAULT);
  });
});

describe('the model of two bits a page: changes of a page\'s class', () => {
  it('never look free to a fault, in whichever order single bits change: both are read at once', () => {
    for (const states of [[ASYNC, ASYNC | SYNC, SYNC], [SYNC, ASYNC | SYNC, ASYNC], [SYNC, ASYNC], [ASYNC, SYNC]]) {
      for (const bits of states) assert.equal(newModel().touch(0, 3, bits, USER), FaultAction.EXIT, `bits ${bits} of ${states.join(', ')}`);
    }
  });

  it('tell the guest by the class that the fault met, whatever it becomes', () => {
    const model = newModel();
    const token = asyncFault(model, 0, 3);
    assertPlainExit(model, model.touch(1, 3, SYNC, USER));
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.takeReady(0, true), token);
    assert.equal(model.ready(1, 3), ENOENT);
  });
});

describe('the model of two bits a page: what calls are refused', () => {
  it('names each error of KVM_USERFAULT_READY', () => {
    const model = newModel();
    asyncFault(model, 0, 3);
    const gpa = gpaOf(model.shape, 3);
    const before = snapshot(model);
    assert.equal(model.request(0, { gpa, otherProcess: true }), EIO);
    assert.equal(model.request(0, { gpa, pointerIsBad: true }), EFAULT);
    assert.equal(model.request(0, { gpa, flags: 1 }), EINVAL);
    assert.equal(model.request(0, { gpa: gpa + 1 }), EINVAL);
    assert.equal(model.accept(), EINVAL);
    assert.equal(model.enableCap(), EINVAL);
    for (const elsewhere of [gpa + 4096, BASE - 4096, 0, 2 ** 52]) assert.equal(model.request(0, { gpa: elsewhere }), ENOENT);
    assert.equal(model.request(1, { gpa }), ENOENT, 'another vCPU');
    assert.deepEqual(snapshot(model), before, 'what is refused changes nothing');
    assert.equal(model.request(0, { gpa }), 0);
    assert.equal(model.request(0, { gpa }), EALREADY);
    model.queues[0].beginClear();
    assert.equal(model.request(0, { gpa }), EBUSY);
    model.cancel(0);
    assert.equal(model.request(0, { gpa }), ENOENT);
  });

  it('has the asynchronous bits only together with the others, and no change of them alone', () => {
    const model = new SyncAsyncTwoBitModel({ vcpus: 1, pages: 8, baseGpa: BASE });
    const table: readonly (readonly [flags: number, errno: number])[] = [
      [KVM_MEM_USERFAULT_ASYNC, EINVAL],
      [KVM_MEM_USERFAULT, 0],
      [FLAGS, EINVAL],
      [0, 0],
      [FLAGS, 0],
      [KVM_MEM_USERFAULT, EINVAL],
      [FLAGS, 0],
      [1 << 5, EINVAL],
      [0, 0],
    ];
    for (const [step, [flags, errno]] of table.entries()) assert.equal(model.setFlags(flags), errno, `step ${step}`);
  });

  it('does not look at asynchronous bits without their flag', () => {
    const model = newModel();
    model.setFlags(0);
    model.setFlags(KVM_MEM_USERFAULT);
    assert.equal(model.touch(0, 3, ASYNC, USER), FaultAction.MAP);
    assertPlainExit(model, model.touch(0, 4, ASYNC | SYNC, USER));
  });

  it('forgets what is outstanding when the guest disables delivery', () => {
    const model = newModel();
    asyncFault(model, 0, 3);
    disable(model);
    assert.equal(model.ready(0, 3), ENOENT);
    assert.equal(model.takeReady(0, true), 0);
  });
});

describe('the model of two bits a page, whatever happens to it', () => {
  it('tells a guest only of pages with the asynchronous bit alone, and each ready event once', () => {
    const step = fc.record({ kind: fc.constantFrom('fault', 'ready', 'enter', 'take'), page: fc.nat(3), bits: fc.nat(3), kernel: fc.boolean() }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = newModel();
        const told = new Set<number>();
        for (const { kind, page, bits, kernel } of steps) {
          if (kind === 'fault') {
            model.fault(0, page, bits, kernel ? KERNEL : USER);
            if (model.injected === 0) continue;
            assert.equal(bits, ASYNC);
            assert.equal(kernel, false);
            told.add(model.injected);
          } else if (kind === 'ready') model.ready(0, page);
          else if (kind === 'enter') model.enter(0);
          else {
            const token = model.takeReady(0, true);
            assert.ok(token === 0 || told.delete(token));
          }
          assert.ok(model.queues[0].outstanding <= 2);
        }
      }),
      { numRuns: 300 },
    );
  });
});
