import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { requireKvm } from '../support/kvm-available.js';
import { ALL_MODES, assertNothingLeft, holdings, startThreadPool } from '../machine/support.js';
import { buildGuest, endOf, hostileMachine, makeGuestFolder, outcomeOf } from './support.js';

const ROUNDS = 50;

describe('fifty machines in a row', function () {
  this.timeout(180_000);
  let folder: string;

  before(async function () {
    requireKvm(this);
    await startThreadPool();
    folder = makeGuestFolder();
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('that end well, fail, or are refused leave no descriptor, thread, mapping or handle', async () => {
    const ends = new Map([
      [buildGuest(folder, 'flood', { EVENT: 'TAKE', FLOOD_PAGES: 20 }), 'done'],
      [buildGuest(folder, 'misbehave', { BEHAVIOUR: 'TRIPLE_FAULT' }), 'UNHANDLED_EXIT'],
      ['/nowhere', 'GUEST_ELF'],
    ]);
    const guests = [...ends.keys()];
    const before = holdings();
    for (let round = 0; round < ROUNDS; round++) {
      const guest = guests[round % guests.length];
      const outcome = await outcomeOf(hostileMachine(ALL_MODES[round % ALL_MODES.length], guest));
      assert.equal(endOf(outcome), ends.get(guest), `round ${round}: ${outcome.error?.message ?? ''}`);
    }
    await assertNothingLeft(before);
  });
});
