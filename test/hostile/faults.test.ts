import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { requireKvm } from '../support/kvm-available.js';
import { SLOWNESS, patience } from '../support/slowness.js';
import { startThreadPool } from '../machine/support.js';
import { buildGuest, endOf, makeGuestFolder, outcomesInAllModes, outcomesInProposals, type Outcome } from './support.js';

/** More than the 64 requests that KVM has under way for a vCPU. */
const FLOOD_PAGES = SLOWNESS > 1 ? 100 : 300;

function assertDone(outcomes: ReadonlyMap<string, Outcome>): void {
  for (const [mode, outcome] of outcomes) assert.equal(endOf(outcome), 'done', `${mode}: ${outcome.error?.message ?? ''}`);
}

describe('a guest that faults in every way', function () {
  let folder: string;

  before(async function () {
    requireKvm(this);
    await startThreadPool();
    folder = makeGuestFolder();
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  for (const [flags, words] of [['IF_ON', 'on'], ['IF_OFF', 'off']]) {
    it(`across pages, by string instructions, stacks, calls and fetches, with interrupts ${words}: gets every page and goes on`, async () => {
      const outcomes = await outcomesInAllModes(buildGuest(folder, 'touch', { USER_RFLAGS: flags }));
      assertDone(outcomes);
      const user = outcomes.get('apf-user')?.result?.vcpus;
      if (flags === 'IF_OFF') assert.equal(user?.notPresent, 0, 'told of a fault that it could not take');
      else assert(user !== undefined && user.notPresent > 0, 'never told');
    });

    it(`the same under each proposal, with interrupts ${words}`, async () => {
      const outcomes = await outcomesInProposals(buildGuest(folder, 'touch', { USER_RFLAGS: flags }));
      assertDone(outcomes);
      for (const [title, { result }] of outcomes) {
        const told = result?.vcpus.notPresent ?? 0;
        if (flags === 'IF_OFF') assert.equal(told, 0, `${title}: told of a fault that it could not take`);
        else assert(told > 0, `${title}: never told`);
      }
    });
  }

  for (const [event, words] of [
    ['TAKE', 'takes its ready events'],
    ['NEVER', 'neither empties the token word nor acknowledges'],
    ['ACK_ONLY', 'acknowledges without emptying the token word'],
    ['CLEAR_ONLY', 'empties the token word without acknowledging'],
    ['SHOUT', 'answers each ready event with a thousand acknowledgements and enablings and a token of its own'],
  ]) {
    for (const toggle of [0, 7]) {
      it(`never waits for a page and ${words}${toggle === 0 ? '' : ', disabling delivery and enabling it in turn'}: has no more under way than KVM allows`, async () => {
        const guest = buildGuest(folder, 'flood', { EVENT: event, TOGGLE: toggle, FLOOD_PAGES });
        assertDone(await outcomesInAllModes(guest, { latencyNs: 5e6, windowPages: FLOOD_PAGES }));
        assertDone(await outcomesInProposals(guest, { latencyNs: 5e6, windowPages: FLOOD_PAGES }));
      });
    }
  }

  it('with a latency longer than it takes to ask for all pages: waits for a slot, and does not overflow the resolver', async () => {
    const guest = buildGuest(folder, 'flood', { EVENT: 'TAKE', TOGGLE: 10, FLOOD_PAGES: 200 });
    // The guest has pages that it never asks for again: stop() is to end it, not the watchdog.
    const outcomes = await outcomesInAllModes(guest, { latencyNs: 300e6, resolvers: 1, stallNs: patience(60e9) }, (machine) => {
      setTimeout(() => {
        machine.stop();
      }, 1500);
    });
    for (const [mode, outcome] of outcomes) assert.equal(outcome.error, null, `${mode}: ${outcome.error?.message ?? ''}`);
  });

  it('with such a latency under each proposal: cancelled faults keep their room until their pages have come', async () => {
    const guest = buildGuest(folder, 'flood', { EVENT: 'TAKE', TOGGLE: 10, FLOOD_PAGES: 200 });
    const outcomes = await outcomesInProposals(guest, { latencyNs: 300e6, resolvers: 1, stallNs: patience(60e9) }, (machine) => {
      setTimeout(() => {
        machine.stop();
      }, 1500);
    });
    for (const [title, outcome] of outcomes) assert.equal(outcome.error, null, `${title}: ${outcome.error?.message ?? ''}`);
  });

  it('cancels its faults and comes back to their pages under each proposal: the completion of a cancelled fault may end one that is not', async () => {
    for (const toggle of [1, 3]) {
      const guest = buildGuest(folder, 'flood', { EVENT: 'TAKE', TOGGLE: toggle, FLOOD_PAGES: 3000, WRAP: 64 });
      assertDone(await outcomesInProposals(guest, { latencyNs: 2e6, windowPages: 64, resolvers: 2 }));
    }
  });

  it('writes every kind of garbage to the MSRs of async page faults: gets #GP or its way, and the run goes on', async () => {
    assertDone(await outcomesInAllModes(buildGuest(folder, 'msrs')));
    assertDone(await outcomesInProposals(buildGuest(folder, 'msrs')));
  });

  it('enables async page faults that CPUID does not show: is refused by KVM in the modes without them', async () => {
    // Were it not, KVM would tell this guest of faults that the VMM is to see.
    const outcomes = await outcomesInAllModes(buildGuest(folder, 'flood', { EVENT: 'NEVER', TOGGLE: 0, FLOOD_PAGES: 20 }), { latencyNs: 1e6 });
    const pages = outcomes.get('sync-exit')?.result?.vcpus.syncWaits;
    assert.equal(pages, 20);
    assert.equal(outcomes.get('sync-uffd')?.result?.resolvers.vcpuFaults, 20);
  });
});
