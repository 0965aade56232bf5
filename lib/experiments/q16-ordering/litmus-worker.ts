/** One side of the ARMED protocol, round by round: says something, then looks whether the other side has. */
import { parentPort, workerData } from 'node:worker_threads';

/** What a side is told. */
export interface LitmusTask {
  /** Shared: both sides' rounds, both sides' words, a cache line each. */
  readonly words: Int32Array;
  /** What this side saw, by round: 1 for the other side's word of the same round. */
  readonly seen: Uint8Array;
  readonly side: 0 | 1;
  readonly fenced: boolean;
  readonly untilMs: number;
}

const LINE = 32;
/** Between looks at the clock. */
const SPINS = 4096;

/** Returns how many rounds were done. */
function play({ words, seen, side, fenced, untilMs }: LitmusTask): number {
  const [ownRound, otherRound] = [side * LINE, (1 - side) * LINE];
  const [own, other] = [(2 + side) * LINE, (3 - side) * LINE];
  for (let round = 1; round < seen.length; round++) {
    Atomics.store(words, ownRound, round);
    for (let spins = 1; Atomics.load(words, otherRound) < round; spins++) {
      if (spins % SPINS === 0 && Date.now() > untilMs) return round - 1;
    }
    if (fenced) {
      Atomics.store(words, own, round);
      seen[round] = Atomics.load(words, other) >= round ? 1 : 0;
    } else {
      // No fence between the store and the load: the CPU may do the load first.
      words[own] = round;
      seen[round] = words[other] >= round ? 1 : 0;
    }
  }
  return seen.length - 1;
}

if (parentPort !== null) parentPort.postMessage(play(workerData as LitmusTask));
