import assert from 'node:assert/strict';
import { explore, FINDINGS, INVARIANTS, mistakesOf, World, type Invariant, type WorldConfig } from '../../lib/explore/index.js';
import type { FaultContext } from '../../lib/uapi/index.js';
import { ApfQueue, AsyncPfUserfaultModel, AsyncPfUserModel, FaultAction, ItemState, SlotModel, UAPI_NAMES, type ModelShape, type ProposalModel } from '../../lib/uapi/proposals/index.js';
import { assertNothingFound } from './support.js';

/** A completed fault stays in the queue when it is dequeued, once a vCPU. */
class DequeuesTwice extends AsyncPfUserModel {
  override takeReady(vcpu: number, tokenWordIsFree: boolean): number {
    const { own } = this.queues[vcpu];
    const before = this.words.slice();
    const token = super.takeReady(vcpu, tokenWordIsFree);
    if (token !== 0 && token !== 0xffff_ffff && own[0] === 0) {
      this.words.set(before);
      own[0] = 1;
    }
    return token;
  }
}

/** The sequence of tokens does not go on. */
class OneToken extends AsyncPfUserModel {
  override fault(vcpu: number, page: number, bits: number, context: FaultContext): FaultAction {
    const action = super.fault(vcpu, page, bits, context);
    const sequence = 3;
    this.words[SlotModel.wordCount(this.shape.pages) + vcpu * ApfQueue.wordCount(this.shape.itemsPerVcpu) + sequence] = 0;
    return action;
  }
}

/** A second fault of a page in flight maps it, where it should halt. */
class MapsInFlight extends AsyncPfUserModel {
  override fault(vcpu: number, page: number, bits: number, context: FaultContext): FaultAction {
    return this.queues[vcpu].find(page) >= 0 ? FaultAction.MAP : super.fault(vcpu, page, bits, context);
  }
}

/** Re-entry completes nothing. */
class EnterForgets extends AsyncPfUserfaultModel {
  override enter(): void {
    // The defect.
  }
}

/** READY is refused until ACCEPT was said. */
class ReadyNeedsAccept extends AsyncPfUserfaultModel {
  override ready(vcpu: number, page: number): number {
    const queue = this.queues[vcpu];
    const slot = queue.find(page);
    return slot >= 0 && queue.state(slot) === ItemState.PENDING ? 2 : super.ready(vcpu, page);
  }
}

/** ACCEPT takes a completed fault back. */
class AcceptTakesBack extends AsyncPfUserfaultModel {
  override accept(vcpu: number, page: number): number {
    const before = this.words.slice();
    const errno = super.accept(vcpu, page);
    const queue = this.queues[vcpu];
    const slot = queue.find(page);
    if (slot < 0 || queue.state(slot) !== ItemState.COMPLETED) return errno;
    this.words.set(before);
    // The order among the completed is the item's last word: without it the item is never dequeued.
    const start = SlotModel.wordCount(this.shape.pages) + vcpu * ApfQueue.wordCount(this.shape.itemsPerVcpu) + ApfQueue.wordCount(0) - 5 + slot * 5;
    this.words[start] = ItemState.ACCEPTED;
    this.words[start + 4] = 0;
    return errno;
  }
}

const one: WorldConfig = { uapi: 'async-pf-user-2024', vcpus: [[{ pages: [0] }]], pages: 1 };
const twoTasks: WorldConfig = { ...one, vcpus: [[{ pages: [0] }, { pages: [0] }]] };
const twoPages: WorldConfig = { ...one, vcpus: [[{ pages: [0] }, { pages: [1] }]], pages: 2 };
const of2026: WorldConfig = { ...one, uapi: 'async-pf-userfault-2026' };

const MUTANTS: readonly { readonly name: string; readonly config: WorldConfig; readonly invariant: Invariant; readonly make: (shape: ModelShape, pages: readonly Int32Array[]) => ProposalModel }[] = [
  { name: 'that dequeues a fault twice', config: one, invariant: 'double-completion', make: (shape) => new DequeuesTwice(shape) },
  { name: 'that gives one token to two faults', config: twoPages, invariant: 'double-completion', make: (shape) => new OneToken(shape) },
  { name: 'with a longer queue than allowed', config: { ...twoPages, itemsPerVcpu: 1 }, invariant: 'bounded-queue', make: (shape) => new AsyncPfUserModel({ ...shape, itemsPerVcpu: 2 }) },
  { name: 'that maps a page in flight', config: twoTasks, invariant: 'mapped-without-data', make: (shape) => new MapsInFlight(shape) },
  { name: 'whose re-entry completes nothing', config: { ...of2026, asyncExit: ['sync'] }, invariant: 'lost-wake-up', make: (shape, pages) => new EnterForgets(shape, undefined, pages) },
  { name: 'that refuses READY before ACCEPT', config: of2026, invariant: 'lost-wake-up', make: (shape, pages) => new ReadyNeedsAccept(shape, undefined, pages) },
  { name: 'whose ACCEPT takes READY back', config: of2026, invariant: 'lost-wake-up', make: (shape, pages) => new AcceptTakesBack(shape, undefined, pages) },
];

describe('an invariant', () => {
  for (const { name, config, invariant, make } of MUTANTS) {
    it(`fails for a model ${name}: ${invariant}`, () => {
      assertNothingFound(explore(new World(config)));
      assert.equal(explore(new World({ ...config, createModel: make })).counterexample?.invariant, invariant);
    });
  }

  it('can fail, each of them', () => {
    const fails = new Set<Invariant | null>([
      ...UAPI_NAMES.flatMap(mistakesOf).map(({ invariant }) => invariant),
      ...FINDINGS.map(({ expected }) => expected),
      ...MUTANTS.map(({ invariant }) => invariant),
    ]);
    assert.deepEqual(INVARIANTS.filter((invariant) => !fails.has(invariant)), []);
  });

  it('is looked at only where it is asked for', () => {
    const lost: WorldConfig = { ...one, bugs: ['never-ready'] };
    assert.equal(explore(new World(lost)).counterexample?.invariant, 'lost-wake-up');
    assertNothingFound(explore(new World({ ...lost, check: ['double-completion'] })));
  });
});
