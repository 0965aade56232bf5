import assert from 'node:assert/strict';
import { EmulatedTarget, loadProfile, planCases, runCase } from '../../lib/conform/index.js';
import { Kvm } from '../../lib/kvm/index.js';
import { UAPI_NAMES, UAPI_PROFILES, type UapiName } from '../../lib/uapi/proposals/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { makeMutant } from './mutant.js';
import { MUTATIONS } from './mutations.js';

/** Rules that the emulation has not. */
const NATIVE_ONLY = new Set(['uf-20']);

function profileOf(rule: string): UapiName {
  return UAPI_NAMES.find((name) => UAPI_PROFILES[name].rules.some(({ id }) => id === rule)) ?? assert.fail(`no profile has a rule ${rule}`);
}

describe('mutants: every rule is able to fail', function () {
  this.timeout(patience(30_000));
  let opened: Kvm | undefined;
  let kvm: Kvm;
  before(function () {
    requireKvm(this);
    kvm = Kvm.open();
    opened = kvm;
  });
  after(() => {
    opened?.close();
  });

  it('has a mutant for every rule that the emulation can show', () => {
    const rules = UAPI_NAMES.flatMap((name) => UAPI_PROFILES[name].rules.filter(({ id, observable }) => observable !== 'kernel-only' && !NATIVE_ONLY.has(id)).map(({ id }) => id));
    const killed = new Set(MUTATIONS.flatMap(({ kills }) => kills));
    assert.deepEqual(rules.filter((id) => !killed.has(id)), []);
  });

  MUTATIONS.forEach((mutation, serial) => {
    it(`${mutation.kills.join(', ')}: ${mutation.what} (${mutation.file})`, async function () {
      const mutant = await makeMutant(mutation, serial);
      try {
        let skipped = 0;
        for (const rule of mutation.kills) {
          const name = profileOf(rule);
          const run = async (conform: typeof mutant.conform, loaded: ReturnType<typeof loadProfile>): Promise<string> => {
            const target = new conform.EmulatedTarget(kvm, loaded);
            try {
              const [planned] = conform.planCases(loaded.profile, [rule]);
              return (await conform.runCase(planned, target, loaded.profile)).outcome;
            } finally {
              await target.close();
            }
          };
          const own = await run({ EmulatedTarget, planCases, runCase } as typeof mutant.conform, loadProfile(name));
          if (own === 'skip') {
            skipped++;
            continue;
          }
          assert.equal(own, 'ok', `${rule} passes on the project's own model`);
          assert.equal(await run(mutant.conform, mutant.load(name)), 'not ok', `${rule} notices that ${mutation.what}`);
        }
        // What the host cannot try it cannot kill; suite.test.ts says which cases those are.
        if (skipped === mutation.kills.length) assert.deepEqual(mutation.kills, ['st-05']);
      } finally {
        mutant.remove();
      }
    });
  });
});
