import assert from 'node:assert/strict';
import { ActionList } from '../../lib/explore/agent.js';
import { explore, mistakesOf, scenariosOf, World, type WorldConfig } from '../../lib/explore/index.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';

/** Counts states and steps with whole states in a set: nothing clever that could be wrong. */
function countPlainly(world: World): { states: number; transitions: number } {
  const list = new ActionList();
  const state = new Int32Array(world.stateWords);
  world.start();
  world.save(state, 0);
  const seen = new Set([state.join()]);
  const open = [state.slice()];
  let transitions = 0;
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    world.load(from, 0);
    world.actions(list);
    for (const action of [...list.codes]) {
      world.load(from, 0);
      world.perform(action);
      transitions++;
      world.save(state, 0);
      const key = state.join();
      if (seen.has(key)) continue;
      seen.add(key);
      open.push(state.slice());
    }
  }
  return { states: seen.size, transitions };
}

const small: WorldConfig = { uapi: 'async-pf-userfault-2026', vcpus: [[{ pages: [0] }], [{ pages: [0] }]], pages: 1, prefetcher: true, asyncExit: ['async', 'sync'] };

describe('exploration', () => {
  for (const uapi of UAPI_NAMES) {
    it(`meets every state of a world once: ${uapi}`, () => {
      const config = { ...small, uapi, asyncExit: ['async'] as const };
      const { states, transitions, complete } = explore(new World(config));
      assert.ok(complete);
      assert.deepEqual({ states, transitions }, countPlainly(new World(config)));
    });
  }

  it('meets every state of the exitless rings once', () => {
    const config: WorldConfig = { uapi: 'async-pf-userfault-2026', vcpus: [[{ pages: [0] }, { pages: [1] }]], pages: 2, rings: true, ringEntries: 1 };
    const { states, transitions } = explore(new World(config));
    assert.deepEqual({ states, transitions }, countPlainly(new World(config)));
  });

  it('comes to the same every time, in whatever state the world was left', () => {
    const world = new World(small);
    const first = explore(world);
    const list = new ActionList();
    world.actions(list);
    assert.deepEqual(explore(world), first);
  });

  it('stops at its limits and says that it is not complete', () => {
    const byDepth = explore(new World(small), { depth: 8 });
    assert.equal(byDepth.depth, 8);
    assert.equal(byDepth.complete, false);
    const byStates = explore(new World(small), { states: 100 });
    assert.ok(byStates.states >= 100 && byStates.states < 120, `${byStates.states}`);
    assert.equal(byStates.complete, false);
    assert.equal(byStates.counterexample, undefined);
  });

  it('finds a counterexample on a shortest way: none is found with a step less', () => {
    for (const { bug, config } of mistakesOf('async-pf-userfault-2026')) {
      const { counterexample } = explore(new World(config));
      assert.ok(counterexample);
      const steps = counterexample.path.length;
      assert.equal(explore(new World(config), { depth: steps - 2 }).counterexample, undefined, bug);
    }
  });

  it('refuses worlds that cannot be', () => {
    const bad = (change: Partial<WorldConfig>): void => {
      assert.throws(() => new World({ ...small, ...change }), RangeError);
    };
    bad({ vcpus: [] });
    bad({ pages: 0 });
    bad({ pages: 64 });
    bad({ resolvers: -1 });
    bad({ vcpus: [[{ pages: [1] }]] });
    bad({ vcpus: [[{ pages: [-1] }]] });
    bad({ itemsPerVcpu: 0 });
    bad({ ringEntries: 3 });
  });

  it('leaves out no word of the state: a saved state goes on as the one it was saved from', () => {
    for (const uapi of UAPI_NAMES) {
      for (const { config, name } of scenariosOf(uapi)) {
        const [one, other] = [new World(config), new World(config)];
        const state = new Int32Array(one.stateWords);
        const list = new ActionList();
        const otherList = new ActionList();
        for (let step = 0; step < 60; step++) {
          one.save(state, 0);
          other.load(state, 0);
          one.actions(list);
          other.actions(otherList);
          assert.deepEqual(otherList.codes, list.codes, name);
          if (list.codes.length === 0) break;
          const action = list.codes[(step * 7) % list.codes.length];
          one.perform(action);
          other.perform(action);
          const [after, otherAfter] = [new Int32Array(one.stateWords), new Int32Array(one.stateWords)];
          one.save(after, 0);
          other.save(otherAfter, 0);
          assert.deepEqual(otherAfter, after, name);
        }
      }
    }
  });
});
