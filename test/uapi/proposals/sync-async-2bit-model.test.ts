import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EALREADY, EBUSY, EFAULT, EINVAL, EIO, ENOENT } from '../../../lib/errors/index.js';
import {
  FaultAction,
  gpaOf,
  KVM_APF_OP_ACCEPT,
  KVM_APF_OP_READY,
  KVM_MEM_USERFAULT,
  KVM_MEM_USERFAULT_ASYNC,
  KVM_MEMORY_EXIT_FLAG_APF,
  KVM_MEMORY_EXIT_FLAG_USERFAULT,
  SyncAsyncTwoBitModel,
  TwoBit,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, disable, enable, KERNEL, snapshot, stateOf, UNINTERRUPTIBLE, USER } from './scenario.js';

const { SYNC, ASYNC } = TwoBit;
const FLAGS = KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC;
const PLAIN_EXIT = KVM_MEMORY_EXIT_FLAG_USERFAULT;
const ASYNC_EXIT = PLAIN_EXIT | KVM_MEMORY_EXIT_FLAG_APF;

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
  /** Bits as KVM comes to see them when it reads A, then S, and each of `changes` is made before, between or after. */
  function seen(changes: readonly number[], readA: number, readS: number): number {
    return (changes[readA] & ASYNC) | (changes[readS] & SYNC);
  }

  it('never look free to a fault on the way from asynchronous to synchronous', () => {
    const states = [ASYNC, ASYNC | SYNC, SYNC];
    for (let readA = 0; readA < states.length; readA++) {
      for (let readS = readA; readS < states.length; readS++) {
        const model = newModel();
        assert.equal(model.touch(0, 3, seen(states, readA, readS), USER), FaultAction.EXIT, `A read at step ${readA}, S at step ${readS}`);
      }
    }
  });

  it('would look free on the way back, which is why there is none', () => {
    const states = [SYNC, ASYNC | SYNC, ASYNC];
    assert.equal(seen(states, 0, 2), 0);
  });
});

describe('the model of two bits a page: what calls are refused', () => {
  it('names each error of KVM_ASYNC_PF', () => {
    const model = newModel();
    asyncFault(model, 0, 3);
    const gpa = gpaOf(model.shape, 3);
    const op = KVM_APF_OP_READY;
    const before = snapshot(model);
    assert.equal(model.request(0, { gpa, op, otherProcess: true }), EIO);
    assert.equal(model.request(0, { gpa, op, pointerIsBad: true }), EFAULT);
    assert.equal(model.request(0, { gpa, op, flags: 1 }), EINVAL);
    assert.equal(model.request(0, { gpa, op, reserved: true }), EINVAL);
    assert.equal(model.request(0, { gpa: gpa + 1, op }), EINVAL);
    for (const none of [0, KVM_APF_OP_ACCEPT, 3, -1]) assert.equal(model.request(0, { gpa, op: none }), EINVAL);
    assert.equal(model.accept(), EINVAL);
    assert.equal(model.enableCap(), EINVAL);
    for (const elsewhere of [gpa + 4096, BASE - 4096, 0, 2 ** 52]) assert.equal(model.request(0, { gpa: elsewhere, op }), ENOENT);
    assert.equal(model.request(1, { gpa, op }), ENOENT, 'another vCPU');
    assert.deepEqual(snapshot(model), before, 'what is refused changes nothing');
    assert.equal(model.request(0, { gpa, op }), 0);
    assert.equal(model.request(0, { gpa, op }), EALREADY);
    model.queues[0].beginClear();
    assert.equal(model.request(0, { gpa, op }), EBUSY);
    model.cancel(0);
    assert.equal(model.request(0, { gpa, op }), ENOENT);
  });

  it('has the asynchronous bitmap only together with the other, and no change of one alone', () => {
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

  it('does not look at the asynchronous bitmap without its flag', () => {
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
