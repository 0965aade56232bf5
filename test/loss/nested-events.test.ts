/** Events on top of events: what comes while the guest is being told of lost memory. */
import { strict as assert } from 'node:assert';
import { lossAbi, lossReport, windowAddress, type LossGuest, type LossRunEnd, type TaskAccessKind } from '../../lib/loss/index.js';
import { mciStatus, MCG_STATUS_RECOVERABLE, MCI_MISC_PAGE } from '../../lib/loss/machine-check-bank.js';
import { KVM_SYNC_X86_EVENTS, KVM_VCPUEVENT_VALID_NMI_PENDING, PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { PAGES, withLossGuest, type WindowedGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const ADDRESS = windowAddress(LOST - 1);

/** Makes an NMI pending for the next entry. */
function pendNmi({ vcpu: { syncRegs } }: LossGuest): void {
  const { events } = syncRegs;
  events.setNumber('nmi.pending', 1);
  events.setNumber('flags', (events.number('flags') | KVM_VCPUEVENT_VALID_NMI_PENDING) >>> 0);
  syncRegs.markDirty(KVM_SYNC_X86_EVENTS);
}

/** What happens. */
interface Nested {
  readonly access: TaskAccessKind;
  readonly nmiAction: number;
  /** Whether a page comes back that is asked for; those behind it do not. */
  readonly comesBack: boolean;
}

/**
 * A loss of page LOST - 1. The #VE handler's hypercall is an exit in its middle, with the busy word set. There an NMI is made pending: it comes at the entry that follows,
 * before the handler's next instruction, on every host. Its own load, if it makes one, is of page LOST.
 */
async function withNmiInHandler({ access, nmiAction, comesBack }: Nested, body: (windowed: WindowedGuest, end: LossRunEnd, asked: number) => void): Promise<void> {
  let asked = 0;
  let current: WindowedGuest | null = null;
  const resolve = (offset: number): boolean => {
    assert(current !== null);
    if (asked++ === 0) pendNmi(current.guest);
    if (comesBack) current.window.truncate(offset + PAGE_SIZE);
    return comesBack;
  };
  await withLossGuest({ report: lossReport('ve-resolve'), log: true, resolve }, (windowed) => {
    current = windowed;
    const { guest, window } = windowed;
    guest.control.setNmiAction(nmiAction, windowAddress(LOST));
    window.truncate((LOST - 1) * PAGE_SIZE);
    guest.timeline();
    const end = guest.run([[{ access, page: LOST - 1 }]]);
    body(windowed, end, asked);
  });
}

describe('events on top of a report of lost memory', function () {
  before(function () {
    requireKvm(this);
  });

  for (const access of ['load', 'kernel-read'] as const) {
    it(`an NMI within the #VE handler, with a page fault of its own, takes nothing from it (${access})`, async () => {
      await withNmiInHandler({ access, nmiAction: lossAbi.NMI_PAGE_FAULT, comesBack: false }, ({ guest }, end, asked) => {
        assert.deepEqual(end, { kind: 'done' });
        const [outcome] = guest.outcomes();
        if (access === 'load') assert(outcome.result === 'signal' && outcome.address === ADDRESS, 'the address is another');
        else assert(outcome.result === 'error' && outcome.errno === lossAbi.ERROR_EIO, outcome.result);
        assert.equal(asked, 1);
        const { ve, nmis, page_faults, nmi_lost } = guest.control.counters();
        assert.deepEqual({ ve, nmis, page_faults, nmi_lost }, { ve: 1, nmis: 1, page_faults: 1, nmi_lost: 1 });
        const kinds = guest.timeline().flatMap(({ kind }) => kind ?? []);
        const [ve_, nmi, call] = [lossAbi.LOG_VE, lossAbi.LOG_NMI, lossAbi.LOG_HYPERCALL].map((kind) => kinds.indexOf(kind));
        assert(ve_ < nmi && nmi < call, 'the NMI did not come within the handler');
      });
    });
  }

  it('a second loss while the busy word is set is not injected: the VM ends, saying so', async () => {
    await withNmiInHandler({ access: 'kernel-read', nmiAction: lossAbi.NMI_LOAD, comesBack: false }, ({ guest }, end) => {
      assert(end.kind === 'died', end.kind);
      assert.match(end.why, /^load at CPL0.*#VE cannot be delivered: .*its busy word is set$/);
      assert.equal(guest.lastLost?.gpa, BigInt(windowAddress(LOST)));
      assert.equal(guest.control.counter('ve'), 1);
    });
  });

  it('or, where the page can come back, the vCPU waits for it as it does without #VE, and both accesses succeed', async () => {
    await withNmiInHandler({ access: 'kernel-read', nmiAction: lossAbi.NMI_LOAD, comesBack: true }, ({ guest }, end, asked) => {
      assert.deepEqual(end, { kind: 'done' });
      assert.equal(guest.outcomes()[0].result, 'value');
      assert.deepEqual([guest.lostAccesses, asked], [2, 2]);
      const { ve, nmis, nmi_lost } = guest.control.counters();
      assert.deepEqual({ ve, nmis, nmi_lost }, { ve: 1, nmis: 1, nmi_lost: 0 });
    });
  });

  it('`mce`: another machine check before the guest has cleared MCIP is a shutdown', async () => {
    const onLost = (_: unknown, { vcpu }: LossGuest): void => {
      vcpu.setMce({ bank: 2, status: mciStatus('data-load'), addr: BigInt(windowAddress(LOST - 1)), misc: MCI_MISC_PAGE, mcgStatus: MCG_STATUS_RECOVERABLE });
    };
    await withLossGuest({ report: lossReport('mce'), onLost }, ({ guest, window }) => {
      window.truncate(LOST * PAGE_SIZE);
      assert.deepEqual(guest.run([[{ access: 'load', page: LOST }]]), { kind: 'shutdown' });
      assert.equal(guest.control.counter('machine_checks'), 0, 'the guest was told');
    });
  });
});
