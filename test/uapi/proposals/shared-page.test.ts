import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  AsyncPfUserfaultModel,
  FaultAction,
  gpaOf,
  KVM_APF_SHARED_FLAG_NOTIFY_ARMED,
  kvmApfSharedPageLayout,
  SHARED_PAGE_WORDS,
  SharedPageHandlerEnd,
  SharedPageKernelEnd,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, enable, stateOf, USER } from './scenario.js';

const { fields } = kvmApfSharedPageLayout;
const FLAGS = fields['header.flags'].offset / 4;
const NOTIFY_HEAD = fields['notify.head'].offset / 4;
const NOTIFY_TAIL = fields['notify.tail'].offset / 4;
const COMPLETE_HEAD = fields['complete.head'].offset / 4;
const COMPLETE_TAIL = fields['complete.tail'].offset / 4;
/** Words behind the page, to see who writes past it. */
const GUARD = 64;
const GUARD_VALUE = 0x5a5a_5a5a;

function newPage(): Int32Array {
  const memory = new Int32Array(SHARED_PAGE_WORDS + GUARD).fill(GUARD_VALUE, SHARED_PAGE_WORDS);
  return memory.subarray(0, SHARED_PAGE_WORDS);
}

function assertGuardIntact(page: Int32Array): void {
  const guard = new Int32Array(page.buffer, SHARED_PAGE_WORDS * 4, GUARD);
  assert.ok(guard.every((word) => word === GUARD_VALUE), 'the kernel end wrote past the page');
}

function newEnds(entries = 4): { page: Int32Array; kernel: SharedPageKernelEnd; handler: SharedPageHandlerEnd } {
  const page = newPage();
  const kernel = new SharedPageKernelEnd(page, entries);
  kernel.initialize();
  return { page, kernel, handler: new SharedPageHandlerEnd(page, entries) };
}

/** A model with one vCPU and rings, as after registration; its page is in guarded memory. */
function newModel(entries: number, itemsPerVcpu = 8): { page: Int32Array; model: AsyncPfUserfaultModel } {
  const page = newPage();
  const model = new AsyncPfUserfaultModel({ vcpus: 1, pages: 16, baseGpa: BASE, itemsPerVcpu, ringEntries: entries }, undefined, [page]);
  model.enableCap(0, [1, 0, 0, 0]);
  assert.equal(model.setEventfds(0, { fd: 3, completeFd: 4 }), 0);
  enable(model);
  return { page, model };
}

/** 32-bit indices, those near the wrap more often. */
const index = fc.oneof(fc.integer(), fc.integer({ min: -70, max: 70 }), fc.constantFrom(0x7fff_ffff, -0x8000_0000, -1, 0, 1));

describe('the shared page: faults on their way to the handler', () => {
  it('carry gpa and flags, in order, across the wrap of the indices', () => {
    fc.assert(
      fc.property(index, fc.array(fc.nat(0xf_ffff), { maxLength: 20 }), (start, gfns) => {
        const { page, kernel } = newEnds();
        page[NOTIFY_HEAD] = start;
        page[NOTIFY_TAIL] = start;
        const handler = new SharedPageHandlerEnd(page, 4);
        let head = start | 0;
        const taken: number[] = [];
        for (const gfn of gfns) {
          if (kernel.isNotifyFull(head)) {
            while (handler.take()) taken.push(handler.gpa);
          }
          kernel.publish(head, gfn * 2 ** 24, 0x30);
          head = (head + 1) | 0;
        }
        while (handler.take()) {
          taken.push(handler.gpa);
          assert.equal(handler.entryFlags, 0x30);
        }
        assert.deepEqual(taken, gfns.map((gfn) => gfn * 2 ** 24));
      }),
    );
  });

  it('fill the ring at its number of entries', () => {
    const { kernel, handler } = newEnds(4);
    for (let head = 0; head < 4; head++) {
      assert.equal(kernel.isNotifyFull(head), false);
      kernel.publish(head, head * 4096, 0);
    }
    assert.equal(kernel.isNotifyFull(4), true);
    assert.equal(handler.take(), true);
    assert.equal(kernel.isNotifyFull(4), false);
  });

  it('signal a handler that is armed, once', () => {
    const { page, kernel, handler } = newEnds();
    assert.equal(kernel.testAndClearArmed(), false);
    assert.equal(handler.arm(), true, 'it may sleep');
    assert.equal(page[FLAGS], KVM_APF_SHARED_FLAG_NOTIFY_ARMED);
    assert.equal(kernel.testAndClearArmed(), true);
    assert.equal(kernel.testAndClearArmed(), false);
  });

  it('keep a handler from sleeping that arms after them', () => {
    const { page, kernel, handler } = newEnds();
    kernel.publish(0, 0x4000, 0);
    assert.equal(handler.arm(), false);
    assert.equal(page[FLAGS], 0, 'nobody need signal it');
    assert.equal(handler.take(), true);
  });

  it('leave other flags alone', () => {
    const { page, kernel, handler } = newEnds();
    page[FLAGS] = 0x50;
    handler.arm();
    kernel.testAndClearArmed();
    assert.equal(page[FLAGS], 0x50);
  });

  it('are waited for while somebody else broke the head, and found with the next fault', () => {
    const { page, kernel, handler } = newEnds();
    kernel.publish(0, 0x4000, 0);
    page[NOTIFY_HEAD] = 1000;
    assert.equal(handler.isBroken, true);
    assert.equal(handler.take(), false);
    assert.equal(handler.arm(), true, 'a handler that may not sleep would spin');
    kernel.publish(1, 0x5000, 0);
    assert.equal(kernel.testAndClearArmed(), true);
    assert.equal(handler.isBroken, false);
    assert.deepEqual([handler.take(), handler.gpa, handler.take(), handler.gpa], [true, 0x4000, true, 0x5000]);
  });

  it('name a page only to code that knows its version and sizes', () => {
    for (const word of [0, 1, 2]) {
      const { page, handler } = newEnds();
      assert.equal(handler.isKnown, true);
      page[word]++;
      assert.equal(handler.isKnown, false);
    }
  });
});

