import { strict as assert } from 'node:assert';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FaultLabError } from '../../lib/errors/index.js';
import {
  CALIBRATION_TRAPS,
  DOORBELL_PANIC,
  DOORBELL_PORT,
  Mailbox,
  TABLES_BASE,
  bootVcpu,
  guestCpuid,
  guestPanic,
  installGuest,
  layOutGuest,
  parseElf,
} from '../../lib/guest/index.js';
import { Kvm, type Vcpu, type Vm } from '../../lib/kvm/index.js';
import { SystemRam, gpaNumber } from '../../lib/memory/index.js';
import { gpa } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';
import { runToExit } from '../kvm/guests.js';
import { TASK_SOURCES, buildVariant, guestSource } from './variant.js';

/** The kernel under test has one instruction more, the first one of its entry: it takes the guest to the VMM in the middle of a trap. */
const STOP_PORT = 0xf5;
const STOP_INSTRUCTION = `\tout %eax, $${STOP_PORT}\n`;
const STOP_BYTES = 2;
const ENTRY = 'entry_syscall:\n';

/** Bits of an uncorrected error (SDM volume 3, machine-check architecture). */
const MCG_CTL_P = 1n << 8n;
const MCI_STATUS_VAL = 1n << 63n;
const MCI_STATUS_UC = 1n << 61n;
const MCI_STATUS_EN = 1n << 60n;
const MCG_STATUS_RIPV_MCIP = 5n;

const TICK_MS = 4;
const VECTOR_NMI = 2;
const VECTOR_MC = 18;

/** A guest of one vCPU on this thread: no Machine lets a test in between two instructions. */
class SteppedGuest {
  private readonly kvm = Kvm.open();
  private readonly vm: Vm = this.kvm.createVm();
  readonly vcpu: Vcpu;
  readonly low: SystemRam;
  private readonly tables: SystemRam;
  private readonly mailbox: Mailbox;
  private readonly behindStop: number;

  constructor(path: string) {
    const elf = parseElf(readFileSync(path), path);
    this.behindStop = elf.symbol('entry_syscall') + STOP_BYTES;
    const layout = layOutGuest(elf, 1, 1);
    this.low = SystemRam.create(gpaNumber(0), layout.lowRamSizeBytes);
    this.tables = SystemRam.create(gpaNumber(TABLES_BASE), layout.tablesSizeBytes);
    const [boot] = installGuest(elf, layout, this.low);
    this.mailbox = new Mailbox(this.low, this.tables, layout);
    this.mailbox.writeJob({
      // Endless control: the window is never touched, and has no memory.
      faultTasks: 1, workTasks: 2, trap: 'syscall', tickNs: TICK_MS * 1e6, controlTicks: 1e6, order: Uint32Array.of(0), expected: null,
    });
    this.vm.enableSplitIrqchip();
    [this.low, this.tables].forEach((ram, slot) => {
      this.vm.createMemorySlot({ slot, gpa: gpa(ram.base), sizeBytes: ram.sizeBytes, mapping: ram.mapping });
    });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpu.setupMce(4n | MCG_CTL_P);
    this.vcpu.setCpuid(guestCpuid(this.kvm.supportedCpuid(), 0, false));
    bootVcpu(this.vcpu, boot);
  }

  /**
   * Runs until only the tasks that trap without a stack are left, and stops in the entry of such a trap.
   * @throws FaultLabError: the panic that ended the boot
   */
  boot(): void {
    // The calibration traps too, and ends.
    const limit = CALIBRATION_TRAPS + 10;
    for (let stop = 0; this.traps() <= CALIBRATION_TRAPS; stop++) {
      assert(stop < limit, `waited ${limit} traps for the work tasks to run`);
      if (!this.runToStop()) throw guestPanic(this.low.data, 0);
    }
    assert(this.runToStop());
    assert.equal(this.vcpu.getRegs().get('rsp'), 0n, 'the task had a stack');
  }

  /** Runs into the entry of the next `syscall`; false when the guest gave up. */
  runToStop(): boolean {
    for (;;) {
      const exit = runToExit(this.vcpu);
      assert(exit.kind === 'io', exit.kind);
      if (exit.port === STOP_PORT) return true;
      assert.equal(exit.port, DOORBELL_PORT);
      if (exit.data === DOORBELL_PANIC) return false;
    }
  }

  traps(): number {
    return this.mailbox.vcpu(0).trap.by.syscall.taken;
  }

  ticks(): number {
    return this.mailbox.vcpu(0).ticks;
  }

  /** Goes on with an event that the guest does not survive; it must have come before the next instruction. */
  assertPanics(vector: number): void {
    assert(!this.runToStop(), 'the event never came');
    assert.match(guestPanic(this.low.data, 0).message, new RegExp(`vector ${vector}, error 0x0, rip 0x${this.behindStop.toString(16)},`));
  }

  close(): void {
    this.vcpu.close();
    this.vm.close();
    this.tables.close();
    this.low.close();
    this.kvm.close();
  }
}

/** Between `syscall` and the kernel's own stack only what has an interrupt stack may come; the task has no stack at all here. */
describe('the entry of syscall, before it has a stack', function () {
  let folder = '';
  let elf = '';
  let guest: SteppedGuest | null = null;

  before(function () {
    this.timeout(patience(60_000));
    requireKvm(this);
    const entry = guestSource('kernel/entry.S');
    assert.equal(entry.split(ENTRY).length, 2);
    ({ folder, elf } = buildVariant({
      'kernel/entry.S': entry.replace(ENTRY, ENTRY + STOP_INSTRUCTION),
      'tasks/work.c': readFileSync(join(TASK_SOURCES, 'trapping-work.c'), 'utf8'),
    }));
    const probed = new SteppedGuest(elf);
    try {
      probed.boot();
    } catch (error) {
      if (!(error instanceof FaultLabError) || error.code !== 'TRAP_UNUSABLE') throw error;
      skip(this, `syscall is no trap on this host: ${error.message}`, { hostCannot: true });
    } finally {
      probed.close();
    }
  });

  beforeEach(() => {
    guest = new SteppedGuest(elf);
    guest.boot();
  });

  afterEach(() => {
    guest?.close();
    guest = null;
  });

  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('takes an NMI on the stack that NMIs have', () => {
    assert(guest !== null);
    guest.vcpu.nmi();
    guest.assertPanics(VECTOR_NMI);
  });

  it('takes a machine check on the stack that machine checks have', () => {
    assert(guest !== null);
    guest.vcpu.setMce({ status: MCI_STATUS_VAL | MCI_STATUS_UC | MCI_STATUS_EN, addr: 0n, misc: 0n, mcgStatus: MCG_STATUS_RIPV_MCIP, bank: 1 });
    guest.assertPanics(VECTOR_MC);
  });

  it('takes no interrupt: a tick that comes due there waits for the way back to CPL3', () => {
    assert(guest !== null);
    const ticks = guest.ticks();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * TICK_MS);
    assert(guest.runToStop(), 'the guest gave up: it had no stack to take an interrupt on');
    assert(guest.ticks() > ticks, 'the tick never came');
  });
});
