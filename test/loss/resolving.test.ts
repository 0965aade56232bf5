/** `ve-resolve`: the page is asked for by hypercall. */
import { strict as assert } from 'node:assert';
import { lossAbi, lossReport, windowAddress, type LossGuestOptions, type TaskAccessKind } from '../../lib/loss/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { PAGES, withLossGuest, type WindowedGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const SIZE = PAGES * PAGE_SIZE;

/** A guest whose file has lost a page; `comesBack`: its owner brings it back when asked. */
async function withLostPage(comesBack: boolean, options: Partial<LossGuestOptions>, body: (windowed: WindowedGuest, asked: readonly number[]) => void): Promise<void> {
  const asked: number[] = [];
  let bringBack = (): boolean => false;
  const resolve = (offset: number): boolean => {
    asked.push(offset);
    return bringBack();
  };
  await withLossGuest({ report: lossReport('ve-resolve'), resolve, log: true, ...options }, (windowed) => {
    const { guest, window } = windowed;
    if (comesBack) {
      bringBack = () => {
        window.truncate(SIZE);
        window.write(LOST * PAGE_SIZE, Uint8Array.of(0xc3));
        return true;
      };
    }
    window.truncate(LOST * PAGE_SIZE);
    guest.timeline();
    body(windowed, asked);
  });
}

describe('the report `ve-resolve`', function () {
  before(function () {
    requireKvm(this);
  });

  it('lets a task with interrupts on sleep until an interrupt says that its page is there', async () => {
    for (const access of ['load', 'store', 'read-modify-write', 'fetch'] as const) {
      await withLostPage(true, {}, ({ guest }, asked) => {
        assert.deepEqual(guest.run([[{ access, page: LOST }]]), { kind: 'done' });
        assert.equal(guest.outcomes()[0].result, 'value', access);
        assert.deepEqual(asked, [LOST * PAGE_SIZE]);
        const { ve, hypercalls, resolved, signals, idle } = guest.control.counters();
        assert.deepEqual({ ve, hypercalls, resolved, signals, idle }, { ve: 1, hypercalls: 1, resolved: 1, signals: 0, idle: 1 });
      });
    }
  });

  it('lets other tasks run meanwhile', async () => {
    await withLostPage(true, { resolveMs: 20 }, ({ guest }) => {
      assert.deepEqual(guest.run([[{ access: 'load', page: LOST }], [{ access: 'compute', value: 1000, repeat: 3 }]]), { kind: 'done' });
      const outcomes = guest.outcomes();
      assert.deepEqual(new Set(outcomes.map(({ result }) => result)), new Set(['value']));
      const [slept, ...computed] = outcomes;
      for (const { tscBefore, tscAfter } of computed) assert(tscBefore > slept.tscBefore && tscAfter < slept.tscAfter, 'the other task did not run while the first slept');
    });
  });

  it('suspends the vCPU in the call where the guest cannot go on: its kernel, or interrupts off', async () => {
    const cases: readonly (readonly [TaskAccessKind, boolean])[] = [['kernel-read', false], ['kernel-write', false], ['kernel-load', false], ['kernel-store', true], ['load', true]];
    for (const [access, flipInterrupts] of cases) {
      await withLostPage(true, {}, ({ guest }, asked) => {
        assert.deepEqual(guest.run([[{ access, page: LOST, flipInterrupts }]]), { kind: 'done' });
        assert.equal(guest.outcomes()[0].result, 'value', access);
        assert.equal(asked.length, 1);
        const { ve, hypercalls, resolved, idle } = guest.control.counters();
        assert.deepEqual({ ve, hypercalls, resolved, idle }, { ve: 1, hypercalls: 1, resolved: 0, idle: 0 }, access);
      });
    }
  });

  it('of a page that is lost for good tells as `ve` does, at once or after a sleep', async () => {
    await withLostPage(false, {}, ({ guest }, asked) => {
      assert.deepEqual(guest.run([[{ access: 'store', page: LOST }, { access: 'kernel-read', page: LOST }]]), { kind: 'done' });
      const [stored, copied] = guest.outcomes();
      assert(stored.result === 'signal', stored.result);
      assert.deepEqual([stored.signal, stored.code, stored.address], [lossAbi.SIGNAL_BUS, lossAbi.CODE_BUS_ADRERR, windowAddress(LOST)]);
      assert(copied.result === 'error' && copied.errno === lossAbi.ERROR_EIO, copied.result);
      assert.equal(asked.length, 2);
    });
    await withLostPage(false, {}, ({ guest }) => {
      const end = guest.run([[{ access: 'kernel-load', page: LOST }]]);
      assert(end.kind === 'panic' && /touched lost memory itself/.test(end.why));
    });
  });

  it('says what happened in the order in which it did: access, #VE, call, sleep, interrupt, wake-up', async () => {
    await withLostPage(true, {}, ({ guest }) => {
      guest.run([[{ access: 'load', page: LOST }]]);
      const kinds = guest.timeline().flatMap(({ kind }) => kind ?? []);
      const order = [lossAbi.LOG_VE, lossAbi.LOG_HYPERCALL, lossAbi.LOG_BLOCK, lossAbi.LOG_IDLE, lossAbi.LOG_RESOLVED, lossAbi.LOG_WAKE, lossAbi.LOG_TASK_DONE];
      assert.deepEqual(kinds.filter((kind) => order.includes(kind)), order);
    });
  });
});
