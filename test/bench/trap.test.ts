import { strict as assert } from 'node:assert';
import { checkTraps, summarizeTraps } from '../../lib/bench/trap.js';
import { CALIBRATION_TRAPS, describeProbe, type GuestVcpuReport, type TrapInstruction, type TrapProbe, type TrapRecord } from '../../lib/guest/index.js';

const FAULT_TASKS = 3;
/** Of the instruction in use: its calibration, the end of that, the ends of the fault tasks. */
const DUE = CALIBRATION_TRAPS + 1 + FAULT_TASKS;

interface Taken {
  readonly used: TrapInstruction;
  readonly taken: Readonly<Record<TrapInstruction, number>>;
  readonly cycles?: number;
}

/** A vCPU on which everything works but `int 0x80`. */
function vcpu({ used, taken, cycles = 100 }: Taken): GuestVcpuReport {
  const record = (instruction: TrapInstruction, probe: TrapProbe): TrapRecord => ({
    probe,
    taken: taken[instruction],
    nullTrap: probe.outcome === 'works' ? { cycles, kernelCycles: 50 } : null,
  });
  const by = { syscall: record('syscall', { outcome: 'works' }), int80: record('int80', { outcome: 'exception', vector: 6 }), ud2: record('ud2', { outcome: 'works' }) };
  return { trap: { used, by } } as GuestVcpuReport;
}

const RIGHT: Taken = { used: 'syscall', taken: { syscall: DUE, int80: 0, ud2: CALIBRATION_TRAPS } };

function agreements(...vcpus: readonly Taken[]): boolean[] {
  return checkTraps(vcpus.map(vcpu), FAULT_TASKS).map((check) => check.agree);
}

describe('the trap of a report', () => {
  it('agrees with the traps that were taken', () => {
    assert.deepEqual(agreements(RIGHT), [true, true, true]);
    assert.deepEqual(agreements(RIGHT, RIGHT, RIGHT), [true, true, true]);
  });

  it('disagrees when the tasks trapped by another instruction than the one it names', () => {
    assert.deepEqual(agreements({ ...RIGHT, used: 'ud2' }), [true, false, false]);
    assert.deepEqual(agreements({ ...RIGHT, taken: { syscall: DUE - 1, int80: 0, ud2: CALIBRATION_TRAPS + 1 } }), [true, false, false]);
    assert.deepEqual(agreements({ ...RIGHT, taken: { ...RIGHT.taken, int80: 1 } }), [true, true, false]);
  });

  it('disagrees when one vCPU uses another one', () => {
    const other: Taken = { used: 'ud2', taken: { syscall: CALIBRATION_TRAPS, int80: 0, ud2: DUE } };
    assert.equal(agreements(RIGHT, other)[0], false);
  });

  it('adds up the traps of all vCPUs and takes the null trap that was disturbed least, in ns', () => {
    const { used, by } = summarizeTraps([vcpu({ ...RIGHT, cycles: 400 }), vcpu({ ...RIGHT, cycles: 200 })], 2_000_000);
    assert.equal(used, 'syscall');
    assert.deepEqual([by.syscall.taken, by.syscall.nullTrapNs, by.int80.nullTrapNs], [2 * DUE, 100, null]);
  });

  it('says what a probe saw in the words of the manuals, whatever the guest wrote there', () => {
    const words = ([{ outcome: 'exception', vector: 13 }, { outcome: 'exception', vector: 30 }, { outcome: 'stays-at-cpl3' }, { outcome: 'unknown', code: 77 }] as const).map(describeProbe);
    assert.deepEqual(words, ['#GP', 'exception 30', 'stays at CPL3', 'unknown outcome 77']);
  });
});
