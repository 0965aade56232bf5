/** What each report comes to for each kind of access, on the real KVM. */
import { strict as assert } from 'node:assert';
import { LOSS_CASES } from '../../lib/experiments/truncate/observation.js';
import { lossAbi, lossReport, windowAddress, type AccessOutcome, type LossCounter, type LossRunEnd, type TaskAccessKind } from '../../lib/loss/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { PAGES, withLossGuest, type WindowedGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const ADDRESS = windowAddress(LOST);
const TASK_ACCESSES = ['load', 'store', 'read-modify-write', 'fetch'] as const satisfies readonly TaskAccessKind[];
const COPIES = ['kernel-read', 'kernel-write'] as const satisfies readonly TaskAccessKind[];
const UNGUARDED = ['kernel-load', 'kernel-store'] as const satisfies readonly TaskAccessKind[];
const NOT_DELIVERABLE = /not-present event cannot be delivered/;

type Body = (run: { readonly end: LossRunEnd; readonly outcome: AccessOutcome; readonly windowed: WindowedGuest }) => void;

/** One access to a page that a truncated file has lost. */
async function touch(report: string, access: TaskAccessKind, body: Body, more: { readonly flipInterrupts?: boolean } = {}): Promise<void> {
  await withLossGuest({ report: lossReport(report) }, (windowed) => {
    const { guest, window } = windowed;
    window.write(LOST * PAGE_SIZE, Uint8Array.of(0xc3));
    window.truncate(LOST * PAGE_SIZE);
    const end = guest.run([[{ access, page: LOST, ...more }]]);
    body({ end, outcome: guest.outcomes()[0], windowed });
  });
}

function assertSignal(outcome: AccessOutcome, code: number, address = ADDRESS): void {
  assert(outcome.result === 'signal', outcome.result);
  assert.deepEqual([outcome.signal, outcome.code, outcome.address], [lossAbi.SIGNAL_BUS, code, address]);
}

function assertCounts({ guest }: WindowedGuest, expected: Partial<Record<LossCounter, number>>): void {
  const counted = Object.fromEntries((Object.keys(expected) as LossCounter[]).map((name) => [name, guest.control.counter(name)]));
  assert.deepEqual(counted, expected);
}

