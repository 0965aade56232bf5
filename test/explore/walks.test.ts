import assert from 'node:assert/strict';
import fc from 'fast-check';
import { walk, World, type AsyncExitChoice, type Bug, type TaskPlan, type WorldConfig } from '../../lib/explore/index.js';
import { UAPI_NAMES, type UapiName } from '../../lib/uapi/proposals/index.js';
import { assertNothingFound } from './support.js';

const MOST_STEPS = 2000;

/** Numbers that a seed gives, for a walk to choose by. */
function pickBy(seed: number): (count: number) => number {
  let state = seed | 0;
  return (count) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % count;
  };
}

function worldOf(uapi: UapiName): fc.Arbitrary<WorldConfig> {
  const pages = 6;
  const task: fc.Arbitrary<TaskPlan> = fc.record({
    pages: fc.array(fc.nat(pages - 1), { maxLength: 5 }),
    kind: fc.constantFrom('user', 'user', 'user', 'kernel', 'irqs-off'),
  });
  const rings = uapi === 'async-pf-userfault-2026' ? fc.boolean() : fc.constant(false);
  const bits = uapi === 'sync-async-2bit' ? fc.array(fc.constantFrom(1, 2, 3), { minLength: pages, maxLength: pages }) : fc.constant(Array.from({ length: pages }, () => 1));
  return fc.record({
    uapi: fc.constant(uapi),
    vcpus: fc.array(fc.array(task, { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
    pages: fc.constant(pages),
    itemsPerVcpu: fc.integer({ min: 1, max: 4 }),
    ringEntries: fc.constantFrom(1, 2, 4),
    rings,
    bits,
    resolvers: fc.integer({ min: 1, max: 4 }),
    prefetcher: fc.boolean(),
    asyncExit: fc.constantFrom<readonly AsyncExitChoice[]>(['async'], ['sync'], ['async', 'sync']),
    guestAsync: fc.boolean(),
    timer: fc.boolean(),
    msrOff: fc.nat(4),
    resets: fc.nat(2),
    restores: fc.nat(3),
  });
}

describe('a long walk through a larger world', () => {
  for (const uapi of UAPI_NAMES) {
    it(`comes to an end and keeps every invariant: ${uapi}`, () => {
      fc.assert(
        fc.property(worldOf(uapi), fc.integer(), (config, seed) => {
          const result = walk(new World(config), pickBy(seed), MOST_STEPS);
          assertNothingFound(result);
          assert.ok(result.quiescent, `no end after ${result.steps} steps`);
        }),
        { numRuns: 150 },
      );
    });

    it(`keeps every invariant where pages come and go: ${uapi}`, () => {
      // A READY that comes late would meet a later fault of the page where faults are cancelled: a finding of its own.
      const config = worldOf(uapi).map((world) => ({ ...world, discards: 8, msrOff: 0, resets: 0, restores: 0 }));
      fc.assert(
        fc.property(config, fc.integer(), (world, seed) => assertNothingFound(walk(new World(world), pickBy(seed), MOST_STEPS))),
        { numRuns: 100 },
      );
    });
  }

  it('finds a mistake too', () => {
    const found = new Set<string>();
    const bugs: readonly Bug[] = ['never-ready', 'ready-before-clear', 'clear-before-data', 'first-vcpu-only'];
    for (const bug of bugs) {
      const config: WorldConfig = {
        uapi: 'async-pf-userfault-2026', pages: 3, bugs: [bug],
        vcpus: [[{ pages: [0, 1] }, { pages: [2] }], [{ pages: [0, 2] }], [{ pages: [1, 0] }]],
      };
      for (let seed = 0; seed < 200 && !found.has(bug); seed++) if (walk(new World(config), pickBy(seed), MOST_STEPS).counterexample !== undefined) found.add(bug);
    }
    assert.deepEqual([...found], bugs);
  });
});
