import assert from 'node:assert/strict';
import { explore, RACE_NAMES, scenariosOf, World } from '../../lib/explore/index.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';
import { assertNothingFound } from './support.js';

/** Races that reviewers of the proposals named, and the profiles that can have each. */
const NAMED = {
  CLEARED_AFTER_CHECK: [...UAPI_NAMES],
  READY_BEFORE_ACCEPT: ['async-pf-userfault-2026'],
  REENTRY_WITHOUT_ACCEPT: ['async-pf-userfault-2026'],
  SAME_GFN: [...UAPI_NAMES],
  RING_FULL: ['async-pf-userfault-2026'],
  MSR_OFF_IN_FLIGHT: UAPI_NAMES.filter((name) => name !== 'userfault'),
  RESTORE_IN_FLIGHT: UAPI_NAMES.filter((name) => name !== 'userfault'),
} as const;

describe('every interleaving of a small world', () => {
  for (const uapi of UAPI_NAMES) {
    for (const { name, race, config, mostStates } of scenariosOf(uapi)) {
      it(`keeps every invariant: ${name}`, () => {
        const exploration = explore(new World(config), mostStates === undefined ? {} : { states: mostStates });
        assertNothingFound(exploration);
        assert.equal(exploration.complete, mostStates === undefined, `${exploration.states} states`);
        assert.ok(exploration.depth >= 8, `only ${exploration.depth} steps deep`);
        if (race !== null) assert.ok(exploration.races.includes(RACE_NAMES[race]), `the race was not met: ${RACE_NAMES[race]}`);
      });
    }
  }

  it('has a scenario for each named race in each profile that can have it', () => {
    for (const [race, profiles] of Object.entries(NAMED)) {
      for (const uapi of profiles) assert.ok(scenariosOf(uapi).some((scenario) => scenario.race === race), `${race} in ${uapi}`);
    }
  });

  it('is looked at to the end with two vCPUs, two tasks each, and two pages', () => {
    for (const uapi of UAPI_NAMES) {
      const scenario = scenariosOf(uapi).find(({ name }) => name.startsWith('two-by-two/'));
      assert.ok(scenario?.config.vcpus.length === 2 && scenario.config.vcpus.every((tasks) => tasks.length === 2) && scenario.config.pages === 2);
      assert.equal(scenario.mostStates, undefined);
    }
  });
});