describe('reports of lost memory', function () {
  before(function () {
    requireKvm(this);
  });

  it('exit: KVM_RUN fails, and the VM ends with what is known of the access', async () => {
    for (const { access } of LOSS_CASES) {
      await touch('exit', access, ({ end, windowed }) => {
        assert(end.kind === 'died', end.kind);
        const cpl = access.startsWith('kernel') ? 0 : 3;
        assert.match(end.why, new RegExp(`^${access === 'store' ? 'store' : 'load'} at CPL${cpl}, gva 0x${ADDRESS.toString(16)}, gpa 0x${ADDRESS.toString(16)}, rip 0x[0-9a-f]+: truncated$`));
        assert.equal(windowed.guest.lostAccesses, 1);
        assert.deepEqual(windowed.guest.run([[{ access: 'load', page: 0 }]]), end, 'a VM that has ended stays so');
      });
    }
  });

  it('apf-error: the ready event carries the error, the task gets SIGBUS, and nobody knows the address', async () => {
    for (const access of TASK_ACCESSES) {
      await touch('apf-error', access, ({ end, outcome, windowed }) => {
        assert.equal(windowed.guest.control.asyncPf, 'with errors');
        assert.deepEqual(end, { kind: 'done' });
        assertSignal(outcome, lossAbi.CODE_BUS_ADRERR, 0);
        assertCounts(windowed, { not_present: 1, ready: 1, ready_errors: 1 });
      });
    }
  });

  it('apf-error cannot work at CPL0, guarded or not, nor with interrupts off: no event can carry the error', async () => {
    for (const access of [...COPIES, ...UNGUARDED]) {
      await touch('apf-error', access, ({ end }) => {
        assert(end.kind === 'died', end.kind);
        assert.match(end.why, NOT_DELIVERABLE);
      });
    }
    await touch('apf-error', 'load', ({ end }) => {
      assert(end.kind === 'died' && NOT_DELIVERABLE.test(end.why));
    }, { flipInterrupts: true });
  });

  it('mce: a task gets BUS_MCEERR_AR with the address, a guarded copy -EIO, and the kernel alone ends saying why', async () => {
    for (const access of TASK_ACCESSES) {
      await touch('mce', access, ({ end, outcome, windowed }) => {
        assert.deepEqual(end, { kind: 'done' });
        assertSignal(outcome, lossAbi.CODE_BUS_MCEERR_AR);
        assertCounts(windowed, { machine_checks: 1, bad_pages: 1 });
      });
    }
    for (const access of COPIES) await touch('mce', access, ({ outcome }) => assert(outcome.result === 'error' && outcome.errno === lossAbi.ERROR_EIO));
    for (const access of UNGUARDED) await touch('mce', access, ({ end }) => assert(end.kind === 'panic' && /touched lost memory itself/.test(end.why)));
  });

  it('mce is wrong for stores: the bank says nothing else than for a load', async () => {
    const statuses = new Map<TaskAccessKind, bigint>();
    for (const access of ['load', 'store', 'fetch'] as const) {
      await touch('mce', access, ({ windowed }) => statuses.set(access, windowed.guest.control.lastMciStatus));
    }
    assert.equal(statuses.get('store'), statuses.get('load'));
    assert.notEqual(statuses.get('fetch'), statuses.get('load'));
  });

  it('mce is wrong for a file that comes back: the page is bad for the guest from then on', async () => {
    await touch('mce', 'store', ({ windowed: { guest, window, load } }) => {
      window.truncate(PAGES * PAGE_SIZE);
      assert.equal(window.causeOfLoss(LOST * PAGE_SIZE, true), null);
      const lost = guest.lostAccesses;
      assertSignal(load(LOST), lossAbi.CODE_BUS_MCEERR_AR);
      assert.equal(guest.lostAccesses, lost, 'the host would have let it');
    });
  });

  it('ve: a task gets BUS_ADRERR with the address, a guarded copy -EIO, and the kernel alone ends saying why', async () => {
    for (const access of TASK_ACCESSES) {
      await touch('ve', access, ({ end, outcome, windowed }) => {
        assert.deepEqual(end, { kind: 'done' });
        assertSignal(outcome, lossAbi.CODE_BUS_ADRERR);
        assertCounts(windowed, { ve: 1, ve_at_cpl0: 0, not_present: 0, hypercalls: 0 });
      });
    }
    for (const access of COPIES) {
      await touch('ve', access, ({ end, outcome, windowed }) => {
        assert.deepEqual(end, { kind: 'done' });
        assert(outcome.result === 'error' && outcome.errno === lossAbi.ERROR_EIO, outcome.result);
        assertCounts(windowed, { ve: 1, ve_at_cpl0: 1, fixups: 1 });
      });
    }
    for (const access of UNGUARDED) {
      await touch('ve', access, ({ end, windowed }) => {
        assert(end.kind === 'panic', end.kind);
        assert.match(end.why, new RegExp(`touched lost memory itself.*CPL0, address 0x${ADDRESS.toString(16)}`));
        assert.equal(windowed.guest.control.panic()?.code, lossAbi.PANIC_LOST_MEMORY);
      });
    }
  });

  it('ve: neither RFLAGS.IF at CPL3 nor at CPL0 makes a difference', async () => {
    await touch('ve', 'load', ({ outcome }) => assertSignal(outcome, lossAbi.CODE_BUS_ADRERR), { flipInterrupts: true });
    for (const access of COPIES) await touch('ve', access, ({ outcome }) => assert(outcome.result === 'error' && outcome.errno === lossAbi.ERROR_EIO, outcome.result), { flipInterrupts: true });
  });

  it('ve: what has come back works again, and the next loss is told anew', async () => {
    for (const access of [...TASK_ACCESSES, ...COPIES]) {
      await touch('ve', access, ({ windowed: { guest, window } }) => {
        const program = [[{ access, page: LOST, value: 0x1234 }]];
        window.truncate(PAGES * PAGE_SIZE);
        window.write(LOST * PAGE_SIZE, Uint8Array.of(0xc3));
        assert.deepEqual(guest.run(program), { kind: 'done' });
        assert.equal(guest.outcomes()[0].result, 'value', access);
        window.truncate(LOST * PAGE_SIZE);
        assert.deepEqual(guest.run(program), { kind: 'done' });
        assert.notEqual(guest.outcomes()[0].result, 'value', access);
        assert.equal(guest.control.counter('ve'), 2);
      });
    }
  });

  it('ve: memory that is poisoned or protected is told the same way', async () => {
    await withLossGuest({ report: lossReport('ve') }, ({ guest, window, load }) => {
      window.protect(LOST * PAGE_SIZE, PAGE_SIZE, 0);
      assertSignal(load(LOST), lossAbi.CODE_BUS_ADRERR);
      assert.equal(guest.lastLost?.cause, 'protection');
      window.poison(PAGE_SIZE);
      assertSignal(load(1), lossAbi.CODE_BUS_ADRERR, windowAddress(1));
      assert.equal(guest.lastLost.cause, 'poison');
      window.cure(PAGE_SIZE);
      assert.equal(load(1).result, 'value');
    });
  });
});
