import assert from 'node:assert/strict';
import { BUGS, describeMistake, explore, mistakesOf, renderTrace, World } from '../../lib/explore/index.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';
import { assertNothingFound } from './support.js';

describe('a mistake of user space or of a guest', () => {
  for (const uapi of UAPI_NAMES) {
    for (const { bug, config, invariant } of mistakesOf(uapi)) {
      it(`is caught as ${invariant}: ${uapi}, ${describeMistake(bug)}`, () => {
        const { counterexample } = explore(new World(config));
        assert.ok(counterexample, 'nothing was found');
        assert.equal(counterexample.invariant, invariant, renderTrace(counterexample));
        assert.ok(counterexample.steps.length > 0);
      });

      it(`is what makes the difference: ${uapi}, without "${describeMistake(bug)}"`, () => {
        const exploration = explore(new World({ ...config, bugs: [] }));
        assertNothingFound(exploration);
        assert.ok(exploration.complete);
      });
    }
  }

  it('of every kind is looked for in some profile', () => {
    const looked = new Set(UAPI_NAMES.flatMap(mistakesOf).map(({ bug }) => bug));
    assert.deepEqual(Object.keys(BUGS).filter((bug) => !looked.has(bug as keyof typeof BUGS)), []);
  });
});
