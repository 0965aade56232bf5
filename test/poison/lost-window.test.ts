import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { WINDOW_BASE } from '../../lib/guest/index.js';
import { FaultLabError, Machine, type DeliveryMode, type MachineOptions, type MachineResult } from '../../lib/index.js';
import { ALL_MODES, assertNothingLeft, countingSource, countingSums, holdings, pagesHandedOut, smallMachine, startThreadPool } from '../machine/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { pfnOf, poisonPage, requireMemoryFailure } from './support.js';

const PAGES = 16;
/** Every page, then the first one again. */
const ORDER = Uint32Array.from({ length: PAGES + 1 }, (_, at) => at % PAGES);

/** The physical page that holds the window's first page: both views of the window begin with it. */
function firstPageOfWindow(): number {
  const line = readFileSync('/proc/self/maps', 'utf8').split('\n').find((text) => text.includes('kvm-faultlab-window'));
  return pfnOf(BigInt(`0x${(line ?? '').split('-')[0]}`));
}

/** Runs a machine whose first page is lost after the guest has seen it and before it comes back to it. */
async function runLosing(mode: DeliveryMode, changes: Partial<MachineOptions> = {}): Promise<MachineResult | FaultLabError> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const source = countingSource({ misbehave: 'wait', page: PAGES - 1, gate });
  // One task, so that the last access waits for all the others.
  const machine = await Machine.create(smallMachine(mode, { windowPages: PAGES, expected: countingSums(PAGES), order: ORDER, faultTasks: 1, source, ...changes }));
  try {
    const running = machine.run();
    running.catch(() => undefined);
    await pagesHandedOut(machine, PAGES);
    poisonPage(firstPageOfWindow());
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    return await running;
  } catch (error) {
    if (!(error instanceof FaultLabError)) throw error;
    return error;
  } finally {
    await machine.close();
  }
}

describe('a page of the window that the hardware lost', function () {
  before(async function () {
    requireKvm(this);
    requireMemoryFailure(this);
    await startThreadPool();
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: ends the run at the next access, and the error names it`, async () => {
      const before = holdings();
      const end = await runLosing(mode);
      assert(end instanceof FaultLabError, 'the run came to its end');
      assert.equal(end.code, 'MEMORY_POISONED', end.message);
      assert.match(end.message, new RegExp(`gpa 0x${WINDOW_BASE.toString(16)}, hva 0x`));
      await assertNothingLeft(before);
    });

    it(`${mode}: is filled from the source again where the handler says so`, async () => {
      const before = holdings();
      const module = new URL('./handlers/answering.js', import.meta.url).href;
      const end = await runLosing(mode, { memoryFailureHandler: { module, options: 'replace' } });
      assert(!(end instanceof FaultLabError), end instanceof Error ? end.message : '');
      assert.equal(end.end, 'done');
      assert.deepEqual([end.vcpus.memoryFailures, end.resolvers.pages, end.guest[0].mismatches], [1, PAGES + 1, 0]);
      await assertNothingLeft(before);
    });
  }
});
