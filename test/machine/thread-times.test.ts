/** What a run with stamps keeps of its guest's handlers and its vCPUs' threads. */
import { strict as assert } from 'node:assert';
import type { GuestNotes } from '../../lib/guest/index.js';
import { Machine, type MachineResult } from '../../lib/machine/index.js';
import { ThreadTimes } from '../../lib/machine/thread-times.js';
import { requireKvm } from '../support/kvm-available.js';
import { countingSource } from './support.js';

async function run(vcpus: number): Promise<MachineResult> {
  const machine = await Machine.create({ mode: 'apf-user', vcpus, windowPages: 64, source: countingSource(), faultTasks: 2, workTasks: 1, controlTicks: 3, stamps: true });
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

describe('moments of a guest and of its threads', () => {
  it('has one of every event that the guest counted', async function () {
    requireKvm(this);
    const { guest, stamps } = await run(2);
    assert.ok(stamps !== null);
    for (const [vcpu, { notPresent, ready, wakeAll, spuriousReady, ticks }] of guest.entries()) {
      const notes: GuestNotes | null = stamps.notes[vcpu];
      assert.ok(notes !== null && notPresent > 0);
      assert.deepEqual([notes.notPresent.length, notes.ready.length, notes.tick.length], [notPresent, ready + wakeAll + spuriousReady, ticks]);
    }
  });

  it("has the threads' times at both ends of each phase, and they fit together", async function () {
    requireKvm(this);
    const { stamps } = await run(1);
    assert.ok(stamps !== null);
    const [moments] = stamps.threads;
    assert.equal(moments.length, 6);
    for (let at = 1; at < moments.length; at++) {
      const [before, after] = [moments[at - 1], moments[at]];
      assert.ok(after.tscCycles > before.tscCycles && after.monotonicNs > before.monotonicNs && after.inKvmNs >= before.inKvmNs);
      if (before.kvm.exits !== undefined && after.kvm.exits !== undefined) assert.ok(after.kvm.exits > before.kvm.exits);
      if (before.onCpuNs !== null && after.onCpuNs !== null) assert.ok(after.onCpuNs >= before.onCpuNs);
    }
  });

  it('says null for what the kernel does not count', () => {
    const buffer = ThreadTimes.allocate();
    const times = ThreadTimes.ofThisThread(buffer, null, '/proc/no-such-file');
    for (let at = 0; at < 10; at++) times.note(at, 2);
    times.close();
    const moments = new ThreadTimes(buffer).read();
    assert.equal(moments.length, 6);
    assert.deepEqual(moments.map(({ onCpuNs, runDelayNs, inKvmNs, waitedNs, kvm }) => [onCpuNs, runDelayNs, inKvmNs, waitedNs, kvm])[5], [null, null, 5, 2, {}]);
  });
});
