/** What a paper is made of, and how its time is shared out. */
import { UAPI_MODES, type DeliveryMode } from '../../machine/index.js';
import { EXPERIMENTS, LEAST_BUDGET_MS, type Experiment } from '../../experiments/index.js';
import type { UapiName } from '../../uapi/proposals/index.js';

/** A bench of a paper. */
export interface BenchPart {
  readonly kind: 'bench';
  readonly id: string;
  readonly uapi: UapiName;
  readonly modes: readonly DeliveryMode[];
  /** `waiting`: many faults at once, each page takes its time. `account`: one at a time and no time added, so that what is seen is the delivery. */
  readonly load: 'waiting' | 'account';
}

/** An experiment of a paper. */
export interface ExperimentPart {
  readonly kind: 'experiment';
  readonly id: Experiment['id'];
  readonly experiment: Experiment;
}

/** One part of a paper, with its share of the time. */
export type Part = (BenchPart | ExperimentPart) & {
  /** How much of the time it is worth, against the others: what it takes for its fewest rounds, about, and more where noise is its trouble. */
  readonly weight: number;
};

/** Experiments that take longer, or much less, than the others. */
const WEIGHTS: Partial<Record<Experiment['id'], number>> = { q1: 40, q2: 40, q3: 14, q4: 14, q5: 26, q6: 8, q7: 18, q8: 26, q9: 20, q10: 14, q11: 2, q12: 3, q13: 10, q14: 4, q15: 24, q16: 10, history: 40, delivery: 12 };
const USUAL_WEIGHT = 8;
const BENCH_WEIGHTS: Readonly<Record<'stock' | 'proposal' | 'account', number>> = { stock: 16, proposal: 12, account: 4 };

/** Benches: every mode that a stock kernel makes, and every mode of the proposal that has them all. */
const BENCHES: readonly Part[] = (['stock', 'async-pf-userfault-2026'] as const).map((uapi) => ({
  kind: 'bench',
  id: uapi === 'stock' ? 'bench' : `bench of ${uapi}`,
  uapi,
  modes: UAPI_MODES[uapi].filter((mode) => uapi === 'stock' || mode !== 'sync-uffd'),
  load: 'waiting',
  weight: BENCH_WEIGHTS[uapi === 'stock' ? 'stock' : 'proposal'],
}));

/** Where the time of a single fault goes: the pair that every kernel has of its own. */
const ACCOUNT: Part = { kind: 'bench', id: 'account', uapi: 'stock', modes: ['sync-uffd', 'apf-kernel'], load: 'account', weight: BENCH_WEIGHTS.account };

/** Every part, in the order of the page. */
export const PARTS: readonly Part[] = [...BENCHES, ACCOUNT, ...EXPERIMENTS.map((experiment): Part => ({ kind: 'experiment', id: experiment.id, experiment, weight: WEIGHTS[experiment.id] ?? USUAL_WEIGHT }))];

/** A part gets at least so much of its fair share, however much the others took: better late than without an answer. */
const LEAST_SHARE = 0.4;

/** A part that is not over. */
export interface Unfinished {
  readonly weight: number;
  /** What it took by now, ms. */
  readonly spentMs: number;
}

/**
 * What a part may still take, ms: of all the time that the unfinished ones have had and that is left, its share, less what it had. One that takes less leaves the rest to the others, one
 * that takes more takes it from them.
 * @param part - one of `unfinished`
 * @param fairMs - its share of the budget, were all to keep to theirs
 * @param remainingMs - of the budget; below 0 when it is spent
 */
export function allowanceMs(part: Unfinished, unfinished: readonly Unfinished[], fairMs: number, remainingMs: number): number {
  const sum = (of: (one: Unfinished) => number): number => unfinished.reduce((total, one) => total + of(one), 0);
  const pool = Math.max(0, remainingMs) + sum(({ spentMs }) => spentMs);
  const share = (pool * part.weight) / sum(({ weight }) => weight);
  return Math.max(LEAST_BUDGET_MS, LEAST_SHARE * fairMs, share) - part.spentMs;
}

/** Rounds that an experiment makes of its share, about. */
const USUAL_PASSES = 5;

/**
 * Whether a part that runs in one piece is next, rather than another pass over those that run in rounds: pieces are spread evenly between the passes, so that the rounds of an
 * experiment are far apart, and what is slow about the host for a while is slow for few of them.
 * @param pass - passes that are done
 * @param pieces - weights of all parts that run in one piece
 * @param done - how many of them have run
 */
export function isPieceNext(pass: number, pieces: readonly number[], done: number): boolean {
  const sum = (of: readonly number[]): number => of.reduce((total, weight) => total + weight, 0);
  return done < pieces.length && sum(pieces.slice(0, done + 1)) - pieces[done] / 2 < (sum(pieces) * pass) / USUAL_PASSES;
}
