import { strict as assert } from 'node:assert';
import { readFileSync, rmSync } from 'node:fs';
import { FaultLabError, Machine, readHost, type MachineOptions, type MachineResult, type TrapInstruction, type TrapReport } from '../../lib/index.js';
import { checkTraps } from '../../lib/bench/trap.js';
import { CALIBRATION_TRAPS, TRAP_INSTRUCTIONS, describeProbe, parseElf } from '../../lib/guest/index.js';
import { countingSums, smallMachine, startThreadPool } from '../machine/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { buildVariant, guestSource } from './variant.js';

const FAULT_TASKS = 4;

async function run(options: MachineOptions): Promise<MachineResult> {
  const machine = await Machine.create(options);
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

/** A machine that is over as soon as it may be. */
function brief(changes: Partial<MachineOptions> = {}): MachineOptions {
  return smallMachine('sync-exit', { windowPages: 1, expected: countingSums(1), faultTasks: 1, workTasks: 0, ...changes });
}

/** One whose work task runs before anything is paged. */
function workFirst(guestPath: string, changes: Partial<MachineOptions> = {}): MachineOptions {
  return brief({ guestPath, workTasks: 1, controlTicks: 10, ...changes });
}

describe("the guest's trap", function () {
  let probed: TrapReport;
  /** What this host can do, by the guest's own word: the tests below hold it to that. */
  let working: readonly TrapInstruction[];

  before(async function () {
    this.timeout(patience(60_000));
    requireKvm(this);
    await startThreadPool();
    probed = (await run(brief())).guest[0].trap;
    working = TRAP_INSTRUCTIONS.filter((instruction) => probed.by[instruction].probe.outcome === 'works');
  });

  it('is the first instruction that works here, and each one was tried', () => {
    for (const instruction of TRAP_INSTRUCTIONS) {
      const { probe } = probed.by[instruction];
      assert(!['not-tried', 'unknown'].includes(probe.outcome), `${instruction}: ${describeProbe(probe)}`);
    }
    assert.equal(probed.used, working[0]);
    const { kind } = readHost();
    if (kind === 'VMX' || kind === 'SVM') assert.deepEqual(working, TRAP_INSTRUCTIONS, 'hardware runs the guest: nothing may be missing');
    else assert(working.includes('ud2'), describeProbe(probed.by.ud2.probe));
  });

  it('is the same on every vCPU, which has opened its entries itself', async () => {
    const { guest } = await run(brief({ vcpus: 2 }));
    assert.equal(guest.length, 2);
    for (const { trap } of guest) {
      assert.equal(trap.used, probed.used);
      for (const instruction of TRAP_INSTRUCTIONS) assert.deepEqual(trap.by[instruction].probe, probed.by[instruction].probe);
    }
    for (const check of checkTraps(guest, 1)) assert(check.agree, JSON.stringify(check));
  });

  it('is measured by each instruction that works and by no other', () => {
    for (const instruction of TRAP_INSTRUCTIONS) {
      const { nullTrap, taken } = probed.by[instruction];
      assert.equal(nullTrap !== null, working.includes(instruction), instruction);
      if (nullTrap === null) assert.equal(taken, 0, instruction);
      else assert(nullTrap.kernelCycles > 0 && nullTrap.kernelCycles < nullTrap.cycles, `${instruction}: ${JSON.stringify(nullTrap)}`);
    }
  });

  for (const instruction of TRAP_INSTRUCTIONS) {
    it(`can be forced: ${instruction} is what the tasks then use, or the error says what the probe saw of it`, async () => {
      const forced = run(brief({ trap: instruction, faultTasks: FAULT_TASKS }));
      if (!working.includes(instruction)) {
        await assert.rejects(forced, (error: unknown) => {
          assert(error instanceof FaultLabError);
          assert.equal(error.code, 'TRAP_UNUSABLE');
          assert(error.message.includes(describeProbe(probed.by[instruction].probe)), error.message);
          for (const other of working) assert(error.hint?.includes(other), error.hint);
          return true;
        });
        return;
      }
      const { trap } = (await forced).guest[0];
      assert.equal(trap.used, instruction);
      // The calibration, its end, and the ends of the fault tasks.
      for (const other of TRAP_INSTRUCTIONS) {
        const due = (working.includes(other) ? CALIBRATION_TRAPS : 0) + (other === instruction ? 1 + FAULT_TASKS : 0);
        assert.equal(trap.by[other].taken, due, other);
      }
    });
  }

  it('cannot be made by another instruction than the one in use: the guest gives up and says why', async () => {
    for (const stray of TRAP_INSTRUCTIONS) {
      const { folder, elf } = buildVariant({ 'tasks/work.c': work(`trap(TRAP_BY_${stray.toUpperCase()}, TRAP_NULL)`) });
      try {
        const entry = parseElf(readFileSync(elf), elf).symbol('entry_syscall').toString(16);
        for (const used of working.filter((instruction) => instruction !== stray)) {
          await assert.rejects(run(workFirst(elf, { trap: used })), (error: unknown) => {
            assert(error instanceof FaultLabError);
            assert.equal(error.code, 'GUEST_PANIC', error.message);
            // What the probe saw, a task meets again.
            const { probe } = probed.by[stray];
            if (probe.outcome === 'works') assert.match(error.message, /trapped by another instruction than the one in use \(rip 0x[1-9a-f]/);
            else if (probe.outcome === 'stays-at-cpl3') assert.match(error.message, new RegExp(`vector 14, .*rip 0x${entry}, cr2 0x${entry}\\)`));
            else if (probe.outcome === 'exception') assert(error.message.includes(`vector ${probe.vector},`), error.message);
            else assert.fail(`${stray} ${describeProbe(probe)}: what should a task meet?`);
            return true;
          });
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
  });

  const FAILURES: readonly (readonly [programs: Parameters<typeof probePrograms>[0], syscall: string, int80: string])[] = [
    [{ syscall: 'xchg %ax, %ax', int80: 'cli' }, 'does nothing', '#GP'],
    [{ syscall: 'mov $entry_syscall, %eax; jmp *%rax', int80: 'mov %al, 0' }, 'stays at CPL3', '#PF'],
  ];
  for (const [programs, syscall, int80] of FAILURES) {
    it(`is another one where syscall ${syscall} and int 0x80 ends in ${int80}, and the error about a forced one says so`, async () => {
      const { folder, elf } = buildVariant({ 'tasks/probe.c': probePrograms(programs) });
      try {
        const { trap } = (await run(brief({ guestPath: elf }))).guest[0];
        assert.deepEqual([describeProbe(trap.by.syscall.probe), describeProbe(trap.by.int80.probe), trap.used], [syscall, int80, 'ud2']);
        const message = new RegExp(`cannot trap by syscall on this host.*syscall: ${syscall}; int 0x80: ${int80}; ud2: works`);
        await assert.rejects(run(brief({ guestPath: elf, trap: 'syscall' })), { code: 'TRAP_UNUSABLE', message });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  it('is none where none works, and the error says so', async () => {
    const { folder, elf } = buildVariant({ 'tasks/probe.c': probePrograms({ syscall: 'ud2', int80: 'hlt', ud2: 'nop; ud2' }) });
    try {
      await assert.rejects(run(brief({ guestPath: elf })), (error: unknown) => {
        assert(error instanceof FaultLabError);
        assert.equal(error.code, 'TRAP_UNUSABLE');
        assert.match(error.message, /by any instruction .*syscall: enters in a wrong state; int 0x80: #GP; ud2: enters in a wrong state/);
        assert.match(error.hint ?? '', /no instruction that this guest knows/);
        return true;
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes no number that it does not know', async () => {
    const { folder, elf } = buildVariant({ 'tasks/work.c': work('trap(block->trap_by, 7)') });
    try {
      await assert.rejects(run(workFirst(elf)), { code: 'GUEST_PANIC', message: /a trap it does not know/ });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('that nobody knows is refused before there is a machine', async () => {
    await assert.rejects(Machine.create(brief({ trap: 'sysenter' as never })), { code: 'BAD_OPTION', message: /unknown trap 'sysenter'/ });
  });
});

/** The guest's programs that try an instruction each, some of them with another one. */
function probePrograms(changes: { readonly [instruction in TrapInstruction]?: string }): string {
  let source = guestSource('tasks/probe.c');
  for (const instruction of TRAP_INSTRUCTIONS) {
    const assembly = changes[instruction];
    if (assembly === undefined) continue;
    const program = new RegExp(`^PROBE\\(probe_${instruction}, ".*"\\)$`, 'm');
    assert.match(source, program);
    source = source.replace(program, () => `PROBE(probe_${instruction}, "${assembly}")`);
  }
  return source;
}

/** A work task that does one thing, over and over. */
function work(statement: string): string {
  return [
    '#include "tasks.h"',
    'void work_task(volatile u64 *units)',
    '{',
    '\tstruct vcpu_block *block = (struct vcpu_block *)((u64)units & -PAGE_SIZE);',
    '\tfor (;;) {',
    '\t\t(void)block;',
    `\t\t${statement};`,
    '\t}',
    '}',
    '',
  ].join('\n');
}
