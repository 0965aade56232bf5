/** Arms of an experiment side by side: in rounds, every second one in the opposite order, so that a host that gets slower wrongs nobody. */
import type { ExperimentContext } from '../frame/experiment.js';

/** One thing to be measured in every round. */
export interface Trial<T> {
  /** For the progress line. */
  readonly title: string;
  readonly run: () => Promise<T>;
}

/** How many rounds. */
export interface RoundLimits {
  readonly most: number;
  /** Rounds that are made even if time runs short. */
  readonly least?: number;
}

/**
 * Runs every trial once a round, as many rounds as time allows. A round that is not finished counts as far as it came.
 * @returns results by trial
 */
export async function runRounds<T>(context: ExperimentContext, trials: readonly Trial<T>[], { most, least = 1 }: RoundLimits): Promise<T[][]> {
  const results = trials.map((): T[] => []);
  let roundMs = 0;
  for (let round = 0; round < most; round++) {
    // Half a round is no use to a comparison of arms.
    if (round >= least && context.remainingMs() < roundMs) break;
    const startMs = performance.now();
    const order = trials.map((_, at) => (round % 2 === 0 ? at : trials.length - 1 - at));
    for (const [done, at] of order.entries()) {
      if (context.interrupted() || (round >= least && context.remainingMs() === 0)) return results;
      context.progress(`round ${round + 1}: ${trials[at].title}`, done, trials.length);
      results[at].push(await trials[at].run());
    }
    roundMs = performance.now() - startMs;
  }
  return results;
}
