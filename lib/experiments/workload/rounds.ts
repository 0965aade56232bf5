/**
 * Arms of an experiment side by side: in rounds, every second one in the opposite order, so that a host that gets slower wrongs nobody. A round is one independent value of whatever
 * is computed from it: its machines are new, and between two rounds others have their turn where there are any, so that rounds are spread over time.
 */
import type { ExperimentContext } from '../frame/experiment.js';

/** One thing to be measured in every round. */
export interface Trial<T> {
  /** For the progress line. */
  readonly title: string;
  /** Measures once. @param round - from 0; to compare arms within one */
  readonly run: (round: number) => Promise<T>;
}

/** How many rounds. */
export interface RoundLimits {
  readonly most: number;
  /** Rounds that are made even if time runs short. */
  readonly least?: number;
  /** Number of the first one. Default 0. */
  readonly from?: number;
}

/**
 * One value a round.
 * @param samples - of any number of rounds
 * @param value - of those of one round; what is not finite is left out
 * @returns in the order of the rounds
 */
export function perRound<T extends { readonly round: number }>(samples: readonly T[], value: (ofRound: readonly T[], round: number) => number): number[] {
  const rounds = [...new Set(samples.map(({ round }) => round))].sort((a, b) => a - b);
  return rounds.map((round) => value(samples.filter((sample) => sample.round === round), round)).filter(Number.isFinite);
}

/**
 * Runs every trial once a round, as many rounds as time allows. A round that is not finished counts as far as it came.
 * @returns results by trial
 */
export async function runRounds<T>(context: ExperimentContext, trials: readonly Trial<T>[], { most, least = 1, from = 0 }: RoundLimits): Promise<T[][]> {
  const results = trials.map((): T[] => []);
  let roundMs = 0;
  for (let round = 0; round < most; round++) {
    if (round + from > 0) await context.pause();
    // Half a round is no use to a comparison of arms.
    if (round >= least && context.remainingMs() < roundMs) break;
    const startMs = performance.now();
    const order = trials.map((_, at) => (round % 2 === 0 ? at : trials.length - 1 - at));
    for (const [done, at] of order.entries()) {
      if (context.interrupted() || (round >= least && context.remainingMs() === 0)) return results;
      context.progress(`round ${round + 1}: ${trials[at].title}`, done, trials.length);
      results[at].push(await trials[at].run(round + from));
    }
    roundMs = performance.now() - startMs;
  }
  return results;
}
