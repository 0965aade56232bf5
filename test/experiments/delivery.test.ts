/** When a guest is told of a missing page: pinned for each kind of host, so that a kernel that changed is noticed. */
import assert from 'node:assert/strict';
import { TimingHelper } from '../../lib/experiments/helper/timing-helper.js';
import { DELIVERY_CASES, decideByModel, decideByVmm, type Decision, type DeliveryCase } from '../../lib/experiments/delivery/cases.js';
import { observe } from '../../lib/experiments/delivery/observe.js';
import { compare, find, reasonOf, type StateResult } from '../../lib/experiments/delivery/verdict.js';
import { delivery } from '../../lib/experiments/delivery/index.js';
import { Kvm, readHost, type HostKind } from '../../lib/kvm/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';

const RUNS = 2;

/** What Linux 6.12 to 6.18 decide, where every instruction of the guest runs on the CPU. */
const DECISIONS: Readonly<Record<string, Decision>> = {
  cpl3: 'told',
  'cpl3-if0': 'waits',
  cpl0: 'halts',
  'cpl0-always': 'told',
  'cpl0-always-if0': 'waits',
  sti: 'waits',
  'mov-ss': 'waits',
  'mov-ss-cpl0': 'waits',
  'shadow-sti': 'waits',
  'shadow-mov-ss': 'waits',
  delivering: 'waits',
  off: 'halts',
  'no-int': 'halts',
  'cpl3-no-hlt': 'told',
  'cpl0-no-hlt': 'waits',
  'off-no-hlt': 'waits',
};

/** Where a kind of host differs. */
const DIFFERENCES: Partial<Readonly<Record<HostKind, Readonly<Record<string, Decision>>>>> = {
  PVM: { cpl0: 'waits', 'cpl0-always': 'waits', 'mov-ss': 'told' },
};

/** Where an emulated CPU differs from all hosts: its VMRUN does not take over a shadow. */
const EMULATED: Readonly<Record<string, Decision>> = { 'shadow-sti': 'told', 'shadow-mov-ss': 'told' };

const of = (id: string): DeliveryCase => {
  const found = DELIVERY_CASES.find((state) => state.id === id);
  assert(found !== undefined, id);
  return found;
};

describe('the delivery of not-present events', function () {
  this.timeout(30_000);
  let kvm: Kvm;

  before(function () {
    requireKvm(this);
    kvm = Kvm.open();
    const lacking = delivery.lacks(kvm);
    if (lacking !== null) skip(this, lacking, { hostCannot: true });
  });

  after(() => {
    kvm.close();
  });

  for (const state of DELIVERY_CASES) {
    it(`${state.title}: the kernel decides as it did`, async () => {
      const { kind, emulated } = readHost();
      const differences: Readonly<Record<string, Decision>> = { ...DIFFERENCES[kind], ...(emulated ? EMULATED : {}) };
      const expected = Object.hasOwn(differences, state.id) ? differences[state.id] : DECISIONS[state.id];
      await TimingHelper.with(async (helper) => {
        for (let run = 0; run < RUNS; run++) {
          const { decision, end, notPresent, ready, timeline } = await observe(kvm, helper, state);
          const text = timeline.map(({ what }) => what).join('; ');
          assert.equal(decision, expected, `this kernel decides otherwise than those before it on a ${kind} host (the guest ${end}): ${text}`);
          if (expected !== 'told') {
            assert.deepEqual([notPresent, ready], [[], []], text);
            continue;
          }
          assert.deepEqual(notPresent.map(({ token, cpl, interrupts }) => ({ token, cpl, interrupts })), [{ token: 0x1000, cpl: state.cpl, interrupts: true }], text);
          assert.deepEqual(ready, [0x1000], text);
        }
      });
    });
  }

  it('fills the slot of a ready event while the guest has its interrupts off', async () => {
    await TimingHelper.with(async (helper) => {
      const { filledWithInterruptsOff, ready } = await observe(kvm, helper, of('cpl3'), 'looks first');
      assert.equal(filledWithInterruptsOff, true);
      assert.deepEqual(ready, [0x1000]);
    });
  });
});

describe('the rules beside it', () => {
  it('are those of a kernel whose guest runs on the CPU', () => {
    for (const state of DELIVERY_CASES) {
      assert.equal(decideByModel(state), DECISIONS[state.id], state.title);
      assert.equal(decideByVmm(state).decision === 'told', DECISIONS[state.id] === 'told', state.title);
    }
  });

  const result = (id: string, ...decisions: readonly (Decision | null)[]): StateResult => ({
    state: of(id),
    runs: decisions.map((decision) => ({ decision, end: 'runs', notPresent: [], ready: [] })),
  });

  it('differ where KVM decides otherwise, and where it does not always decide the same', () => {
    assert.deepEqual([compare(result('cpl0', 'waits')).isOfModel, compare(result('cpl0', 'waits')).isOfVmm], [true, false]);
    assert.deepEqual([compare(result('cpl3', 'told', 'waits')).isOfModel, compare(result('cpl3', 'told', 'told')).isOfModel], [true, false]);
    assert.equal(reasonOf(compare(result('cpl0', 'halts')), { kind: 'PVM', emulated: false }), null);
    assert.match(reasonOf(compare(result('cpl0', 'waits')), { kind: 'PVM', emulated: false }) ?? '', /emulates/);
    assert.equal(reasonOf(compare(result('cpl0', 'waits')), { kind: 'SVM', emulated: false }), null);
  });

  it('have a reason where an emulated CPU differs', () => {
    const difference = compare(result('shadow-sti', 'told'));
    assert.match(reasonOf(difference, { kind: 'SVM', emulated: true }) ?? '', /VMRUN/);
    assert.equal(reasonOf(difference, { kind: 'SVM', emulated: false }), null);
  });

  it('are in the verdict; without a state, or a guest that gets to its page, there is none', () => {
    const all = DELIVERY_CASES.map(({ id }) => result(id, DECISIONS[id]));
    const found = find(all, true);
    assert(found.answered);
    assert.match(found.verdict, /^of 16 states KVM tells the guest in 3, halts its vCPU in 3 and waits in 10; the model of a stock kernel differs nowhere; the VMM's own rules differ nowhere; a ready event fills/);
    assert.match(found.answer, /; in 3 other states it halts the vCPU, in 10 it waits; the model of a stock kernel agrees in all 16 states$/);
    const tasksAlone = find([...all.map(({ state }) => result(state.id, state.id === 'cpl3' ? 'told' : 'waits'))], true);
    assert(tasksAlone.answered && tasksAlone.answer.startsWith('KVM tells the guest only when a task of it faults with interrupts on (CPL3, IF=1); in all others'), JSON.stringify(tasksAlone));
    const other = find([result('cpl3', 'waits'), ...all.slice(1)], true);
    assert(other.answered && other.answer.endsWith('differs in 1 of 16 states (CPL3, IF=1)') && /differs in 1: cpl3 \(KVM: waits, model: told\)/.test(other.verdict));
    assert(!find(all.slice(1), true).answered);
    assert(!find([result('cpl3', null), ...all.slice(1)], true).answered);
  });
});
