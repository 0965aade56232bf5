import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { startThreadPool } from '../machine/support.js';
import { buildGuest, endOf, makeGuestFolder, outcomesInAllModes } from './support.js';

/** What a guest does, what the run comes to in every mode, and what its message says. Where hosts differ, any one coded end is right. */
interface Misbehaviour {
  readonly behaviour: string;
  readonly does: string;
  readonly ends?: string;
  readonly message?: RegExp;
}

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  { behaviour: 'TRIPLE_FAULT', does: 'faults three times over', ends: 'UNHANDLED_EXIT', message: /"shutdown"/ },
  { behaviour: 'HALT_FOREVER', does: 'halts with interrupts off', ends: 'MACHINE_STALLED' },
  { behaviour: 'LOOP_CPL0', does: 'loops at CPL0', ends: 'MACHINE_STALLED' },
  { behaviour: 'LOOP_CPL3', does: 'loops at CPL3', ends: 'MACHINE_STALLED' },
  { behaviour: 'LOOP_CPL3_IF_OFF', does: 'loops at CPL3 with interrupts off', ends: 'MACHINE_STALLED' },
  { behaviour: 'OUT_UNKNOWN', does: 'writes to a port nobody has', ends: 'UNHANDLED_EXIT', message: /"port":128/ },
  { behaviour: 'OUT_BYTE_TO_DOORBELL', does: 'rings the doorbell with a byte', ends: 'done' },
  { behaviour: 'IN', does: 'reads the doorbell', ends: 'UNHANDLED_EXIT', message: /"in"/ },
  { behaviour: 'STRING_OUT', does: 'plays a string on the doorbell for ever', ends: 'MACHINE_STALLED' },
  { behaviour: 'STRING_IN', does: 'reads a string from the doorbell', ends: 'UNHANDLED_EXIT', message: /"count":16/ },
  { behaviour: 'UNKNOWN_DOORBELLS', does: 'rings the doorbell with unknown values for ever', ends: 'MACHINE_STALLED' },
  { behaviour: 'MMIO_READ', does: 'reads where there is no memory', ends: 'UNHANDLED_EXIT', message: /"mmio","gpa":"0x1001ff000","isWrite":false/ },
  { behaviour: 'MMIO_WRITE_CPL3', does: 'writes from CPL3 where there is no memory', ends: 'UNHANDLED_EXIT', message: /"isWrite":true/ },
  { behaviour: 'WINDOW_AT_CPL0', does: 'reads a missing page at CPL0', ends: 'done' },
  { behaviour: 'IDT_IN_WINDOW', does: 'puts its IDT into missing memory' },
  { behaviour: 'GDT_IN_WINDOW', does: 'puts its GDT into missing memory' },
  { behaviour: 'CLOCK_IN_WINDOW', does: 'has KVM write clock and steal time to missing memory' },
  { behaviour: 'INIT_TO_SELF', does: 'sends itself an INIT' },
  { behaviour: 'ROOT_IN_WINDOW', does: 'puts its page tables into missing memory' },
  { behaviour: 'ROOT_OUTSIDE', does: 'puts its page tables where there is no memory' },
  { behaviour: 'TABLE_IN_WINDOW', does: 'puts a lower page table into missing memory' },
  { behaviour: 'LEAVE_LONG_MODE', does: 'switches PAE off in long mode' },
  { behaviour: 'GARBAGE_EVERYWHERE', does: 'fills mailbox and tables with garbage for ever', ends: 'MACHINE_STALLED' },
  { behaviour: 'GARBAGE_PANIC', does: 'gives up for a reason of garbage', ends: 'GUEST_PANIC', message: /unknown code 4294967295/ },
  { behaviour: 'HYPERCALL', does: 'makes a hypercall' },
  { behaviour: 'SYSCALL_INTO_WINDOW', does: 'has its entry of syscall in missing memory' },
  { behaviour: 'SYSRET_NOT_CANONICAL', does: 'returns by sysret to where no address is' },
  { behaviour: 'LSTAR_NOT_CANONICAL', does: 'puts the entry of syscall where no address is' },
];

describe('a misbehaving guest', function () {
  let folder: string;

  before(async function () {
    requireKvm(this);
    await startThreadPool();
    folder = makeGuestFolder();
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  for (const { behaviour, does, ends, message } of MISBEHAVIOURS) {
    it(`that ${does} ends the run with ${ends ?? 'a result or one coded error'} in every mode, and nothing is left`, async () => {
      const guest = buildGuest(folder, 'misbehave', { BEHAVIOUR: behaviour });
      for (const [mode, outcome] of await outcomesInAllModes(guest)) {
        if (ends !== undefined) assert.equal(endOf(outcome), ends, `${mode}: ${outcome.error?.message ?? ''}`);
        if (message !== undefined) assert.match(outcome.error?.message ?? '', message, mode);
        assert.notEqual(endOf(outcome), 'UNEXPECTED', `${mode}: ${outcome.error?.message ?? ''}`);
      }
    });
  }

  it('that never ends is ended by stop() in every mode', async () => {
    const guest = buildGuest(folder, 'misbehave', { BEHAVIOUR: 'LOOP_CPL3' });
    const outcomes = await outcomesInAllModes(guest, { stallNs: patience(60e9) }, (machine) => {
      machine.stop();
    });
    for (const [mode, outcome] of outcomes) assert.equal(endOf(outcome), 'stopped', mode);
  });
});
