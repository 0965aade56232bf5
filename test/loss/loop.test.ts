import { strict as assert } from 'node:assert';
import { readHost } from '../../lib/kvm/index.js';
import { loopReport, lossAbi, windowAddress, type AccessOutcome, type LoopFound, type TaskAccessKind } from '../../lib/loss/index.js';
import type { DaxWindow } from '../../lib/memory/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';
import { PAGES, withLossGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const SIZE = PAGES * PAGE_SIZE;
/** What the loop may take until it is broken, ms of the guest's time. */
const MOST_GUEST_MS = 10;
const MOST_ROUNDS = 200;
/** Turns that may pass: more than the watch needs, as one slice of an in-kernel loop has many. */
const MOST_TURNS = 32;

/** A task that got SIGBUS for a byte of the window. */
function assertSignal(outcome: AccessOutcome, page: number): void {
  assert(outcome.result === 'signal', `the access came to '${outcome.result}'`);
  assert.deepEqual([outcome.signal, outcome.code, outcome.address], [lossAbi.SIGNAL_BUS, lossAbi.CODE_BUS_ADRERR, windowAddress(page)]);
}

describe('the report `loop`', function () {
  before(function () {
    requireKvm(this);
  });

  for (const access of ['load', 'store', 'read-modify-write', 'fetch'] as const satisfies readonly TaskAccessKind[]) {
    it(`names the loop of a ${access} at CPL3, and breaks it: the task gets a signal, the VM goes on`, async () => {
      const loops: LoopFound[] = [];
      await withLossGuest({ report: loopReport((loop) => loops.push(loop)) }, ({ guest, window, load }) => {
        assert.equal(guest.control.asyncPf, 'on');
        window.write(LOST * PAGE_SIZE, Uint8Array.of(0xc3));
        window.truncate(LOST * PAGE_SIZE);
        assert.deepEqual(guest.run([[{ access, page: LOST }]]), { kind: 'done' });
        assertSignal(guest.outcomes()[0], LOST);
        assert.equal(loops.length, 1);
        assert.equal(loops[0].gfn, windowAddress(LOST) / PAGE_SIZE);
        assert(loops[0].turns <= MOST_TURNS, `${loops[0].turns} turns`);
        assert(guest.control.counter('ready') >= 2, 'the guest was never told that the page is ready: this was no loop');
        // What is there is as it was, and what is lost is known to be so from now on: no second loop.
        assert.equal(load(0).result, 'value');
        assertSignal(load(LOST), LOST);
        assert.equal(loops.length, 1);
        // And it comes back.
        window.truncate(SIZE);
        window.write(LOST * PAGE_SIZE, Uint8Array.of(0x77));
        const back = load(LOST);
        assert(back.result === 'value' && back.value === 0x77n, JSON.stringify(back.result));
      });
    });
  }

  it('takes a file that comes back in the middle of a loop for what it is: nobody is told anything', async () => {
    const loops: LoopFound[] = [];
    let windowOf: DaxWindow | null = null;
    let sightings = 0;
    const onLost = (): void => {
      sightings++;
      // The first sighting: the lost part is protected, and about to be let go.
      windowOf?.truncate(SIZE);
    };
    await withLossGuest({ report: loopReport((loop) => loops.push(loop)), onLost }, ({ guest, window }) => {
      windowOf = window;
      window.truncate(LOST * PAGE_SIZE);
      assert.deepEqual(guest.run([[{ access: 'load', page: LOST }]]), { kind: 'done' });
      assert.equal(guest.outcomes()[0].result, 'value');
      assert.equal(sightings, 1);
      assert.deepEqual(loops, []);
    });
  });

  it('finds a loop among tasks that work, and those go on', async () => {
    const loops: LoopFound[] = [];
    await withLossGuest({ report: loopReport((loop) => loops.push(loop)) }, ({ guest, window }) => {
      window.truncate(LOST * PAGE_SIZE);
      const end = guest.run([[{ access: 'load', page: LOST }], [{ access: 'compute', value: 20_000, repeat: 20 }], [{ access: 'load', page: 0, repeat: 20 }]]);
      assert.deepEqual(end, { kind: 'done' });
      const [lost, ...others] = guest.outcomes();
      assertSignal(lost, LOST);
      assert.deepEqual(new Set(others.map(({ result }) => result)), new Set(['value']));
      assert.equal(loops.length, 1);
    });
  });

  it('finds the loop that is all inside KVM_RUN, of the guest\'s kernel', async function () {
    if (readHost().kind === 'PVM') skip(this, 'KVM emulates CPL0 here, and brings its accesses to the VMM as MMIO', { hostCannot: true });
    const loops: LoopFound[] = [];
    await withLossGuest({ report: loopReport((loop) => loops.push(loop)) }, ({ guest, window }) => {
      window.truncate(LOST * PAGE_SIZE);
      // With interrupts on: KVM halts the vCPU for the page, and retries.
      assert.deepEqual(guest.run([[{ access: 'kernel-read', page: LOST, flipInterrupts: true }]]), { kind: 'done' });
      const [outcome] = guest.outcomes();
      assert(outcome.result === 'error' && outcome.errno === lossAbi.ERROR_EIO, `the copy came to ${outcome.result}`);
      assert.equal(loops.length, 1);
      assert.equal(loops[0].gfn, windowAddress(LOST) / PAGE_SIZE);
    });
  });

  it('breaks it within ten milliseconds of the guest\'s time', async () => {
    let best = Infinity;
    const limitMs = patience(MOST_GUEST_MS);
    await withLossGuest({ report: loopReport() }, ({ guest, window }) => {
      const tscPerMs = guest.vcpu.tscKhz();
      // Once is enough: others want the CPU too, and the guest's clock goes on meanwhile.
      for (let round = 0; round < MOST_ROUNDS && best >= limitMs; round++) {
        window.truncate(LOST * PAGE_SIZE);
        assert.deepEqual(guest.run([[{ access: 'load', page: LOST }]]), { kind: 'done' });
        const [outcome] = guest.outcomes();
        assertSignal(outcome, LOST);
        best = Math.min(best, Number(outcome.tscAfter - outcome.tscBefore) / tscPerMs);
        window.truncate(SIZE);
        assert.deepEqual(guest.run([[{ access: 'load', page: LOST }]]), { kind: 'done' });
      }
    });
    assert(best < limitMs, `${best.toFixed(1)} ms at best`);
  });
});
