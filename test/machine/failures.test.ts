import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerThreads from 'node:worker_threads';
import { FaultLabError, Machine, imageSource, type MachineOptions } from '../../lib/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { ALL_MODES, assertNothingLeft, countingSource, holdings, pagesHandedOut, smallMachine, startThreadPool } from './support.js';

async function failure(options: MachineOptions, meanwhile: (machine: Machine) => Promise<void> | void = () => undefined): Promise<FaultLabError> {
  const before = holdings();
  let machine: Machine | null = null;
  try {
    machine = await Machine.create(options);
    const running = machine.run();
    running.catch(() => undefined);
    await meanwhile(machine);
    await running;
  } catch (error) {
    assert(error instanceof FaultLabError, String(error));
    return error;
  } finally {
    await machine?.close();
    await assertNothingLeft(before);
  }
  throw new assert.AssertionError({ message: 'the run was expected to fail' });
}

describe('failures of a run', function () {
  this.timeout(90_000);

  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: a page source that throws ends the run with its message`, async () => {
      const error = await failure(smallMachine(mode, { source: countingSource({ misbehave: 'throw', page: 40 }) }));
      assert.equal(error.code, 'RESOLVER_FAILED');
      assert.match(error.message, /page source failed on pages? \d+( to \d+)?: the disk is on fire/);
    });

    it(`${mode}: a resolver Worker that dies ends the run, also with a vCPU asleep`, async () => {
      const error = await failure(smallMachine(mode, { source: countingSource({ misbehave: 'exit', page: 40 }) }));
      assert.equal(error.code, 'WORKER_DIED');
      assert.match(error.message, /resolver 0/);
    });

    it(`${mode}: a vCPU Worker that dies ends the run`, async () => {
      const error = await failure(smallMachine(mode, { vcpus: 2, latencyNs: 50e6 }), async (machine) => {
        await pagesHandedOut(machine, 5);
        await machine.terminateWorker('vCPU 1');
      });
      assert.equal(error.code, 'WORKER_DIED');
      assert.match(error.message, /vCPU 1/);
    });

    it(`${mode}: an image that becomes shorter while it is paged ends the run, not with zeroes`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'shrink-'));
      try {
        const path = join(folder, 'image');
        const sizeBytes = 300 * 4096;
        writeFileSync(path, Buffer.alloc(sizeBytes, 7));
        const source = imageSource({ path, sizeBytes });
        const error = await failure({ mode, windowPages: 300, source, latencyNs: 5e6, faultTasks: 1 }, async (machine) => {
          await pagesHandedOut(machine, 10);
          truncateSync(path, 5 * 4096);
        });
        assert.equal(error.code, 'IMAGE_SHRANK');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it(`${mode}: a page that never comes ends the run with what stood still`, async () => {
      const error = await failure(smallMachine(mode, { source: countingSource({ misbehave: 'hang', page: 40 }), stallNs: patience(1e9) }));
      assert.equal(error.code, 'MACHINE_STALLED');
      assert.match(error.message, /paging.*of 300 pages handed out/);
    });
  }

  it('a page source that writes outside its pages is stopped before it does', async () => {
    const error = await failure(smallMachine('sync-uffd', { source: countingSource({ misbehave: 'overrun', page: 40 }) }));
    assert.equal(error.code, 'RESOLVER_FAILED');
    assert.match(error.message, /wrote bytes/);
  });

  it('a page source module that is missing or exports nothing is named', async () => {
    const missing = await failure(smallMachine('sync-uffd', { source: { module: 'file:///nowhere/source.js', options: null } }));
    assert.match(missing.message, /nowhere/);
    const empty = await failure(smallMachine('sync-uffd', { source: { module: new URL('./support.js', import.meta.url).href, options: null } }));
    assert.match(empty.message, /openPageSource/);
  });

  it('a page source that refuses to open keeps its code, words and hint', async () => {
    const error = await failure(smallMachine('sync-exit', { source: countingSource({ misbehave: 'refuse' }) }));
    assert.deepEqual([error.code, error.message, error.hint, error.syscall, error.errno], ['NO_DISK', 'resolver 0: there is no disk', 'plug one in', 'pread', 5]);
  });

  it('a thread that cannot be made ends those that were, in one coded error', async () => {
    const { Worker: Real } = workerThreads;
    const began: Promise<unknown>[] = [];
    workerThreads.Worker = class extends Real {
      constructor(...[script, options]: ConstructorParameters<typeof Real>) {
        if (began.length === 2) throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
        super(script, options);
        began.push(once(this, 'exit'));
      }
    };
    syncBuiltinESMExports();
    try {
      const error = await failure(smallMachine('sync-exit', { vcpus: 4 }));
      assert.equal(error.code, 'ERR_WORKER_INIT_FAILED');
      assert.match(error.message, /could not start the Workers of a machine/);
    } finally {
      workerThreads.Worker = Real;
      syncBuiltinESMExports();
    }
    assert.equal(began.length, 2);
    await Promise.all(began);
  });

  it('a page source whose options cannot go to a Worker is a coded error', async () => {
    const error = await failure(smallMachine('sync-uffd', { source: { module: 'file:///nowhere', options: () => undefined } }));
    assert.match(error.message, /could not start the Workers/);
  });

  it('a guest that is no ELF file is refused before anything is made', async () => {
    const error = await failure(smallMachine('sync-uffd', { guestPath: '/etc/hostname' }));
    assert.equal(error.code, 'GUEST_ELF');
    assert.equal((await failure(smallMachine('sync-uffd', { guestPath: '/nowhere' }))).code, 'GUEST_ELF');
  });

  it('options out of range are named with what they may be', async () => {
    const cases: [Partial<MachineOptions>, RegExp][] = [
      [{ vcpus: 0 }, /vcpus must be a whole number from 1 to 64/],
      [{ vcpus: 1.5 }, /vcpus/],
      [{ windowPages: 0 }, /windowPages/],
      [{ latencyNs: -1 }, /latencyNs/],
      [{ latencyNs: Number.NaN }, /latencyNs/],
      [{ faultTasks: 60, workTasks: 10 }, /more than the 64/],
      [{ resolvers: 100 }, /resolvers/],
      [{ order: Uint32Array.of(1, 300) }, /order names page 300, but the window has 300/],
      [{ expected: new Int32Array(3) }, /expected must have two lanes for each of 300 pages/],
    ];
    for (const [changes, message] of cases) {
      const error = await failure({ ...smallMachine('sync-uffd'), ...changes });
      assert.equal(error.code, 'BAD_OPTION', JSON.stringify(changes));
      assert.match(error.message, message);
    }
    assert.equal((await failure({ ...smallMachine('sync-uffd'), mode: 'telepathy' as never })).code, 'BAD_OPTION');
  });
});

describe('stopping a run', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: ends at the next tick with what was done, and leaves nothing behind`, async () => {
      const before = holdings();
      const machine = await Machine.create(smallMachine(mode, { latencyNs: 20e6 }));
      const running = machine.run();
      await pagesHandedOut(machine, 20);
      machine.stop();
      const result = await running;
      assert.equal(result.end, 'stopped');
      const visited = [...result.latencyCycles].filter((cycles) => cycles !== 0n).length;
      assert(visited > 0 && visited < 300, `${visited} pages visited`);
      await machine.close();
      await machine.close();
      await assertNothingLeft(before);
    });
  }

  for (const mode of ALL_MODES) {
    it(`${mode}: a machine closed while it runs says so in place of a result, and leaves nothing behind`, async () => {
      const error = await failure(smallMachine(mode, { latencyNs: 20e6 }), async (machine) => {
        await pagesHandedOut(machine, 5);
        await machine.close();
        assert.throws(() => machine.progress(), { code: 'MACHINE_CLOSED' });
        await assert.rejects(machine.run(), { code: 'MACHINE_CLOSED' });
      });
      assert.equal(error.code, 'MACHINE_CLOSED');
    });
  }

  it('a machine that was made and never run can be closed, and stopped after that without harm', async () => {
    const before = holdings();
    const machine = await Machine.create(smallMachine('apf-kernel'));
    await machine.close();
    machine.stop();
    await assertNothingLeft(before);
  });
});

describe('a machine that was used', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  it('does not run twice, and says so; closed, it says that', async () => {
    const machine = await Machine.create(smallMachine('sync-exit'));
    await machine.run();
    await assert.rejects(machine.run(), { code: 'MACHINE_USED' });
    await machine.close();
    await assert.rejects(machine.run(), { code: 'MACHINE_CLOSED' });
    assert.throws(() => machine.progress(), { code: 'MACHINE_CLOSED' });
    machine.stop();
  });
});
