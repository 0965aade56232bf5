import assert from 'node:assert/strict';
import { EALREADY } from '../../../lib/errors/index.js';
import { AsyncPfUserfaultModel, FaultAction, gpaOf, ItemState, SharedPageHandlerEnd } from '../../../lib/uapi/proposals/index.js';
import { ASYNC_EXIT, asyncExit, EVENTFDS, MARKED, newModel, newRings, SHAPE } from './async-pf-userfault-scenario.js';
import { disable, enable, KERNEL, snapshot, stateOf, USER } from './scenario.js';

describe('the model of 2026: rings', () => {
  it('publish a fault without an exit, accepted, and the guest runs on', () => {
    const { model, handler } = newRings();
    assert.equal(model.touch(0, 3, MARKED, USER), FaultAction.CONTINUE);
    const token = model.injected;
    assert.equal(stateOf(model, 0, 3), ItemState.ACCEPTED);
    assert.deepEqual([handler.take(), handler.gpa, handler.entryFlags], [true, gpaOf(model.shape, 3), ASYNC_EXIT]);
    model.enter(0);
    assert.equal(model.takeReady(0, true), 0);
    handler.complete(handler.gpa);
    assert.equal(model.drainCompletions(0), true);
    assert.equal(model.takeReady(0, true), token);
  });

  it('signal a handler that is armed, and only then', () => {
    const { model, handler } = newRings();
    model.touch(0, 1, MARKED, USER);
    assert.equal(model.signalled, false);
    handler.take();
    assert.equal(handler.arm(), true);
    model.touch(0, 2, MARKED, USER);
    assert.equal(model.signalled, true);
    handler.take();
    model.touch(0, 3, MARKED, USER);
    assert.equal(model.signalled, false);
  });

  it('halt a vCPU whose guest cannot be told, without an exit', () => {
    const { model } = newRings();
    assert.equal(model.touch(0, 3, MARKED, KERNEL), FaultAction.HALT);
    assert.deepEqual([model.injected, model.queues[0].halted], [0, true]);
    assert.equal(model.ready(0, 3), 0);
    assert.equal(model.queues[0].halted, false);
  });

  it('fall back to an exit that must be accepted when they are full', () => {
    const { model, handler } = newRings();
    for (const page of [0, 1]) assert.equal(model.touch(0, page, MARKED, USER), FaultAction.CONTINUE);
    asyncExit(model, 0, 2);
    assert.equal(stateOf(model, 0, 2), ItemState.PENDING);
    handler.complete(gpaOf(model.shape, 2));
    assert.equal(model.drainCompletions(0), true, 'the ring completes it though it was an exit');
    assert.equal(stateOf(model, 0, 2), ItemState.COMPLETED);
    assert.deepEqual([handler.take(), handler.take(), handler.take()], [true, true, false]);
  });

  it('are drained by a vCPU about to halt, which then does not', () => {
    const { model, handler } = newRings();
    model.touch(0, 3, MARKED, USER);
    handler.complete(gpaOf(model.shape, 3));
    assert.equal(model.touch(0, 3, MARKED, USER), FaultAction.HALT);
    assert.equal(model.queues[0].halted, false);
    assert.equal(stateOf(model, 0, 3), ItemState.COMPLETED);
  });

  it('are drained by a vCPU that enters halted', () => {
    const { model, handler } = newRings();
    model.touch(0, 3, MARKED, KERNEL);
    handler.complete(gpaOf(model.shape, 3));
    model.enter(0);
    assert.equal(model.queues[0].halted, false);
  });

  it('skip what names no fault, and take what follows', () => {
    const { model, handler } = newRings();
    for (const page of [0, 1]) model.touch(0, page, MARKED, USER);
    const bad = [gpaOf(model.shape, 0) + 8, gpaOf(model.shape, 7), 0];
    for (const gpa of bad) {
      handler.complete(gpa);
      assert.equal(model.drainCompletions(0), false, String(gpa));
    }
    handler.complete(gpaOf(model.shape, 0));
    handler.complete(gpaOf(model.shape, 0));
    assert.equal(model.drainCompletions(0), true);
    assert.equal(model.ready(0, 1), 0);
    assert.equal(model.ready(0, 0), EALREADY);
  });

  it('skip completions of faults that the guest\'s MSR write cancelled', () => {
    const { model, handler } = newRings();
    model.touch(0, 3, MARKED, USER);
    disable(model);
    enable(model);
    handler.complete(gpaOf(model.shape, 3));
    assert.equal(model.drainCompletions(0), false);
    assert.equal(model.takeReady(0, true), 0);
  });

  it('are taken away by fd -1, and start empty when they come back', () => {
    const { model, handler } = newRings();
    model.touch(0, 3, MARKED, USER);
    handler.complete(gpaOf(model.shape, 3));
    model.drainCompletions(0);
    model.takeReady(0, true);
    assert.equal(model.setEventfds(0, { fd: -1, completeFd: -1 }), 0);
    asyncExit(model, 0, 3);
    handler.complete(gpaOf(model.shape, 3));
    assert.equal(model.drainCompletions(0), false, 'nobody looks at the page');
    model.cancel(0);
    assert.equal(model.setEventfds(0, EVENTFDS), 0);
    const again = new SharedPageHandlerEnd(model.sharedPages[0], model.shape.ringEntries);
    assert.deepEqual([again.isKnown, again.take()], [true, false]);
    assert.equal(model.touch(0, 3, MARKED, USER), FaultAction.CONTINUE);
    assert.equal(again.take(), true);
  });
});

describe('the model of 2026: its state', () => {
  it('is whole in its arrays: a copy goes on as the first did', () => {
    const { model, handler } = newRings();
    model.touch(0, 0, MARKED, USER);
    model.touch(0, 1, MARKED, USER);
    asyncExit(model, 0, 2);
    handler.complete(gpaOf(model.shape, 1));
    const copy = new AsyncPfUserfaultModel(SHAPE);
    copy.state.forEach((words, index) => {
      words.set(model.state[index]);
    });
    for (const one of [model, copy]) {
      one.drainCompletions(0);
      one.enter(0);
    }
    assert.deepEqual(snapshot(copy), snapshot(model));
    const ready = (one: AsyncPfUserfaultModel): number[] => [one.takeReady(0, true), one.takeReady(0, true), one.takeReady(0, true)];
    const told = ready(model);
    assert.deepEqual(ready(copy), told);
    assert.equal(told.filter((token) => token !== 0).length, 2);
  });

  it('can be shared: two models over the same arrays are one', () => {
    const first = newModel();
    const second = new AsyncPfUserfaultModel(SHAPE, first.words, first.sharedPages);
    const token = asyncExit(first, 0, 3);
    assert.equal(second.ready(0, 3), 0);
    assert.equal(first.takeReady(0, true), token);
  });
});
