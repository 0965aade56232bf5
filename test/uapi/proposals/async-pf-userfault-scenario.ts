/** What the tests of the 2026 model have in common. */
import assert from 'node:assert/strict';
import {
  AsyncPfUserfaultModel,
  FaultAction,
  KVM_MEM_USERFAULT,
  KVM_MEMORY_EXIT_FLAG_APF,
  KVM_MEMORY_EXIT_FLAG_USERFAULT,
  SharedPageHandlerEnd,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, enable, USER } from './scenario.js';

/** Bits of a page that is intercepted. */
export const MARKED = 1;
/** Flags of an exit that must be resolved before re-entry. */
export const PLAIN_EXIT = KVM_MEMORY_EXIT_FLAG_USERFAULT;
/** Flags of an async page fault. */
export const ASYNC_EXIT = PLAIN_EXIT | KVM_MEMORY_EXIT_FLAG_APF;
/** Small, so that limits are near. */
export const SHAPE = { vcpus: 2, pages: 8, baseGpa: BASE, itemsPerVcpu: 3, ringEntries: 2 };
/** Descriptors that nothing is wrong with. */
export const EVENTFDS = { fd: 3, completeFd: 4 };

/** A model whose two vCPUs can have async page faults and be told of them. */
export function newModel(shape = {}): AsyncPfUserfaultModel {
  const model = new AsyncPfUserfaultModel({ ...SHAPE, ...shape });
  model.setFlags(KVM_MEM_USERFAULT);
  for (const vcpu of [0, 1]) {
    assert.equal(model.enableCap(vcpu, [1, 0, 0, 0]), 0);
    enable(model, vcpu);
  }
  return model;
}

/** A model whose vCPU 0 has rings, and their handler's end. */
export function newRings(): { model: AsyncPfUserfaultModel; handler: SharedPageHandlerEnd } {
  const model = newModel();
  assert.equal(model.setEventfds(0, EVENTFDS), 0);
  return { model, handler: new SharedPageHandlerEnd(model.sharedPages[0], model.shape.ringEntries) };
}

/** The guest is told, and the exit is an async page fault: its token. */
export function asyncExit(model: AsyncPfUserfaultModel, vcpu: number, page: number): number {
  assert.equal(model.touch(vcpu, page, MARKED, USER), FaultAction.EXIT);
  assert.equal(model.flags, ASYNC_EXIT);
  assert.equal(model.token, 0, 'user space completes by gpa');
  assert.notEqual(model.injected, 0);
  return model.injected;
}

/** Nobody was told anything. */
export function assertPlainExit(model: AsyncPfUserfaultModel, action: FaultAction): void {
  assert.equal(action, FaultAction.EXIT);
  assert.deepEqual([model.flags, model.injected], [PLAIN_EXIT, 0]);
}
