import { strict as assert } from 'node:assert';
import { Machine, checksumPage } from '../../lib/index.js';
import { checkEvents, checkIntegrity } from '../../lib/bench/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { ALL_MODES, assertNothingLeft, countingSource, countingSums, holdings, pagesHandedOut, smallMachine, startThreadPool } from './support.js';

const PAGES = 300;

describe('delivery of missing pages', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const mode of ALL_MODES) {
    for (const vcpus of [1, 4]) {
      it(`${mode} on ${vcpus} vCPU${vcpus === 1 ? '' : 's'}: every page arrives intact and guest and host count the same events`, async () => {
        const before = holdings();
        const machine = await Machine.create(smallMachine(mode, { vcpus, resolvers: vcpus === 1 ? 1 : 2 }));
        try {
          const result = await machine.run();
          assert.equal(result.end, 'done');
          const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
          const integrity = checkIntegrity(order, countingSums(PAGES), result);
          assert(integrity.exact, JSON.stringify(integrity));
          for (const check of checkEvents(mode, { order }, result)) assert(check.agree, `${check.what}: guest ${check.guest}, host ${check.host}`);
          const notPresent = result.guest.reduce((sum, vcpu) => sum + vcpu.notPresent, 0);
          const { faultExits, foundByExitGpa, foundByDecoding, foundByMmio, spuriousFaults } = result.vcpus;
          assert.equal(foundByExitGpa + foundByDecoding + foundByMmio + spuriousFaults, faultExits, 'a fault was explained in no way, or in two');
          assert(foundByExitGpa === 0 || foundByDecoding === 0, 'a kernel names every page or none');
          if (mode.startsWith('apf')) assert(notPresent > 0, 'the mechanism under test produced no event');
        } finally {
          await machine.close();
        }
        await assertNothingLeft(before);
      });
    }
  }

  it('visits exactly the pages that are named and leaves the others missing', async () => {
    const order = Uint32Array.of(5, 3, 200, 4);
    const machine = await Machine.create(smallMachine('sync-exit', { order, faultTasks: 1 }));
    try {
      const result = await machine.run();
      const visited = [...result.latencyCycles.keys()].filter((page) => result.latencyCycles[page] !== 0n);
      assert.deepEqual(visited, [3, 4, 5, 200]);
      assert.equal(result.resolvers.pages, 4);
    } finally {
      await machine.close();
    }
  });

  it('reports a page whose contents are not the announced ones, on the guest side and on the host side', async () => {
    const expected = countingSums(PAGES);
    const wrong = expected.slice();
    wrong[2 * 17] ^= 1;
    const machine = await Machine.create(smallMachine('sync-uffd', { expected: wrong }));
    try {
      const result = await machine.run();
      const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
      assert.equal(result.guest[0].mismatches, 1);
      const integrity = checkIntegrity(order, wrong, result);
      assert.deepEqual([integrity.exact, integrity.mismatched, integrity.examples], [false, 1, [17]]);
      assert(!checkIntegrity(order, expected, result).exact, "the guest's own complaint counts too");
    } finally {
      await machine.close();
    }
  });

  it('apf-user tells the guest of every fault that can be told', async () => {
    const machine = await Machine.create(smallMachine('apf-user', { latencyNs: 20e6, faultTasks: 8, windowPages: 64, expected: countingSums(64) }));
    try {
      const result = await machine.run();
      assert.equal(result.vcpus.notPresent, 64);
      assert.equal(result.vcpus.syncWaits, 0);
    } finally {
      await machine.close();
    }
  });

  for (const mode of ['apf-kernel', 'apf-user'] as const) {
    it(`${mode}: every fault task gets to fault although no page comes`, async () => {
      const machine = await Machine.create(smallMachine(mode, { source: countingSource({ misbehave: 'hang', page: 0 }), faultTasks: 8 }));
      try {
        const running = machine.run();
        running.catch(() => undefined);
        await pagesHandedOut(machine, 8);
        machine.stop();
        assert.equal((await running).resolvers.pages, 0, 'a page came: it may have been faulted on one after the other');
      } finally {
        await machine.close();
      }
    });
  }

  it('gives a page that its source left untouched as zeroes', async () => {
    const expected = countingSums(PAGES);
    checksumPage(new Int32Array(1024), 0, 9, expected);
    const machine = await Machine.create(smallMachine('sync-exit', { source: countingSource({ misbehave: 'empty', page: 9 }), expected }));
    try {
      const result = await machine.run();
      assert.equal(result.guest[0].mismatches, 0);
    } finally {
      await machine.close();
    }
  });
});
