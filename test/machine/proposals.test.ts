import { strict as assert } from 'node:assert';
import { FaultLabError, Machine, type MachineOptions, type MachineResult } from '../../lib/index.js';
import { checkEvents, checkIntegrity } from '../../lib/bench/index.js';
import { builtInPolicy } from '../../lib/faults/index.js';
import { UAPI_MODES } from '../../lib/machine/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { ASYNC_PROPOSAL_MODES, PROPOSAL_MODES, assertNothingLeft, countingSource, countingSums, holdings, smallMachine, startThreadPool } from './support.js';

const PAGES = 300;
const EVERY_PAGE = Uint32Array.from({ length: PAGES }, (_, page) => page);

async function run(options: MachineOptions): Promise<MachineResult> {
  const machine = await Machine.create(options);
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

async function failureOf(options: MachineOptions): Promise<FaultLabError> {
  const before = holdings();
  const error: unknown = await run(options).then(() => new assert.AssertionError({ message: 'the run was expected to fail' }), (reason: unknown) => reason);
  assert(error instanceof FaultLabError, String(error));
  await assertNothingLeft(before);
  return error;
}

/** Counts that must agree, and every byte. */
function assertGood(options: MachineOptions, result: MachineResult): void {
  assert.equal(result.end, 'done');
  const integrity = checkIntegrity(EVERY_PAGE, countingSums(PAGES), result);
  assert(integrity.exact, JSON.stringify(integrity));
  for (const check of checkEvents(options.mode, { order: EVERY_PAGE, ...(options.uapi === undefined ? {} : { uapi: options.uapi }) }, result)) assert(check.agree, `${check.what}: guest ${check.guest}, host ${check.host}`);
}

describe('machines under a proposal', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const { uapi, mode, title } of PROPOSAL_MODES) {
    for (const vcpus of [1, 4]) {
      it(`${title} on ${vcpus} vCPU${vcpus === 1 ? '' : 's'}: every page arrives intact and guest and host count the same events`, async () => {
        const before = holdings();
        const options = smallMachine(mode, { uapi, vcpus, resolvers: vcpus === 1 ? 1 : 3 });
        const result = await run(options);
        assertGood(options, result);
        const told = result.guest.reduce((sum, vcpu) => sum + vcpu.notPresent, 0);
        if (mode === 'sync-exit') assert.equal(told, 0, 'the guest was told of faults that it was not offered');
        else assert(told > 0, 'the mechanism under test produced no event');
        if (mode === 'apf-exitless') assert.equal(result.vcpus.accepted + result.vcpus.exitless, told, 'a fault went neither way');
        await assertNothingLeft(before);
      });
    }
  }

  for (const { uapi, mode, title } of ASYNC_PROPOSAL_MODES) {
    it(`${title}: four vCPUs that meet on every page lose no wake-up, and each page is delivered once`, async () => {
      const order = Uint32Array.from({ length: 4 * PAGES }, (_, i) => Math.floor(i / 4));
      const result = await run({ ...smallMachine(mode, { uapi }), order, vcpus: 4, resolvers: 2, latencyNs: 5e6 });
      const integrity = checkIntegrity(order, countingSums(PAGES), result);
      assert(integrity.exact, JSON.stringify(integrity));
      assert.equal(result.resolvers.pages, PAGES);
      for (const vcpu of result.guest) assert.equal(vcpu.ready, vcpu.notPresent, 'an event went astray');
    });

    it(`${title}: a page source that throws ends the run with its message`, async () => {
      const error = await failureOf(smallMachine(mode, { uapi, source: countingSource({ misbehave: 'throw', page: 40 }) }));
      assert.equal(error.code, 'RESOLVER_FAILED');
    });

    it(`${title}: a resolver Worker that dies ends the run`, async () => {
      const error = await failureOf(smallMachine(mode, { uapi, source: countingSource({ misbehave: 'exit', page: 40 }) }));
      assert.equal(error.code, 'WORKER_DIED');
    });
  }

  it('a task that meets a page on its way halts its vCPU, but for interrupts, and goes on when the page is there', async () => {
    // Eight tasks of one vCPU on one page: the guest is told once, and the others have nothing to be told.
    const order = Uint32Array.from({ length: 8 * 16 }, (_, i) => Math.floor(i / 8));
    for (const { uapi, mode, title } of ASYNC_PROPOSAL_MODES) {
      const result = await run(smallMachine(mode, { uapi, windowPages: 16, expected: countingSums(16), order, latencyNs: 20e6 }));
      assert(checkIntegrity(order, countingSums(16), result).exact, title);
      // A kernel that has the proposal halts inside KVM_RUN, where nobody counts.
      if (result.implementation === 'native') continue;
      assert(result.vcpus.halts > 0, `${title}: no halt`);
      assert(result.vcpus.interruptions > 0, `${title}: a halt that no completion ended`);
    }
  });

  it('refuses modes that a profile does not have, and names those it has', async () => {
    for (const [uapi, mode] of [['userfault', 'apf-user'], ['stock', 'apf-exitless'], ['async-pf-user-2024', 'apf-kernel']] as const) {
      const error = await failureOf(smallMachine(mode, { uapi }));
      assert.equal(error.code, 'BAD_OPTION');
      assert.equal(error.hint, `its modes are ${UAPI_MODES[uapi].join(', ')}`);
    }
    const error = await failureOf(smallMachine('sync-exit', { uapi: 'userfaulty' as 'userfault' }));
    assert.match(error.message, /unknown uAPI profile 'userfaulty'/);
  });

  it('says that it is emulated, and refuses to be native where the kernel has nothing of the kind', async () => {
    const options = smallMachine('sync-exit', { uapi: 'userfault', implementation: 'emulated' });
    assert.equal((await run(options)).implementation, 'emulated');
    assert.equal((await failureOf(smallMachine('apf-exitless', { uapi: 'async-pf-userfault-2026', implementation: 'native' }))).code, 'BAD_OPTION');
  });
});

