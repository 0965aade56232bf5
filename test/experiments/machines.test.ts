/** Q1 to Q8 and Q15: that each arm made the events that its name says, counted by the guest. No times. */
import assert from 'node:assert/strict';
import { ARMS as Q1_ARMS } from '../../lib/experiments/q1-spurious-pair/arms.js';
import { lacksForModes, measureArm } from '../../lib/experiments/q1-spurious-pair/index.js';
import { conclude } from '../../lib/experiments/q1-spurious-pair/verdict.js';
import { ARMS as Q2_ARMS, deviation } from '../../lib/experiments/q2-two-bits/arms.js';
import { measurePlace } from '../../lib/experiments/q2-two-bits/index.js';
import { measureMeeting, twice } from '../../lib/experiments/q3-race-rate/index.js';
import { MOMENTS, measureMoment } from '../../lib/experiments/q4-who-decides/index.js';
import { faultExitNs } from '../../lib/experiments/q5-exitless/exit-cost.js';
import { measureMode } from '../../lib/experiments/q5-exitless/index.js';
import { KEYS, duplicates, measureShared } from '../../lib/experiments/q6-completion-key/index.js';
import { measureFlood } from '../../lib/experiments/q7-flood/index.js';
import { q8 } from '../../lib/experiments/q8-deliverable/index.js';
import { WAIT_ARMS, deviation as deviation8, measureWaitArm } from '../../lib/experiments/waits/whole-runs.js';
import { Kvm } from '../../lib/kvm/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

const PAGES = 40;
const NOBODY = { follow: () => undefined };

