import { strict as assert } from 'node:assert';
import { openCounters, countersSizeBytes, VCPU_COUNTERS, type Counters, type VcpuCounter } from '../../lib/machine/counters.js';
import { MissingPages } from '../../lib/machine/missing-pages.js';
import { exitReasons, kvmRunLayout, StructView } from '../../lib/uapi/index.js';
import { FormGuest, WINDOW, WINDOW_PAGES, assembleForms, type AssembledForms, type Form } from '../faults/instructions/index.js';
import { requireKvm } from '../support/kvm-available.js';

/** mov (%rbx), %rax with %rbx in page 2. */
const LOAD: Form = { title: 'a load', assembly: 'mov (%rbx), %rax', registers: { rbx: WINDOW + 2 * 4096 + 8 }, stops: [[2]] };
const MISSING = 7;

/** What KVM says of a fault, written by hand over what it said: the kernel that is running names pages or does not. */
interface Said {
  readonly gpa: number;
  readonly sizeBytes?: number;
  readonly flags?: bigint;
}

describe('the missing pages of a failed KVM_RUN', function () {
  let guest: FormGuest;
  let counters: Counters<VcpuCounter>;
  let missing: MissingPages;
  let assembled: AssembledForms;

  before(function () {
    requireKvm(this);
    assembled = assembleForms([LOAD]);
  });
  beforeEach(() => {
    guest = new FormGuest(3);
    counters = openCounters(VCPU_COUNTERS, new SharedArrayBuffer(countersSizeBytes(VCPU_COUNTERS, 1)), 0);
    missing = new MissingPages(guest.vcpu, guest.reader, guest.bitmap, counters);
    const code = assembled.code.get(LOAD);
    assert(code !== undefined);
    guest.load(LOAD, code, assembled.ending, true);
    assert.equal(guest.run().kind, 'fault');
  });
  afterEach(() => {
    guest.close();
  });

  function say({ gpa, sizeBytes = 4096, flags = 0n }: Said): void {
    const run = new StructView(kvmRunLayout, new DataView(guest.vcpu.native.runArea()));
    run.setNumber('exit_reason', exitReasons.MEMORY_FAULT);
    run.setNumber('memory_fault.gpa', gpa);
    run.setNumber('memory_fault.size', sizeBytes);
    run.set('memory_fault.flags', flags);
  }
  function sayNothing(): void {
    new StructView(kvmRunLayout, new DataView(guest.vcpu.native.runArea())).setNumber('exit_reason', exitReasons.UNKNOWN);
  }
  const found = (): number[] => [...missing.pages.subarray(0, missing.find())];

  it('is the one that KVM names, whatever the instruction looks like', () => {
    say({ gpa: WINDOW + MISSING * 4096 });
    assert.deepEqual(found(), [MISSING]);
    assert.deepEqual([counters.foundByExitGpa, counters.foundByDecoding, counters.spuriousFaults], [1, 0, 0]);
  });

  it('is the one of a proposal that names it with a flag of its own', () => {
    say({ gpa: WINDOW + MISSING * 4096, flags: 1n << 4n });
    assert.deepEqual(found(), [MISSING]);
  });

  it('are those of the instruction when KVM names none, or something that is no page', () => {
    sayNothing();
    assert.deepEqual(found(), [2]);
    for (const said of [{ gpa: WINDOW + MISSING * 4096 + 8 }, { gpa: WINDOW + MISSING * 4096, sizeBytes: 8192 }, { gpa: WINDOW + MISSING * 4096, sizeBytes: 0 }]) {
      say(said);
      assert.deepEqual(found(), [2], JSON.stringify(said));
    }
    assert.deepEqual([counters.foundByExitGpa, counters.foundByDecoding], [0, 4]);
  });

  it('are none when the page came meanwhile: the guest tries again, and not for ever', () => {
    guest.bring(MISSING);
    say({ gpa: WINDOW + MISSING * 4096 });
    for (let attempt = 1; attempt <= 1000; attempt++) assert.deepEqual(found(), []);
    assert.equal(counters.spuriousFaults, 1000);
    assert.throws(() => missing.find(), { code: 'FAULT_UNEXPLAINED', message: /every page of the window that it touches is present/ });
  });

  it('end the run when KVM names memory that is not of the window', () => {
    for (const gpa of [WINDOW - 4096, WINDOW + WINDOW_PAGES * 4096, 0, 2 ** 52 - 4096]) {
      say({ gpa });
      assert.throws(() => missing.find(), { code: 'FAULT_UNEXPLAINED', message: /"mov rax,\[rbx\]": KVM names the page at gpa 0x/ }, `gpa ${gpa}`);
    }
  });

  it('end the run when the guest wanted private memory, which the window is not', () => {
    say({ gpa: WINDOW + MISSING * 4096, flags: 1n << 3n });
    assert.throws(() => missing.find(), { code: 'FAULT_PRIVATE' });
  });

  it('end the run when the instruction touches nothing of the window', () => {
    sayNothing();
    const regs = guest.vcpu.syncRegs.regs;
    regs.setNumber('rbx', 0x2_1000);
    assert.throws(() => missing.find(), { code: 'FAULT_UNEXPLAINED', message: /touches no page of the window/ });
  });
});
