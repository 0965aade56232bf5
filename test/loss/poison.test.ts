/** Poisoned memory under the guest that loses some: the same event as any other loss, and each report answers it; what is cured is memory again. */
import assert from 'node:assert/strict';
import { Kvm, readHost } from '../../lib/kvm/index.js';
import { LOSS_REPORTS, LossGuest, lossReport, windowAddress, type AccessOutcome, type LossRunEnd, type TaskAccessKind } from '../../lib/loss/index.js';
import { DaxWindow } from '../../lib/memory/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireUffdPoison } from '../poison/support.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';

const PAGES = 8;
const BAD = 3;
const SIGBUS = 7;
const BUS_ADRERR = 2;
const BUS_MCEERR_AR = 4;
const EIO = 5;
const contentsOf = (page: number): bigint => BigInt(0x1000 + page);

/** What a report does about a poisoned page, by who touches it. */
interface Expectation {
  /** `address` is the page's, or 0 where the event names none. */
  readonly task: { readonly code: number; readonly address: number } | 'dies';
  /** errno of a copy of the guest kernel's. */
  readonly copy: number | 'dies';
}

const ADDRESS = windowAddress(BAD);
const EXPECTED: Readonly<Record<string, Expectation>> = {
  exit: { task: 'dies', copy: 'dies' },
  'apf-error': { task: { code: BUS_ADRERR, address: 0 }, copy: 'dies' },
  mce: { task: { code: BUS_MCEERR_AR, address: ADDRESS }, copy: EIO },
  ve: { task: { code: BUS_ADRERR, address: ADDRESS }, copy: EIO },
  // What nobody declared recoverable is not reflected.
  'reflect-policy': { task: 'dies', copy: 'dies' },
  've-resolve': { task: { code: BUS_ADRERR, address: ADDRESS }, copy: EIO },
};

describe('poisoned memory', function () {
  this.timeout(patience(30_000));
  let kvm: Kvm;
  let window: DaxWindow;

  before(function () {
    requireKvm(this);
    requireUffdPoison(this);
  });
  beforeEach(() => {
    kvm = Kvm.open();
    window = DaxWindow.create({ memfdBytes: PAGES * PAGE_SIZE }, PAGES * PAGE_SIZE);
    for (let page = 0; page < PAGES; page++) window.write(page * PAGE_SIZE, new Uint8Array(BigUint64Array.of(contentsOf(page)).buffer));
  });
  afterEach(() => {
    window.close();
    kvm.close();
  });

  const poison = (): void => {
    window.poison(BAD * PAGE_SIZE);
  };
  const run = (guest: LossGuest, access: TaskAccessKind, page: number): { end: LossRunEnd; outcome: AccessOutcome } => {
    const end = guest.run([[{ access, page }]]);
    const [outcome] = guest.outcomes();
    return { end, outcome };
  };
  const loads = (guest: LossGuest, page: number): bigint => {
    const { end, outcome } = run(guest, 'load', page);
    assert.equal(end.kind, 'done');
    assert(outcome.result === 'value', `page ${page}: ${outcome.result}`);
    return outcome.value;
  };

  for (const { name } of LOSS_REPORTS.filter((report) => report.name in EXPECTED)) {
    const { task, copy } = EXPECTED[name];
    describe(`answered by \`${name}\``, () => {
      for (const access of ['load', 'store'] as const) {
        it(`under a task's ${access}: one event with cause poison and the page's address`, async () => {
          await LossGuest.with(kvm, { report: lossReport(name), window }, (guest) => {
            assert.equal(loads(guest, BAD), contentsOf(BAD));
            poison();
            const { end, outcome } = run(guest, access, BAD);
            const { lastLost } = guest;
            assert(lastLost !== null);
            assert.deepEqual(
              { cause: lastLost.cause, found: lastLost.found, gpa: Number(lastLost.gpa), gva: Number(lastLost.gva), access: lastLost.access, cpl: lastLost.cpl },
              { cause: 'poison', found: 'signal', gpa: ADDRESS, gva: ADDRESS, access, cpl: 3 },
            );
            if (task === 'dies') {
              assert(end.kind === 'died' && end.why.includes('poison'), JSON.stringify(end));
              return;
            }
            assert.equal(end.kind, 'done');
            assert(outcome.result === 'signal', outcome.result);
            assert.deepEqual({ signal: outcome.signal, code: outcome.code, address: outcome.address }, { signal: SIGBUS, ...task });
            assert.equal(loads(guest, BAD + 1), contentsOf(BAD + 1), 'the page beside it');
          });
        });
      }

      it("under a copy of the guest kernel's", async () => {
        await LossGuest.with(kvm, { report: lossReport(name), window }, (guest) => {
          poison();
          const { end, outcome } = run(guest, 'kernel-read', BAD);
          const { lastLost } = guest;
          assert(lastLost !== null);
          // Where KVM emulates the guest's kernel there is no signal: its emulator comes upon the page.
          assert.deepEqual({ cause: lastLost.cause, found: lastLost.found, cpl: lastLost.cpl }, { cause: 'poison', found: readHost().kind === 'PVM' ? 'mmio' : 'signal', cpl: 0 });
          if (copy === 'dies') {
            assert(end.kind === 'died' && end.why.includes('poison'), JSON.stringify(end));
            return;
          }
          assert(end.kind === 'done' && outcome.result === 'error' && outcome.errno === copy, JSON.stringify([end, outcome.result]));
        });
      });
    });
  }

  it('that is cured without truncation is the file\'s memory again, in the guest that was told', async () => {
    await LossGuest.with(kvm, { report: lossReport('ve'), window }, (guest) => {
      for (let time = 0; time < 3; time++) {
        poison();
        assert.equal(run(guest, 'load', BAD).outcome.result, 'signal');
        assert.equal(run(guest, 'load', BAD).outcome.result, 'signal', 'told again');
        window.cure(BAD * PAGE_SIZE);
        assert.equal(loads(guest, BAD), contentsOf(BAD));
      }
      assert.equal(guest.lostAccesses, 6);
    });
  });

  it('that the owner of the file has rewritten meanwhile comes back with the new contents', async () => {
    await LossGuest.with(kvm, { report: lossReport('ve'), window }, (guest) => {
      poison();
      assert.equal(run(guest, 'store', BAD).outcome.result, 'signal');
      window.write(BAD * PAGE_SIZE, new Uint8Array(BigUint64Array.of(77n).buffer));
      window.cure(BAD * PAGE_SIZE);
      assert.equal(loads(guest, BAD), 77n);
    });
  });
});
