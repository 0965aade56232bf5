import { strict as assert } from 'node:assert';
import { Machine } from '../../lib/index.js';
import { checkIntegrity } from '../../lib/bench/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { ALL_MODES, assertNothingLeft, countingSums, holdings, smallMachine, startThreadPool } from './support.js';

/** So many that the order takes more than the page that one visit each would take. */
const PAGES = 300;
const VISITS = 4;

/** Orders that name each page four times: next to each other (vCPUs meet on one page), and one round after the other. */
const ORDERS: readonly [string, Uint32Array][] = [
  ['at the same time', Uint32Array.from({ length: VISITS * PAGES }, (_, i) => Math.floor(i / VISITS))],
  ['again later', Uint32Array.from({ length: VISITS * PAGES }, (_, i) => i % PAGES)],
];

describe('one page wanted by several vCPUs', function () {
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const mode of ALL_MODES) {
    for (const [when, order] of ORDERS) {
      it(`${mode}: four vCPUs that visit every page ${when} lose no wake-up, and each page is delivered once`, async () => {
        const before = holdings();
        const machine = await Machine.create({ ...smallMachine(mode, { windowPages: PAGES }), order, vcpus: 4, resolvers: 2, latencyNs: 5e6 });
        try {
          const result = await machine.run();
          const integrity = checkIntegrity(order, countingSums(PAGES), result);
          assert(integrity.exact, JSON.stringify(integrity));
          assert.equal(result.resolvers.pages, PAGES);
          assert.equal(
            result.guest.reduce((sum, vcpu) => sum + vcpu.pages, 0),
            order.length,
          );
          for (const vcpu of result.guest) assert.equal(vcpu.ready, vcpu.notPresent, 'an event went astray');
        } finally {
          await machine.close();
        }
        await assertNothingLeft(before);
      });
    }
  }
});