describe('experiments on machines', function () {
  this.timeout(patience(120_000));

  before(function () {
    requireKvm(this);
    const kvm = Kvm.open();
    const lacking = lacksForModes(kvm);
    kvm.close();
    if (lacking !== null) skip(this, lacking, { hostCannot: true });
  });
  afterEach(() => {
    noteKvmUse();
  });

  for (const arm of Q1_ARMS) {
    it(`q1, ${arm.id}: the guest counts ${arm.pairsPerPage === 0 ? 'no event' : 'one pair of events for each page'}, and the host as many for nothing as the arm says`, async () => {
      const run = await measureArm(NOBODY, arm, 0, PAGES);
      assert.equal(run.pages, PAGES);
      assert.equal(run.notPresent, arm.pairsPerPage * PAGES);
      assert.equal(run.ready, run.notPresent);
      assert.equal(run.result.vcpus.spuriousPairs, arm.id === 'spurious' ? PAGES : 0);
      assert.equal(run.result.vcpus.accepted, arm.id === 'async' ? PAGES : 0);
    });
  }

  it('q1 has no verdict where an arm is not what it is to be, and none from a single round', async () => {
    const [sync, spurious] = Q1_ARMS;
    const run = await measureArm(NOBODY, sync, 0, PAGES);
    const mislabelled = conclude([{ round: 0, fetchNs: 0, arm: spurious, run }]).finding;
    assert(!mislabelled.answered && mislabelled.why.includes('0 pairs of events for 40 pages'));
    assert(!conclude([{ round: 0, fetchNs: 0, arm: sync, run }]).finding.answered);
  });

  for (const arm of Q2_ARMS) {
    it(`q2, ${arm.id}: the guest is told of exactly the pages that the arm means`, async () => {
      const sample = await measurePlace(NOBODY, { fetchNs: 1e6, quickShare: 0.5 }, arm, PAGES);
      assert(sample.quickPages > 0 && sample.quickPages < PAGES, `${sample.quickPages} quick pages`);
      assert.equal(deviation(arm, PAGES - sample.quickPages, sample.quickPages, sample.run), null);
      assert.equal(sample.run.notPresent + sample.run.result.vcpus.refusedAsync, arm.told(PAGES - sample.quickPages, sample.quickPages));
    });
  }

  it('q2 notices an arm that tells the guest of quick pages', async () => {
    const [, allAsync, , twoBits] = Q2_ARMS;
    const { run, quickPages } = await measurePlace(NOBODY, { fetchNs: 1e6, quickShare: 0.5 }, allAsync, PAGES);
    assert.match(deviation(twoBits, PAGES - quickPages, quickPages, run) ?? '', /told the guest of \d+ faults where \d+ are due/);
  });

  it('q3 visits every page twice, so far apart as it says, and counts every fault once', async function () {
    assert.deepEqual([...twice(3, 0)], [0, 0, 1, 1, 2, 2]);
    assert.deepEqual([...twice(3, 2)], [0, 1, 2, 0, 1, 2]);
    const { pages, result } = await measureMeeting(NOBODY, { vcpus: 2, ahead: 0, fetchNs: 1e6 }, PAGES);
    assert.equal(pages, 2 * PAGES);
    assert.equal(result.resolvers.pages, PAGES);
    const { spuriousFaults, faultExits } = result.vcpus;
    const shared = spuriousFaults + result.resolvers.raced + result.resolvers.repeated;
    if (shared === 0) skip(this, 'the vCPUs never met on a page in this run', { hostCannot: true });
    assert(faultExits >= PAGES + shared - result.vcpus.syncWaits);
  });

  for (const moment of MOMENTS) {
    it(`q4, ${moment.id}: every page is waited for, with ${moment.pairsPerPage} pairs of events for nothing`, async () => {
      const { pages, notPresent, ready, result } = await measureMoment(NOBODY, moment, 0, PAGES);
      assert.deepEqual({ pages, notPresent, ready }, { pages: PAGES, notPresent: moment.pairsPerPage * PAGES, ready: moment.pairsPerPage * PAGES });
      assert.equal(result.vcpus.syncWaits, PAGES);
      assert.equal(result.vcpus.autoCompleted, moment.id === 'at-accept' ? PAGES : 0);
    });
  }

  it('q5 publishes on the ring what it calls exitless, and measures exits that really failed', async () => {
    const run = await measureMode(NOBODY, 'apf-exitless', { vcpus: 1, tasks: 1 }, 0, PAGES);
    assert.equal(run.result.vcpus.exitless, PAGES);
    assert.equal(run.result.resolvers.ringEntries, PAGES);
    assert.equal(run.ready, PAGES);
    const kvm = Kvm.open();
    try {
      assert((await faultExitNs(kvm, 20)).length > 0, 'no KVM_RUN failed with EFAULT');
    } finally {
      kvm.close();
    }
  });

  for (const { uapi, key } of KEYS) {
    it(`q6: a page that two vCPUs want is completed for both by ${key} (${uapi})`, async function () {
      const run = await measureShared(NOBODY, uapi, 2, PAGES);
      assert.equal(run.ready, run.notPresent);
      assert.equal(run.result.resolvers.pages, PAGES);
      if (duplicates({ uapi, key, vcpus: 2, run }) === 0) skip(this, 'no page was told to both vCPUs in this run', { hostCannot: true });
    });
  }

  it('q7 floods: as many faults as tasks are told of, and each is completed', async () => {
    const run = await measureFlood(NOBODY, { mode: 'apf-exitless', vcpus: 1, fetchNs: 1e6, limit: 64, ringEntries: 64 }, 200);
    assert.equal(run.pages, 200);
    assert.equal(run.ready, run.notPresent);
    assert(run.notPresent > 0);
    assert.equal(run.result.vcpus.refusedAsync, 0, '64 tasks cannot pass a limit of 64');
  });

  for (const mode of ['apf-user', 'apf-exitless'] as const) {
    it(`q7 passes a limit below the number of tasks, and what is refused is waited for (${mode})`, async () => {
      const run = await measureFlood(NOBODY, { mode, vcpus: 1, fetchNs: 10e6, limit: 8, ringEntries: 8 }, 200);
      assert.equal(run.pages, 200);
      assert.equal(run.ready, run.notPresent);
      assert(run.result.vcpus.refusedAsync > 0, 'no fault was refused');
      assert(run.result.vcpus.syncWaits >= run.result.vcpus.refusedAsync);
    });
  }

  for (const arm of WAIT_ARMS) {
    it(`q8 and q15, ${arm.id}: the vCPU waits as the arm says`, async function () {
      const kvm = Kvm.open();
      const lacking = q8.lacks(kvm);
      kvm.close();
      if (lacking !== null) skip(this, lacking, { hostCannot: true });
      const run = await measureWaitArm(NOBODY, arm, 1e6, PAGES);
      assert.equal(run.pages, PAGES);
      assert.equal(deviation8({ round: 0, arm, fetchNs: 1e6, run }), null);
      const [other] = WAIT_ARMS.filter(({ id }) => id === (arm.id === 'told' ? 'block' : 'told'));
      assert.notEqual(deviation8({ round: 0, arm: other, fetchNs: 1e6, run }), null, 'an arm that did something else is noticed');
    });
  }
});
