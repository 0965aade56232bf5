/**
 * Exploration of a world's states, breadth first, so that what is found first is found in as few steps as possible.
 *
 * Three kinds of things are found: an invariant that a step violates; a state where nothing has to happen any more and the guest is not done;
 * and, once everything was explored, a state from which the guest cannot finish by what agents have to do, although something always happens.
 */
import { ActionList } from './agent.js';
import { replay, type Trace } from './trace.js';
import { VisitedStates } from './visited.js';
import type { World, Violation } from './world.js';
import { raceNames } from './world-config.js';

/** How far to go. */
export interface ExploreLimits {
  /** Most states; 300,000 where left out. */
  readonly states?: number;
  /** Most steps from the first state; no limit where left out. */
  readonly depth?: number;
}

/** What an exploration came to. */
export interface Exploration {
  /** Different states that were met. */
  readonly states: number;
  /** Steps that were tried. */
  readonly transitions: number;
  /** Steps of the farthest state, of the shortest ways to each. */
  readonly depth: number;
  /** True when no state is left: within the limits, everything that can happen was looked at. */
  readonly complete: boolean;
  /** Named races that happened on the way. */
  readonly races: readonly string[];
  readonly counterexample?: Trace;
}

/** See the module's comment. The world is left in some state. */
export function explore(world: World, limits: ExploreLimits = {}): Exploration {
  return new Search(world, limits.states ?? 300_000, limits.depth ?? Infinity).run();
}

/** States of one depth, one after another. */
class Layer {
  ids = new Int32Array(256);
  words: Int32Array;
  count = 0;

  constructor(private readonly stateWords: number) {
    this.words = new Int32Array(256 * stateWords);
  }

  /** Takes the state that was saved at `count`. */
  take(id: number): void {
    this.ids[this.count++] = id;
    if (this.count < this.ids.length) return;
    const ids = new Int32Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }

  /** Where the next state goes. */
  get next(): number {
    return this.count * this.stateWords;
  }
}

/** Edges between states, backwards. */
class Edges {
  private from = new Int32Array(1 << 16);
  private to = new Int32Array(1 << 16);
  private count = 0;

  add(from: number, to: number): void {
    if (this.count === this.from.length) {
      const larger = (array: Int32Array): Int32Array<ArrayBuffer> => {
        const next = new Int32Array(array.length * 2);
        next.set(array);
        return next;
      };
      this.from = larger(this.from);
      this.to = larger(this.to);
    }
    this.from[this.count] = from;
    this.to[this.count++] = to;
  }

  /** The first of `states` from which no good one is reached, or -1. */
  firstWithoutWayTo(good: readonly number[], states: number): number {
    const starts = new Int32Array(states + 2);
    for (let i = 0; i < this.count; i++) starts[this.to[i] + 2]++;
    for (let i = 2; i < starts.length; i++) starts[i] += starts[i - 1];
    const sources = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) sources[starts[this.to[i] + 1]++] = this.from[i];
    const reached = new Uint8Array(states);
    const queue = new Int32Array(states);
    let tail = 0;
    const reach = (id: number): void => {
      if (reached[id] !== 0) return;
      reached[id] = 1;
      queue[tail++] = id;
    };
    good.forEach(reach);
    for (let head = 0; head < tail; head++) for (let i = starts[queue[head]]; i < starts[queue[head] + 1]; i++) reach(sources[i]);
    return reached.indexOf(0);
  }
}

class Search {
  private readonly visited = new VisitedStates();
  private readonly edges = new Edges();
  private readonly good: number[] = [];
  private readonly list = new ActionList();
  private layer: Layer;
  private nextLayer: Layer;
  private transitions = 0;
  private depth = 0;
  private full = false;

  constructor(
    private readonly world: World,
    private readonly mostStates: number,
    private readonly mostDepth: number,
  ) {
    this.layer = new Layer(world.stateWords);
    this.nextLayer = new Layer(world.stateWords);
  }

  run(): Exploration {
    const { world, visited } = this;
    world.start();
    world.races = 0;
    world.record = null;
    world.save(this.layer.words, 0);
    visited.add(this.layer.words, 0, world.stateWords, -1, 0);
    this.layer.take(0);
    while (this.layer.count > 0 && this.depth < this.mostDepth && !this.full) {
      const found = this.expandLayer();
      if (found !== null) return this.result(false, found);
      [this.layer, this.nextLayer] = [this.nextLayer, this.layer];
      this.nextLayer.count = 0;
      if (this.layer.count > 0) this.depth++;
    }
    if (this.layer.count > 0 || this.full) return this.result(false);
    const lost = this.edges.firstWithoutWayTo(this.good, visited.size);
    const violation = lost < 0 ? null : world.unless('task-stuck', 'the last steps come again and again, and the guest never finishes');
    return violation === null ? this.result(true) : this.result(true, { path: this.untilAgain(visited.path(lost)), violation });
  }

  private expandLayer(): { path: number[]; violation: Violation } | null {
    for (let i = 0; i < this.layer.count && !this.full; i++) {
      const found = this.expand(this.layer.ids[i], i * this.world.stateWords);
      if (found !== null) return found;
    }
    return null;
  }

  private expand(id: number, at: number): { path: number[]; violation: Violation } | null {
    const { world, visited, list, layer } = this;
    world.load(layer.words, at);
    world.actions(list);
    if (list.obliged === 0) {
      if (world.isFinished()) this.good.push(id);
      else {
        const violation = world.stuck();
        if (violation !== null) return { path: visited.path(id), violation };
        this.good.push(id);
      }
    }
    for (let i = 0; i < list.codes.length; i++) {
      if (i > 0) world.load(layer.words, at);
      world.perform(list.codes[i]);
      this.transitions++;
      if (world.violation !== null) return { path: [...visited.path(id), list.codes[i]], violation: world.violation };
      const next = this.nextLayer;
      world.save(next.words, next.next);
      const reached = visited.add(next.words, next.next, world.stateWords, id, list.codes[i]);
      if (!list.optional[i]) this.edges.add(id, reached < 0 ? -1 - reached : reached);
      if (reached >= 0) next.take(reached);
      if (visited.size >= this.mostStates) this.full = true;
    }
    return null;
  }

  /** Goes on from where a path ends, by what has to happen, until a state comes again: the round that is never left. */
  private untilAgain(path: readonly number[]): number[] {
    const { world, list } = this;
    const round = [...path];
    const seen = new VisitedStates();
    const state = new Int32Array(world.stateWords);
    world.start();
    for (const action of path) world.perform(action);
    for (;;) {
      world.save(state, 0);
      world.actions(list);
      const next = list.optional.indexOf(false);
      if (seen.add(state, 0, state.length, -1, 0) < 0 || next < 0) return round;
      round.push(list.codes[next]);
      world.perform(list.codes[next]);
    }
  }

  private result(complete: boolean, found?: { path: number[]; violation: Violation }): Exploration {
    const { world, visited, transitions, depth } = this;
    const races = raceNames(world.races);
    const base = { states: visited.size, transitions, depth, complete, races };
    return found === undefined ? base : { ...base, counterexample: replay(world, found.path, found.violation) };
  }
}
