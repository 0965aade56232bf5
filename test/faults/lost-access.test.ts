import { strict as assert } from 'node:assert';
import type { AccessKind, LostAccess } from '../../lib/faults/index.js';
import { readHost } from '../../lib/kvm/index.js';
import { addresses } from '../../lib/probes/index.js';
import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { FailingDisk } from '../support/failing-disk.js';
import { requireUffdPoison } from '../poison/support.js';
import { WINDOW, WINDOW_PAGES, withDaxGuest, type DaxGuest } from './dax-guest.js';

const SIZE = WINDOW_PAGES * PAGE_SIZE;
/** The page that gets lost. */
const LOST = 2 * PAGE_SIZE;

interface Case {
  readonly title: string;
  readonly access: AccessKind;
  readonly code: readonly number[];
  /** Where RBX points, from the window's start. */
  readonly at: number;
  /** First byte and bytes of the access in the lost page. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** RIP is in the window. */
  readonly inWindow?: boolean;
  /** What is in the file once it is long again, and what the guest must have made of it. */
  readonly check: (guest: DaxGuest) => void;
}

const FILL = 0x5c;
const RET = 0xc3;
const STORED = 0x1122_3344_5566_7788n;

const rax = ({ guest }: DaxGuest): bigint => guest.vcpu.getRegs().get('rax');
const word = ({ window }: DaxGuest, at: number): bigint => {
  const bytes = new Uint8Array(8);
  window.read(at, bytes);
  return new DataView(bytes.buffer).getBigUint64(0, true);
};
const filled = (bytes: number): bigint => BigInt(`0x${FILL.toString(16).repeat(bytes)}`);

const CASES: readonly Case[] = [
  { title: 'a load', access: 'load', code: [0x48, 0x8b, 0x03], at: LOST + 0x238, offset: LOST + 0x238, sizeBytes: 8, check: (guest) => { assert.equal(rax(guest), filled(8)); } },
  { title: 'a store', access: 'store', code: [0x48, 0x89, 0x03], at: LOST + 0x238, offset: LOST + 0x238, sizeBytes: 8, check: (guest) => { assert.equal(word(guest, LOST + 0x238), STORED); } },
  { title: 'a read-modify-write', access: 'read-modify-write', code: [0x48, 0xff, 0x03], at: LOST + 0x238, offset: LOST + 0x238, sizeBytes: 8, check: (guest) => { assert.equal(word(guest, LOST + 0x238), filled(8) + 1n); } },
  { title: 'a load across pages', access: 'load', code: [0x48, 0x8b, 0x03], at: LOST - 3, offset: LOST, sizeBytes: 5, check: (guest) => { assert.equal(rax(guest), filled(8)); } },
  { title: 'a store across pages', access: 'store', code: [0x48, 0x89, 0x03], at: LOST - 3, offset: LOST, sizeBytes: 5, check: (guest) => { assert.equal(word(guest, LOST - 3), STORED); } },
  { title: 'a fetch', access: 'fetch', code: [0xff, 0xd3], at: LOST + 0x300, offset: LOST + 0x300, sizeBytes: 1, inWindow: true, check: () => {} },
];

const registers = (at: number): Record<'rbx' | 'rax', number> => ({ rbx: WINDOW + at, rax: 0 });

/** What the finding must be, whatever the cause. */
function expected({ access, offset, sizeBytes, inWindow = false, at }: Case, cpl: 0 | 3): Omit<LostAccess, 'cause' | 'found'> {
  const rip = inWindow ? WINDOW + at : cpl === 0 ? addresses.kernelCode : addresses.userCode;
  return { gpa: BigInt(WINDOW + offset) as never, gva: BigInt(WINDOW + offset) as never, access, sizeBytes, rip: BigInt(rip) as never, cpl, interrupts: false };
}

/** Puts bytes to be found into the window, from an offset on: the fetch finds a RET. */
function fill({ window }: DaxGuest, { access, at }: Case, from = 0): void {
  window.write(from, new Uint8Array(SIZE - from).fill(FILL));
  if (access === 'fetch') window.write(at, Uint8Array.of(RET));
}

function sameAs(loss: LostAccess, testCase: Case, cpl: 0 | 3, cause: LostAccess['cause']): void {
  const { found, ...rest } = loss;
  assert.deepEqual(rest, { ...expected(testCase, cpl), cause });
  assert(found !== 'signal' || cause === 'poison');
}