describe('the shared page: completions on their way to KVM', () => {
  it('are refused when KVM has not taken a ring\'s length of them', () => {
    const { kernel, handler } = newEnds(4);
    for (let i = 0; i < 4; i++) assert.equal(handler.complete(i * 4096), true);
    assert.equal(handler.complete(0), false);
    assert.equal(kernel.completionsFrom(0), 4);
    kernel.setCompleteTail(1);
    assert.equal(handler.complete(0), true);
  });

  it('carry 64-bit gpas and no flags', () => {
    const { page, kernel, handler } = newEnds();
    handler.complete(0x1f_ffff_f000);
    assert.equal(kernel.readCompletion(0), true);
    assert.equal(kernel.gpa, 0x1f_ffff_f000);
    const entry = fields['complete.entries[0]'].offset / 4;
    for (const word of [2, 3]) {
      page[entry + word] = 1;
      assert.equal(kernel.readCompletion(0), false);
      page[entry + word] = 0;
    }
  });

  it('go on from where the page says that the handler was', () => {
    const { page, handler } = newEnds();
    handler.complete(0x1000);
    assert.equal(new SharedPageHandlerEnd(page, 4).complete(0x2000), true);
    assert.equal(page[COMPLETE_HEAD], 2);
  });
});

/** What a handler out of its mind does to the page. */
const scribble = fc.record({ word: fc.nat(SHARED_PAGE_WORDS - 1), value: fc.oneof(index, fc.constantFrom(0x10_0000, 0x10_1000, 0x10_1001)) }, { noNullPrototype: true });
const vandalism = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fault' as const), page: fc.nat(15) }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('complete' as const), page: fc.integer({ min: -1, max: 17 }), flags: fc.constantFrom(0, 0, 0, 1) }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drain' as const) }, { noNullPrototype: true }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('enter' as const, 'take' as const) }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('scribble' as const), at: scribble }, { noNullPrototype: true }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('indices' as const), head: index, tail: index }, { noNullPrototype: true }) },
);

describe('the shared page, whatever the handler writes into it', () => {
  it('makes KVM neither fail, nor tell the guest twice, nor write outside, nor lose its own index', () => {
    fc.assert(
      fc.property(fc.array(vandalism, { maxLength: 40 }), fc.constantFrom(1, 4, 64), (steps, entries) => {
        const { page, model } = newModel(entries);
        const told = new Set<number>();
        const ready = new Set<number>();
        for (const action of steps) {
          switch (action.kind) {
            case 'fault': {
              const result = model.fault(0, action.page, 1, USER);
              assert.ok(result === FaultAction.EXIT || result === FaultAction.CONTINUE || result === FaultAction.HALT);
              if (model.injected !== 0) {
                assert.ok(!told.has(model.injected));
                told.add(model.injected);
              }
              break;
            }
            case 'complete': {
              const handler = new SharedPageHandlerEnd(page, entries);
              handler.complete(gpaOf(model.shape, action.page) + action.flags);
              break;
            }
            case 'drain':
              model.drainCompletions(0);
              assert.equal(page[COMPLETE_TAIL], page[COMPLETE_HEAD], 'the whole ring was taken, or dropped');
              break;
            case 'enter':
              model.enter(0);
              break;
            case 'take': {
              const token = model.takeReady(0, true);
              if (token === 0) break;
              assert.ok(told.has(token) && !ready.has(token), 'a ready event for nothing, or the second one');
              ready.add(token);
              break;
            }
            case 'scribble':
              page[action.at.word] = action.at.value;
              break;
            case 'indices':
              page[NOTIFY_TAIL] = action.tail;
              page[COMPLETE_HEAD] = action.head;
              break;
          }
          assert.ok(model.queues[0].outstanding <= 9);
        }
        assertGuardIntact(page);
      }),
      { numRuns: 1000 },
    );
  });

  it('completes nothing that is not in a batch of a ring\'s length', () => {
    fc.assert(
      fc.property(index, (head) => {
        const { page, model } = newModel(4);
        model.fault(0, 3, 1, USER);
        // Every entry says page 3; only the head is made up.
        for (let entry = 0; entry < 4; entry++) page[fields['complete.entries[0]'].offset / 4 + entry * 4] = gpaOf(model.shape, 3);
        page[COMPLETE_HEAD] = head;
        const count = head >>> 0;
        assert.equal(model.drainCompletions(0), count > 0 && count <= 4);
        assert.equal(page[COMPLETE_TAIL], head | 0);
        assert.equal(stateOf(model, 0, 3) === 3, count > 0 && count <= 4);
      }),
    );
  });

  it('publishes KVM\'s own index after somebody wrote another', () => {
    const { page, model } = newModel(4);
    model.fault(0, 0, 1, USER);
    page[NOTIFY_HEAD] = 77;
    model.fault(0, 1, 1, USER);
    assert.equal(page[NOTIFY_HEAD], 2);
  });
});
