/** One way through a world that is too large to explore. */
import { ActionList } from './agent.js';
import { replay, type Trace } from './trace.js';
import type { World } from './world.js';
import { raceNames } from './world-config.js';

/** What a walk came to. */
export interface Walk {
  readonly steps: number;
  /** True when nothing had to happen any more: the guest is done, or there is a counterexample. */
  readonly quiescent: boolean;
  readonly races: readonly string[];
  readonly counterexample?: Trace;
}

/**
 * Takes one action after another until nothing has to happen any more.
 * @param pick - which of `count` actions to take: a number from 0 to count - 1
 * @param mostSteps - after as many, only what has to happen happens, so that the walk ends; it gives up after three times as many
 */
export function walk(world: World, pick: (count: number) => number, mostSteps: number): Walk {
  const list = new ActionList();
  const path: number[] = [];
  world.start();
  world.races = 0;
  world.record = null;
  for (; path.length < 3 * mostSteps; ) {
    world.actions(list);
    const settles = path.length >= mostSteps;
    if (list.obliged === 0 && (settles || list.codes.length === 0 || world.isFinished())) {
      const violation = world.isFinished() ? null : world.stuck();
      const base = { steps: path.length, quiescent: true, races: raceNames(world.races) };
      return violation === null ? base : { ...base, counterexample: replay(world, path, violation) };
    }
    const choices = settles ? list.codes.filter((_, i) => !list.optional[i]) : list.codes;
    const action = choices[pick(choices.length)];
    path.push(action);
    world.perform(action);
    if (world.violation !== null) return { steps: path.length, quiescent: false, races: raceNames(world.races), counterexample: replay(world, path, world.violation) };
  }
  return { steps: path.length, quiescent: false, races: raceNames(world.races) };
}
