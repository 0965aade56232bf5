import { strict as assert } from 'node:assert';
import { randomInt } from 'node:crypto';
import { nativeAddon } from '../../lib/native/index.js';
import { uffdFeatures } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { SLOWNESS, patience } from '../support/slowness.js';
import { campaign, describeFinding, runPlan } from './fuzz/campaign.js';
import { HEAL_EVERY, PAGE_COUNT, WindowModel, operationAt } from './fuzz/operations.js';
import type { FuzzPlan } from './fuzz/run.js';
import { shrink, type Range } from './fuzz/shrink.js';

/** A few; all 100,000 are `npm run fuzz:dax`. */
const OPERATIONS = SLOWNESS > 1 ? 128 : 3000;
const CHECKERS = 3;

describe('operations of the fuzz', () => {
  it('depend on seed and index alone, and are of every kind', () => {
    const kinds = new Set<string>();
    for (let index = 0; index < 1000; index++) {
      assert.deepEqual(operationAt(7, index), operationAt(7, index));
      kinds.add(operationAt(7, index).kind);
    }
    assert.deepEqual([...kinds].sort(), ['cure', 'extend', 'heal', 'poison', 'protect', 'punch', 'replace', 'truncate', 'write']);
    assert.notDeepEqual(operationAt(7, 0), operationAt(8, 0));
  });

  it('stay within the window', () => {
    for (let index = 0; index < 5000; index++) {
      const operation = operationAt(index, index);
      if ('page' in operation) assert(operation.page >= 0 && operation.page + ('count' in operation ? operation.count : 1) <= PAGE_COUNT, JSON.stringify(operation));
      if ('end' in operation) assert(operation.end >= 0 && operation.end <= PAGE_COUNT, JSON.stringify(operation));
    }
  });

  it('have a model in which everything is there at first', () => {
    const model = new WindowModel();
    assert.deepEqual(new Set(model.pages.map((_, page) => model.stateOf(page))), new Set([2]));
  });
});

describe('a failure of the fuzz', () => {
  it('shrinks to a short run that ends with it', async () => {
    const tried: Range[] = [];
    const fails = (range: Range): Promise<boolean> => {
      tried.push(range);
      return Promise.resolve(range.from <= 990);
    };
    assert.deepEqual(await shrink({ from: 0, to: 5000 }, 1000, fails), { from: 985, to: 1001 });
    assert.deepEqual(new Set(tried.map(({ from, to }) => to - from)), new Set([1, 4, 16]));
  });

  it('keeps the run that failed where no shorter one does', async () => {
    assert.deepEqual(await shrink({ from: 100, to: 200 }, 150, () => Promise.resolve(false)), { from: 100, to: 151 });
  });
});

describe('a DAX window under fire, its guests checking every byte', function () {
  this.timeout(patience(300_000));
  let plan: FuzzPlan;
  before(function () {
    requireKvm(this);
    const userfaultfd = new (nativeAddon().Userfaultfd)(0n);
    const canPoison = (userfaultfd.features & uffdFeatures.POISON) !== 0n;
    userfaultfd.close();
    plan = { seed: randomInt(1, 2 ** 31), from: 0, to: OPERATIONS, checkers: CHECKERS, canPoison };
  });

  it(`shows no wrong byte, loses nothing that is there, and leaves nothing behind: ${OPERATIONS} operations`, async () => {
    const { outcome, finding } = await campaign(plan);
    assert.equal(finding, null, finding === null ? '' : describeFinding(plan.seed, finding));
    assert('checks' in outcome);
    assert.equal(Object.values(outcome.operations).reduce((sum, count) => sum + count, 0), OPERATIONS);
    assert.equal(outcome.operations['heal'], Math.floor(OPERATIONS / HEAL_EVERY));
    // Each checker was at work, and met what was lost.
    for (const checks of outcome.checks) assert(checks > OPERATIONS / HEAL_EVERY);
    assert(outcome.losses.reduce((sum, count) => sum + count, 0) > 0);
  });

  for (const how of ['byte', 'page'] as const) {
    it(`finds a ${how} that changes behind everybody's back, and says where`, async () => {
      const at = HEAL_EVERY + 10;
      const outcome = await runPlan({ ...plan, to: 2 * HEAL_EVERY, sabotage: { at, how } });
      assert(outcome.failure !== null, 'nothing was found');
      assert.equal(outcome.failure.at, at, outcome.failure.what);
      assert.match(outcome.failure.what, how === 'byte' ? /found 0x[0-9a-f]+ at 0x[0-9a-f]+, page 5, where/ : /lost page 5 .*entitled to/);
    });
  }
});