describe('an access to memory of a DAX window that is lost', function () {
  before(function () {
    requireKvm(this);
  });

  for (const cpl of [3, 0] as const) {
    for (const testCase of CASES) {
      it(`at CPL${cpl}, by ${testCase.title}: truncated, found twice, extended again, and made in the end`, async () => {
        await withDaxGuest({ cpl, code: testCase.code, registers: registers(testCase.at) }, (dax) => {
          dax.guest.vcpu.setRegs(withRax(dax, testCase));
          fill(dax, testCase);
          dax.window.truncate(LOST);
          const first = dax.runToLoss();
          sameAs(first, testCase, cpl, 'truncated');
          // A store of KVM's emulator is over for KVM; all others fail again.
          if (first.found !== 'mmio') sameAs(dax.runToLoss(), testCase, cpl, 'truncated');
          dax.window.truncate(SIZE);
          fill(dax, testCase, LOST);
          if (first.found === 'mmio') dax.carryOut();
          dax.runToEnd();
          testCase.check(dax);
        });
      });
    }
  }

  for (const [title, prot, lost] of [
    ['PROT_NONE', PROT_NONE, ['load', 'store', 'read-modify-write', 'fetch']],
    ['PROT_READ', PROT_READ, ['store', 'read-modify-write']],
  ] as const) {
    for (const testCase of CASES) {
      it(`at CPL3, by ${testCase.title}: ${title} of the guest view ${lost.includes(testCase.access as never) ? 'is told, and can be taken back' : 'does no harm'}`, async () => {
        await withDaxGuest({ cpl: 3, code: testCase.code, registers: registers(testCase.at) }, (dax) => {
          dax.guest.vcpu.setRegs(withRax(dax, testCase));
          fill(dax, testCase);
          dax.window.protect(LOST, PAGE_SIZE, prot);
          if (lost.includes(testCase.access as never)) {
            sameAs(dax.runToLoss(), testCase, 3, 'protection');
            dax.window.protect(LOST, PAGE_SIZE, PROT_READ | PROT_WRITE);
          }
          dax.runToEnd();
          testCase.check(dax);
        });
      });
    }
  }

  for (const cpl of [3, 0] as const) {
    for (const testCase of CASES.filter(({ access }) => access !== 'fetch')) {
      it(`at CPL${cpl}, by ${testCase.title}: poison is told, and can be cured`, async function () {
        requireUffdPoison(this);
        await withDaxGuest({ cpl, code: testCase.code, registers: registers(testCase.at) }, (dax) => {
          dax.guest.vcpu.setRegs(withRax(dax, testCase));
          fill(dax, testCase);
          dax.window.poison(LOST);
          const loss = dax.runToLoss();
          if (cpl === 3 || readHost().kind !== 'PVM') {
            assert.equal(loss.found, 'signal');
            assert.deepEqual({ ...loss, found: undefined }, { ...expected(testCase, cpl), cause: 'poison', found: undefined });
          } else {
            sameAs(loss, testCase, cpl, 'poison');
            assert.equal(loss.found, 'mmio');
          }
          dax.window.cure(LOST);
          if (loss.found === 'mmio') dax.carryOut();
          dax.runToEnd();
          testCase.check(dax);
        });
      });
    }
  }

  for (const cpl of [3, 0] as const) {
    for (const testCase of CASES.filter(({ sizeBytes, access }) => access === 'load' || (access === 'store' && sizeBytes === 8))) {
      it(`at CPL${cpl}, by ${testCase.title}: an I/O error of the disk is told, and goes away with it`, async function () {
        const disk = FailingDisk.create(WINDOW_PAGES);
        if (typeof disk === 'string') skip(this, disk, { hostCannot: true });
        try {
          await withDaxGuest({ cpl, code: testCase.code, registers: registers(testCase.at), source: { path: disk.path } }, (dax) => {
            dax.guest.vcpu.setRegs(withRax(dax, testCase));
            const before = new Uint8Array(1);
            dax.window.read(LOST - 1, before);
            assert(disk.failFrom(LOST / PAGE_SIZE), 'the file does not lie in order on its disk');
            const loss = dax.runToLoss();
            sameAs(loss, testCase, cpl, 'io-error');
            disk.heal();
            if (loss.found === 'mmio') dax.carryOut();
            dax.runToEnd();
            if (testCase.access === 'store') testCase.check(dax);
            else assert.equal(rax(dax), word(dax, testCase.at));
          });
        } finally {
          disk.close();
        }
      });
    }
  }

  it('is not there once another file is behind the window', async () => {
    const [load] = CASES;
    await withDaxGuest({ cpl: 3, code: load.code, registers: registers(load.at) }, (dax) => {
      dax.window.truncate(0);
      sameAs(dax.runToLoss(), load, 3, 'truncated');
      dax.window.replace({ memfdBytes: SIZE });
      fill(dax, load);
      dax.runToEnd();
      load.check(dax);
      // The pages that the guest has used by now go with the file.
      dax.window.replace({ memfdBytes: LOST });
      dax.guest.restart();
      sameAs(dax.runToLoss(), load, 3, 'truncated');
    });
  });
});

function withRax({ guest }: DaxGuest, { access }: Case): ReturnType<typeof guest.vcpu.getRegs> {
  const regs = guest.vcpu.getRegs();
  regs.set('rax', access === 'store' ? STORED : 0n);
  return regs;
}
