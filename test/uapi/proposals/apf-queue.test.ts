import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  APF_WAKE_ALL_TOKEN,
  apfTokenVcpuId,
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
} from '../../../lib/uapi/index.js';
import { ApfQueue, ItemState } from '../../../lib/uapi/proposals/index.js';
import { AREA, disable, enable, KERNEL, UNINTERRUPTIBLE, USER } from './scenario.js';

const BOTH = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;
const VCPU = 5;

function newQueue(capacity = 4, hltInGuest = false): ApfQueue {
  return new ApfQueue(new Int32Array(ApfQueue.wordCount(capacity)), VCPU, capacity, hltInGuest);
}

/** Completed faults as the guest is told of them, its token word always free. */
function tell(queue: ApfQueue): number[] {
  const told: number[] = [];
  for (let token = queue.takeReady(true); token !== 0; token = queue.takeReady(true)) told.push(token);
  return told;
}

describe('the queue of async page faults: what the guest enables', () => {
  it('tells nothing unless both bits are set', () => {
    for (const flags of [0, KVM_ASYNC_PF_ENABLED, KVM_ASYNC_PF_DELIVERY_AS_INT]) {
      const queue = newQueue();
      assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | flags, 0, () => true).kind, 'disabled');
      assert.equal(queue.canDeliver(USER), false);
      assert.deepEqual(tell(queue), []);
    }
  });

  it('refuses reserved bits and bad areas, and stays as it was', () => {
    const queue = newQueue();
    enable(queue);
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | BOTH | 0x10, 0, () => true).kind, 'refused');
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | BOTH, 0, () => false).kind, 'refused');
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_EN, BOTH, -1, () => true).kind, 'refused');
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_INT, 0x100, 0, () => true).kind, 'refused');
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_INT, 0, 1, () => true).kind, 'refused');
    assert.equal(queue.readMsr(MSR_KVM_ASYNC_PF_EN), BigInt(AREA | BOTH));
    assert.equal(queue.readMsr(MSR_KVM_ASYNC_PF_INT), 0xecn);
    assert.equal(queue.readMsr(MSR_KVM_ASYNC_PF_ACK), 0n);
    assert.equal(queue.readMsr(MSR_KVM_ASYNC_PF_ACK + 1), null);
  });

  it('does not look at the area unless both bits are set', () => {
    const queue = newQueue();
    assert.equal(queue.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | KVM_ASYNC_PF_ENABLED, 0, () => false).kind, 'disabled');
  });

  it('holds a 64-bit area gpa', () => {
    const queue = newQueue();
    queue.writeMsr(MSR_KVM_ASYNC_PF_EN, (0x8000_0040 | BOTH) | 0, 0x1f, () => true);
    assert.equal(queue.areaGpa, 0x1f_8000_0040);
  });

  it('delivers to CPL 3, and to CPL 0 only when asked to', () => {
    const queue = newQueue();
    enable(queue);
    assert.deepEqual([queue.canDeliver(USER), queue.canDeliver(KERNEL)], [true, false]);
    enable(queue, 0, { always: true });
    assert.equal(queue.canDeliver(KERNEL), true);
  });

  it('makes no async page fault of a vCPU that could take no interrupt', () => {
    const queue = newQueue();
    for (const context of UNINTERRUPTIBLE) assert.equal(queue.canDoAsyncPf(context), false);
    assert.equal(queue.canDoAsyncPf(KERNEL), true);
  });

  it('makes none of a guest that cannot be told while its HLT does not leave it', () => {
    const queue = newQueue(4, true);
    assert.equal(queue.canDoAsyncPf(USER), false);
    enable(queue);
    assert.deepEqual([queue.canDoAsyncPf(USER), queue.canDoAsyncPf(KERNEL)], [true, false]);
  });
});

describe('the queue of async page faults: wake-all', () => {
  it('is due whenever delivery is enabled, once', () => {
    const queue = newQueue();
    for (let i = 0; i < 3; i++) enable(queue, 0, { tellWakeAll: false });
    assert.equal(queue.outstanding, 1);
    assert.deepEqual(tell(queue), [APF_WAKE_ALL_TOKEN]);
    enable(queue, 0, { tellWakeAll: false });
    assert.deepEqual(tell(queue), [APF_WAKE_ALL_TOKEN]);
  });

  it('is not due while a completed fault waits to be told', () => {
    const queue = newQueue();
    enable(queue);
    const slot = queue.create(7, ItemState.ACCEPTED, true);
    const token = queue.token(slot);
    queue.complete(slot);
    enable(queue, 0, { tellWakeAll: false });
    assert.deepEqual(tell(queue), [token]);
  });

  it('comes though as many faults are outstanding as there may be, and counts towards them', () => {
    const queue = newQueue(2);
    enable(queue);
    assert.ok(queue.create(0, ItemState.ACCEPTED, true) >= 0);
    enable(queue, 0, { tellWakeAll: false });
    assert.equal(queue.create(1, ItemState.ACCEPTED, true), -1, 'the wake-all event counts');
    tell(queue);
    assert.ok(queue.create(1, ItemState.ACCEPTED, true) >= 0);
    enable(queue, 0, { tellWakeAll: false });
    assert.equal(queue.outstanding, 3);
    assert.deepEqual(tell(queue), [APF_WAKE_ALL_TOKEN]);
  });
});

