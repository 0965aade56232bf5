import { strict as assert } from 'node:assert';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, type MachineOptions, type MachineResult, type TrapInstruction } from '../../lib/index.js';
import { checkEvents, checkIntegrity } from '../../lib/bench/index.js';
import { CALIBRATION_TRAPS, TRAP_INSTRUCTIONS } from '../../lib/guest/index.js';
import { ALL_MODES, countingSums, smallMachine, startThreadPool } from '../machine/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { TASK_SOURCES, buildVariant } from './variant.js';

const PAGES = 64;
const FAULT_TASKS = 8;
const WORK_TASKS = 3;
/** Several ticks while each page is on its way. */
const TICK_NS = 500e3;

async function run(options: MachineOptions): Promise<MachineResult> {
  const machine = await Machine.create(options);
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

function options(mode: MachineOptions['mode'], changes: Partial<MachineOptions>): MachineOptions {
  return smallMachine(mode, { windowPages: PAGES, expected: countingSums(PAGES), faultTasks: FAULT_TASKS, tickNs: TICK_NS, latencyNs: 2e6, ...changes });
}

describe('a trap that is interrupted', function () {
  let working: readonly TrapInstruction[];
  const folders: string[] = [];
  let trappingWork: string;
  let trapInWindow: string;

  before(async function () {
    requireKvm(this);
    await startThreadPool();
    const variant = (path: string, source: string): string => {
      const { folder, elf } = buildVariant({ [path]: readFileSync(join(TASK_SOURCES, source), 'utf8') });
      folders.push(folder);
      return elf;
    };
    trappingWork = variant('tasks/work.c', 'trapping-work.c');
    trapInWindow = variant('tasks/fault.c', 'trap-in-window.c');
    const { by } = (await run(smallMachine('sync-exit', { windowPages: 1, expected: countingSums(1), faultTasks: 1, workTasks: 0 }))).guest[0].trap;
    working = TRAP_INSTRUCTIONS.filter((instruction) => by[instruction].probe.outcome === 'works');
  });

  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: tasks that trap without a stack of their own are preempted and lose nothing`, async () => {
      const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
      for (const trap of working) {
        const result = await run(options(mode, { trap, workTasks: WORK_TASKS, controlTicks: 20, guestPath: trappingWork }));
        const [guest] = result.guest;
        assert.equal(guest.mismatches, 0, `${trap}: a trap came back wrong`);
        assert(checkIntegrity(order, countingSums(PAGES), result).exact, trap);
        for (const check of checkEvents(mode, order, result)) assert(check.agree, `${trap}: ${JSON.stringify(check)}`);
        assert(guest.ticks >= 40 && guest.switches > 0, `${trap}: nobody was preempted`);
        const work = guest.controlBefore.work + guest.paging.work + guest.controlAfter.work;
        const traps = guest.trap.by[trap].taken - CALIBRATION_TRAPS - 1 - FAULT_TASKS;
        assert(guest.controlBefore.work > 0, `${trap}: no trap came back`);
        // A task is anywhere between its trap and the count of it; between two phases it counts for neither.
        assert(traps >= work, `${trap}: ${traps} traps taken, ${work} came back`);
      }
    });

    it(`${mode}: tasks whose trap instruction lies in a missing page, or in two, trap once it is there`, async () => {
      for (const trap of working) {
        const source = { module: new URL('./sources/trap-code.js', import.meta.url).href, options: { instruction: trap } };
        const { guest, resolvers } = await run({ mode, source, windowPages: PAGES, faultTasks: FAULT_TASKS, tickNs: TICK_NS, latencyNs: 2e6, trap, guestPath: trapInWindow });
        assert.equal(guest[0].mismatches, 0, `${trap}: a trap came back wrong`);
        assert.equal(guest[0].pages, PAGES);
        assert.equal(resolvers.pages, PAGES);
        // One within each page, one across each pair.
        assert.equal(guest[0].trap.by[trap].taken, CALIBRATION_TRAPS + 1 + FAULT_TASKS + PAGES + PAGES - 1, trap);
        if (mode.startsWith('apf')) assert(guest[0].notPresent > 0, 'no fetch of a trap was told to the guest');
      }
    });
  }
});
