/** Q8 to Q16: that each did to a guest what its verdict speaks of. No times. */
import assert from 'node:assert/strict';
import { Kvm, probeUapi } from '../../lib/kvm/index.js';
import { HelperThread } from '../../lib/probes/index.js';
import { withAsyncPfGuest } from '../../lib/experiments/guests/async-pf-guest.js';
import { FAILING, PRESENT, retire, userfaultfdPage, type Backing } from '../../lib/experiments/guests/backings.js';
import { TimingHelper } from '../../lib/experiments/helper/timing-helper.js';
import { KERNEL_ACCESSES } from '../../lib/experiments/q11-kernel-accesses/accesses.js';
import { tryKernelAccess } from '../../lib/experiments/q11-kernel-accesses/try-access.js';
import { conclude, failingAccesses } from '../../lib/experiments/q12-error-outcome/index.js';
import { tryFailingAccess, type FailingAccess } from '../../lib/experiments/q12-error-outcome/failing-access.js';
import { measureChange } from '../../lib/experiments/q10-zapping/changes.js';
import { measurePlace } from '../../lib/experiments/q13-interruptibility/measure.js';
import { PLACES } from '../../lib/experiments/q13-interruptibility/places.js';
import { restoreOnce } from '../../lib/experiments/q14-restore/restore.js';
import { ARMS as Q9_ARMS, deviation } from '../../lib/experiments/q9-uffd-scaling/index.js';
import { Crew } from '../../lib/experiments/q9-uffd-scaling/crew.js';
import { ACCESSES, measureWaits, type Way } from '../../lib/experiments/waits/interrupted-wait.js';
import { playLitmus } from '../../lib/experiments/q16-ordering/litmus.js';
import { addresses } from '../../lib/probes/index.js';
import { UAPI_PROFILES } from '../../lib/uapi/proposals/index.js';
import { PAGE_SIZE, uffdFeatures } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

const backing = (id: string): Backing => {
  const found = [PRESENT, ...FAILING].find((candidate) => candidate.id === id);
  assert(found !== undefined);
  return found;
};