describe('the queue of async page faults: completion', () => {
  it('tells in the order of completion, one at a time', () => {
    const queue = newQueue();
    enable(queue);
    const slots = [0, 1, 2].map((page) => queue.create(page, ItemState.ACCEPTED, true));
    const tokens = slots.map((slot) => queue.token(slot));
    for (const index of [2, 0, 1]) queue.complete(slots[index]);
    assert.equal(queue.takeReady(false), 0, 'the token word is full');
    assert.deepEqual(tell(queue), [tokens[2], tokens[0], tokens[1]]);
    assert.equal(queue.outstanding, 0);
  });

  it('passes over faults that the guest was not told of', () => {
    const queue = newQueue();
    enable(queue);
    const quiet = queue.create(0, ItemState.ACCEPTED, false);
    const told = queue.create(1, ItemState.ACCEPTED, true);
    const token = queue.token(told);
    queue.complete(quiet);
    queue.complete(told);
    assert.equal(queue.takeReady(true), token);
    assert.equal(queue.outstanding, 0);
  });

  it('dequeues without a word when nothing is enabled, whatever the token word is', () => {
    const queue = newQueue();
    queue.complete(queue.create(0, ItemState.ACCEPTED, false));
    assert.equal(queue.takeReady(false), 0);
    assert.equal(queue.outstanding, 0);
  });

  it('wakes a halted vCPU, which does not halt again while a completed fault is there', () => {
    const queue = newQueue();
    const slot = queue.create(0, ItemState.ACCEPTED, false);
    queue.halt();
    assert.equal(queue.halted, true);
    queue.complete(slot);
    assert.equal(queue.halted, false);
    queue.halt();
    assert.equal(queue.halted, false);
  });

  it('forgets everything when delivery is disabled, and wakes the vCPU', () => {
    const queue = newQueue();
    enable(queue);
    queue.complete(queue.create(0, ItemState.ACCEPTED, true));
    queue.create(1, ItemState.ACCEPTED, true);
    disable(queue);
    assert.deepEqual([queue.outstanding, queue.halted, queue.hasCompleted], [0, false, false]);
    assert.deepEqual(tell(queue), []);
  });

  it('forgets the MSRs too on reset, but not the sequence of tokens', () => {
    const queue = newQueue();
    enable(queue);
    const before = queue.token(queue.create(0, ItemState.ACCEPTED, true));
    queue.beginClear();
    queue.halt();
    queue.reset();
    assert.deepEqual([queue.enabled, queue.vector, queue.outstanding, queue.halted, queue.clearing], [false, 0, 0, false, false]);
    enable(queue);
    assert.notEqual(queue.token(queue.create(0, ItemState.ACCEPTED, true)), before);
  });
});

/** What can happen to a queue. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), page: fc.nat(5), injected: fc.boolean() }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('complete' as const), page: fc.nat(5) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('take' as const), free: fc.boolean() }, { noNullPrototype: true }),
  fc.record({ kind: fc.constantFrom('enable' as const, 'disable' as const, 'halt' as const) }, { noNullPrototype: true }),
);

describe('the queue of async page faults, whatever happens to it', () => {
  it('is bounded, has no token twice, and tells each once, in the order of completion', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, capacity) => {
        const queue = newQueue(capacity);
        // What must still be told, oldest first: kept beside the queue, in other terms.
        let due: number[] = [];
        for (const action of steps) {
          switch (action.kind) {
            case 'create': {
              if (queue.find(action.page) >= 0) break;
              const room = queue.outstanding < capacity;
              const slot = queue.create(action.page, ItemState.ACCEPTED, queue.enabled && action.injected);
              assert.equal(slot >= 0, room);
              if (slot >= 0) assert.equal(apfTokenVcpuId(queue.token(slot)), VCPU);
              break;
            }
            case 'complete': {
              const slot = queue.find(action.page);
              if (slot < 0 || queue.state(slot) === ItemState.COMPLETED) break;
              if (queue.isInjected(slot)) due.push(queue.token(slot));
              queue.complete(slot);
              break;
            }
            case 'take': {
              const token = queue.takeReady(action.free);
              if (queue.enabled && !action.free) assert.equal(token, 0);
              else assert.equal(token, due.shift() ?? 0);
              break;
            }
            case 'enable':
              if (!queue.hasCompleted) due.push(APF_WAKE_ALL_TOKEN);
              enable(queue, 0, { tellWakeAll: false });
              break;
            case 'disable':
              due = [];
              disable(queue);
              break;
            case 'halt':
              queue.halt();
              break;
          }
          assert.ok(queue.outstanding <= capacity + 1);
          assert.ok(!(queue.halted && queue.hasCompleted), 'a vCPU stays halted with a completed fault');
          const live = [...Array(queue.slotCount).keys()].filter((slot) => queue.state(slot) !== ItemState.FREE).map((slot) => queue.token(slot));
          assert.equal(new Set(live).size, live.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is the same again in a copy of its words', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 8 }), fc.array(fc.nat(5), { maxLength: 8 }), (created, completed) => {
        const words = new Int32Array(ApfQueue.wordCount(4));
        const queue = new ApfQueue(words, VCPU, 4);
        enable(queue);
        for (const page of created) if (queue.find(page) < 0) queue.create(page, ItemState.ACCEPTED, true);
        for (const page of completed) {
          const slot = queue.find(page);
          if (slot >= 0 && queue.state(slot) !== ItemState.COMPLETED) queue.complete(slot);
        }
        const copy = new ApfQueue(Int32Array.from(words), VCPU, 4);
        assert.deepEqual(tell(copy), tell(queue));
      }),
    );
  });
});
