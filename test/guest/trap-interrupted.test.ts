import { strict as assert } from 'node:assert';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, checksumPage, type MachineOptions, type MachineResult, type TrapInstruction } from '../../lib/index.js';
import { checkIntegrity } from '../../lib/bench/index.js';
import { CALIBRATION_TRAPS, TRAP_INSTRUCTIONS } from '../../lib/guest/index.js';
import { ALL_MODES, countingSums, smallMachine, startThreadPool } from '../machine/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { trapPage } from './sources/trap-code.js';
import { TASK_SOURCES, buildVariant, guestSource } from './variant.js';

const PAGES = 64;
const FAULT_TASKS = 8;
/** Several of them while each page is on its way. */
const TICK_NS = 500e3;
const LATENCY_NS = 2e6;
const CONTROL_TICKS = 20;

const FIRST_ACCESS = '(void)*(const volatile u32 *)words;';

async function run(options: MachineOptions): Promise<MachineResult> {
  const machine = await Machine.create(options);
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

/** Work tasks trap without end and without a stack; fault tasks touch each page by a trap whose instruction lies in it, or in it and the next. */
function buildTrappingGuest(): ReturnType<typeof buildVariant> {
  const fault = guestSource('tasks/fault.c');
  assert.equal(fault.split(FIRST_ACCESS).length, 2);
  const source = (name: string): string => readFileSync(join(TASK_SOURCES, name), 'utf8');
  return buildVariant({
    'tasks/trap-in-window.h': source('trap-in-window.h'),
    'tasks/fault.c': `#include "trap-in-window.h"\n${fault.replace(FIRST_ACCESS, 'touch_by_trap(block, shared, page);')}`,
    'tasks/work.c': source('trapping-work.c'),
  });
}

function sumsOf(trap: TrapInstruction): Int32Array {
  const words = new Int32Array(trapPage(trap).buffer);
  const lanes = new Int32Array(2 * PAGES);
  for (let page = 0; page < PAGES; page++) checksumPage(words, 0, page, lanes);
  return lanes;
}

describe('a trap that is interrupted', function () {
  let working: readonly TrapInstruction[];
  let folder = '';
  let guestPath = '';

  before(async function () {
    this.timeout(patience(60_000));
    requireKvm(this);
    await startThreadPool();
    ({ folder, elf: guestPath } = buildTrappingGuest());
    const { by } = (await run(smallMachine('sync-exit', { windowPages: 1, expected: countingSums(1), faultTasks: 1, workTasks: 0 }))).guest[0].trap;
    working = TRAP_INSTRUCTIONS.filter((instruction) => by[instruction].probe.outcome === 'works');
  });

  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: comes back right, whether a tick, a ready event or the fetch of its instruction came in between, by each instruction that works`, async () => {
      const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
      for (const trap of working) {
        const source = { module: new URL('./sources/trap-code.js', import.meta.url).href, options: { instruction: trap } };
        const expected = sumsOf(trap);
        const result = await run({
          mode, trap, guestPath, source, order, expected, windowPages: PAGES, faultTasks: FAULT_TASKS, workTasks: 3, tickNs: TICK_NS, latencyNs: LATENCY_NS, controlTicks: CONTROL_TICKS,
        });
        const [guest] = result.guest;
        assert.equal(guest.mismatches, 0, `${trap}: a trap came back wrong`);
        const integrity = checkIntegrity(order, expected, result);
        assert(integrity.exact, `${trap}: ${JSON.stringify(integrity)}`);
        assert(guest.ticks >= 2 * CONTROL_TICKS && guest.switches > 0, `${trap}: nobody was preempted`);
        if (mode.startsWith('apf')) assert(guest.notPresent > 0 && guest.ready > 0, `${trap}: the guest was told of no fetch`);
        const work = guest.controlBefore.work + guest.paging.work + guest.controlAfter.work;
        assert(guest.controlBefore.work > 0 && guest.paging.work > 0, `${trap}: no trap of a work task came back`);
        // One within each page, one across each pair; the work tasks' are counted by them only once they are back.
        const others = guest.trap.by[trap].taken - (CALIBRATION_TRAPS + 1 + FAULT_TASKS + PAGES + PAGES - 1);
        assert(others >= work, `${trap}: ${others} traps taken, ${work} came back`);
      }
    });
  }
});