describe('experiments on small guests', function () {
  this.timeout(patience(60_000));
  let kvm: Kvm;
  let opened: Kvm | undefined;

  before(function () {
    requireKvm(this);
    kvm = opened = Kvm.open();
    if (kvm.checkExtension('ASYNC_PF_INT') === 0 || kvm.checkExtension('SPLIT_IRQCHIP') === 0) skip(this, 'this KVM has no async page faults by interrupt', { hostCannot: true });
  });
  after(() => {
    opened?.close();
  });

  it('a guest with async page faults is told once that a late page is not present, once that it is ready, and once of wake-all', async () => {
    const helper = await HelperThread.start();
    const [page, uffd] = userfaultfdPage(uffdFeatures.THREAD_ID);
    try {
      await withAsyncPfGuest(kvm, { cpl: 3, code: [0x8a, 0x03], registers: { rbx: addresses.page }, page, sliceNs: 2e9 }, async (guest, counts) => {
        const { result, faults } = await helper.serving(uffd, page, () => guest.run());
        assert.equal(result.kind, 'end');
        assert(faults.length > 0 && faults.every(({ threadId }) => threadId !== guest.vcpu.threadId), "the vCPU's own thread waited");
        const { notPresent, ready, wakeAll } = counts();
        assert.equal(notPresent, 1);
        assert.equal(wakeAll, 1);
        // The guest may have tried again by itself and ended before the event came.
        assert(ready <= 1);
      });
    } finally {
      uffd.unregister(page, 0, PAGE_SIZE);
      uffd.close();
      retire(page);
      await helper.close();
    }
  });

  describe('q12', () => {
    const tryOne = async (access: Partial<FailingAccess>): ReturnType<typeof tryFailingAccess> =>
      tryFailingAccess(kvm, { backing: backing('sigbus'), situation: 'APF on', cpl: 3, access: 'load', ...access });

    it('sees a guest run through where memory is there, whatever its situation', async () => {
      for (const access of failingAccesses([PRESENT])) {
        const { result, loop, guestEvents } = await tryFailingAccess(kvm, access);
        assert.deepEqual({ result, loop, guestEvents }, { result: 'runs', loop: 'none', guestEvents: 0 }, JSON.stringify(access));
      }
    });

    it('ends a loop through the guest within its time, and counts its turns by the guest', async function () {
      const startMs = performance.now();
      const { loop, turns, guestEvents, errno } = await tryOne({});
      assert(performance.now() - startMs < patience(20_000), 'the loop was not bounded');
      if (loop === 'none') skip(this, 'this kernel has no endless loop: KVM_RUN failed', { hostCannot: true });
      assert.equal(loop, 'through the guest');
      assert.equal(errno, null);
      assert(turns > 2 && turns === guestEvents, `${turns} turns, ${guestEvents} events`);
    });

    it('tells a failure that KVM reports from a loop', async () => {
      const { loop, errno, guestEvents } = await tryOne({ situation: 'no APIC' });
      assert.deepEqual({ loop, errno, guestEvents }, { loop: 'none', errno: 'EFAULT', guestEvents: 0 });
      const poisoned = await tryOne({ backing: backing('poison') });
      assert.equal(poisoned.signal, 'SIGBUS, BUS_MCEERR_AR');
    });

    it('computes its verdict from what it saw: no loop, no loop in the verdict; no control, no verdict', async () => {
      const [access] = failingAccesses([PRESENT]);
      const control = { ...access, outcome: await tryFailingAccess(kvm, access) };
      const failing = { ...control, backing: backing('sigbus'), situation: 'APF on', cpl: 3, outcome: { ...control.outcome, result: 'EFAULT', errno: 'EFAULT' } } as const;
      const without = conclude([control, failing], [], 2).finding;
      assert(without.answered && without.answer.includes('does not exist'));
      const looping = { ...failing, outcome: { ...failing.outcome, errno: null, loop: 'through the guest', turns: 9, turnNs: 1e5 } } as const;
      const found = conclude([control, looping], [], 2).finding;
      assert(found.answered && found.answer.includes('still exists') && found.verdict.includes('at least 9 turns'));
      assert(!conclude([failing], [], 1).finding.answered);
    });
  });

  it('q13 interrupts a wait for a page that somebody was seen waiting for, and not an access of KVM\'s own', async () => {
    await TimingHelper.with(async (helper) => {
      for (const place of PLACES.filter(({ waitsForPage }) => waitsForPage)) {
        const { samples, waiters, others } = await measurePlace(kvm, helper, place, 2, () => false);
        assert.equal(samples.length + others.length, 2);
        assert(waiters.length > 0, `${place.id}: nobody waited for the page`);
        if (place.id === 'kernel-access') continue;
        assert(samples.every(({ waitedForPage }) => !waitedForPage), `${place.id}: a signal did not end the wait`);
      }
    });
  });

  it('q11 makes every access with memory that is there, or sees somebody wait for the page', async () => {
    const helper = await HelperThread.start();
    try {
      for (const access of KERNEL_ACCESSES) {
        const present = await tryKernelAccess(kvm, helper, access, 'present');
        const served = await tryKernelAccess(kvm, helper, access, 'userfaultfd');
        const failing = await tryKernelAccess(kvm, helper, access, 'sigbus');
        assert(present.worked || served.waited !== null, `${access.id} was not made: ${present.end}, ${served.end}`);
        assert(served.worked, `${access.id}: ${served.end}`);
        assert.equal(failing.waited, null);
      }
    } finally {
      await helper.close();
    }
  });

  it('q14 saves a guest that sleeps for its page: the restored MSR wakes it, without it it sleeps on', async () => {
    const restored = await restoreOnce(kvm, 'new-vm');
    assert(restored.wasInFlight, 'no fault was in flight');
    assert.deepEqual({ recovered: restored.recovered, wakeAll: restored.wakeAll }, { recovered: true, wakeAll: 1 });
    const left = await restoreOnce(kvm, 'new-vm-without-msr');
    assert(left.wasInFlight, 'no fault was in flight');
    assert.deepEqual({ recovered: left.recovered, wakeAll: left.wakeAll }, { recovered: false, wakeAll: 0 });
    const inPlace = await restoreOnce(kvm, 'in-place');
    assert.deepEqual({ recovered: inPlace.recovered, wakeAll: inPlace.wakeAll }, { recovered: true, wakeAll: 1 });
  });

  const outcomes: Readonly<Record<Way, string>> = { 'kvm-told': 'told', 'kvm-untold': 'halted', 'kvm-block': 'blocked', exit: 'exited' };
  for (const way of Object.keys(outcomes) as Way[]) {
    it(`q8 and q15, ${way}: a task's fault is ${outcomes[way]}, and an interrupt meets it ${way.startsWith('kvm-') && way !== 'kvm-block' ? 'while it waits' : 'with its page'}`, async () => {
      await TimingHelper.with(async (helper) => {
        const waits = await measureWaits(kvm, helper, ACCESSES[0], way, 3, () => false);
        assert.deepEqual(waits.map(({ outcome }) => outcome), [1, 2, 3].map(() => outcomes[way]));
        assert(waits.every(({ interruptNs }) => interruptNs !== null), 'an interrupt was never taken');
        assert.equal(waits.some(({ tookIt }) => tookIt), way === 'kvm-told' || way === 'kvm-untold');
      });
    });
  }

  it('q8: no fault at CPL0 is told, and its interrupts come all the same, at the latest with the page', async () => {
    await TimingHelper.with(async (helper) => {
      for (const access of ACCESSES.filter(({ cpl }) => cpl === 0)) {
        const waits = await measureWaits(kvm, helper, access, 'kvm-told', 2, () => false);
        assert.equal(waits.length, 2);
        for (const { outcome, interruptNs } of waits) {
          assert.notEqual(outcome, 'told', access.id);
          assert(interruptNs !== null, access.id);
        }
      }
    });
  });

  it('q9 brings every page to its vCPU in the way that the arm says', async () => {
    await Crew.with(2, async (crew) => {
      for (const arm of Q9_ARMS) assert.equal(deviation({ round: 0, arm, vcpus: 2, result: await crew.page(arm.paging(2), 512) }), null);
    });
  });

  it('q10 sees 4 KiB mappings while dirty logging is on and larger ones after it, where the host has them', async function () {
    const { pages, faults } = (await measureChange(kvm, 'slot-again', 2 ** 21)).first;
    const { first, firstAfter } = await measureChange(kvm, 'dirty-log', 2 ** 21);
    if (faults === null || faults > pages / 2) skip(this, 'this host has no huge pages behind the guest, or KVM does not count faults', { hostCannot: true });
    assert(first.faults !== null && first.faults > pages / 2, `${first.faults} faults for ${pages} pages`);
    assert(firstAfter?.faults !== null && firstAfter?.faults !== undefined && firstAfter.faults < pages / 2);
  });

  it('q10 leaves a hole for one page, and the guest reaches all others', async () => {
    const { first } = await measureChange(kvm, 'hole', 2 ** 21);
    assert.equal(first.pages, 511);
  });

  it('q10 turns KVM_MEM_USERFAULT on and off', async function () {
    if (!probeUapi(kvm, UAPI_PROFILES.userfault, {}).native) skip(this, 'this kernel does not have KVM_MEM_USERFAULT', { hostCannot: true });
    const { first, onNs, offNs } = await measureChange(kvm, 'userfault', 2 ** 21);
    assert.equal(first.pages, 512);
    assert(onNs > 0 && offNs !== null);
  });
});

describe('q16', function () {
  this.timeout(patience(30_000));

  it('loses no wake-up over the fence, in rounds that both sides played', async () => {
    const { rounds, lost } = await playLitmus(true, 50_000, 3000);
    assert(rounds > 0, 'no round was played');
    assert.equal(lost, 0);
  });
});