describe('policies of a machine', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  const ODD_PAGES = { module: new URL('./policies/odd-pages.js', import.meta.url).href, options: null };

  it('always-sync: no fault is left to the guest; where KVM tells it first, each is told in vain', async () => {
    for (const [uapi, vain] of [['stock', 0], ['async-pf-user-2024', PAGES], ['async-pf-userfault-2026', PAGES], ['sync-async-2bit', 0]] as const) {
      const options = smallMachine('apf-user', { uapi, policy: builtInPolicy({ name: 'always-sync' }) });
      const result = await run(options);
      assertGood(options, result);
      assert.equal(result.vcpus.syncWaits, PAGES, uapi);
      assert.equal(result.vcpus.choseSync, PAGES, uapi);
      assert.equal(result.vcpus.spuriousPairs, vain, uapi);
      assert.equal(result.vcpus.autoCompleted, uapi === 'async-pf-userfault-2026' ? PAGES : 0, uapi);
    }
  });

  it("a user's own: each page goes the way that it says", async () => {
    for (const uapi of ['stock', 'async-pf-user-2024', 'async-pf-userfault-2026', 'sync-async-2bit'] as const) {
      const options = smallMachine('apf-user', { uapi, policy: ODD_PAGES });
      const result = await run(options);
      assertGood(options, result);
      assert.equal(result.vcpus.syncWaits, PAGES / 2, uapi);
      assert.equal(result.vcpus.notPresent - result.vcpus.spuriousPairs, PAGES / 2, uapi);
    }
  });

  it('one that throws, or answers nonsense, ends the run with what it was asked', async () => {
    for (const misbehave of ['throw', 'nonsense']) {
      for (const uapi of ['stock', 'sync-async-2bit'] as const) {
        const error = await failureOf(smallMachine('apf-user', { uapi, policy: { ...ODD_PAGES, options: { misbehave } } }));
        assert.equal(error.code, 'POLICY_FAILED');
      }
    }
  });

  it('state: a vCPU that comes to a page on its way waits for it', async () => {
    const order = Uint32Array.from({ length: 4 * 64 }, (_, i) => Math.floor(i / 4));
    for (const uapi of ['stock', 'sync-async-2bit'] as const) {
      const result = await run({
        ...smallMachine('apf-user', { uapi, windowPages: 64, expected: countingSums(64), policy: builtInPolicy({ name: 'state' }) }),
        order, vcpus: 4, faultTasks: 1, latencyNs: 20e6,
      });
      assert(checkIntegrity(order, countingSums(64), result).exact);
      assert(result.vcpus.choseSync > 0, `${uapi}: nobody met a page on its way`);
      assert(result.vcpus.notPresent >= 32, `${uapi}: those who ask first are told`);
    }
  });

  it('latency: learns that quick pages are worth waiting for, and slow ones are not', async () => {
    for (const uapi of ['stock', 'sync-async-2bit'] as const) {
      const options = smallMachine('apf-user', {
        uapi, latencyNs: 400e6, quick: { share: 0.9, latencyNs: 0, seed: 3 }, policy: builtInPolicy({ name: 'latency', thresholdNs: 200e6 }),
      });
      const result = await run(options);
      assertGood(options, result);
      assert(result.vcpus.choseSync > PAGES / 2, `${uapi}: quick pages were not waited for: ${result.vcpus.choseSync}`);
      assert(result.vcpus.notPresent > 0, `${uapi}: slow pages were waited for`);
    }
  });
});
