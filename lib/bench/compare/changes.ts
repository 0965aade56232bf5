/**
 * Whether a figure changed between two reports, or their runs merely scattered. Three things must come together: a permutation test that chance would seldom
 * pass, an effect that most pairs of runs show, and a difference beyond the noise that either report has by itself.
 */
import type { FigureName } from '../figures.js';
import { randomWords } from '../random.js';
import { estimate, median } from '../statistics.js';
import type { ComparableMode } from './comparable.js';
import { lowerBound } from '../lower-bound.js';

/** The figures that a run is judged by. More of them would need more runs for the same certainty. */
export const JUDGED_FIGURES: readonly FigureName[] = ['workRelative', 'pagesPerSecond', 'latencyP50Ns', 'latencyP90Ns'];

/** Chance that a comparison of two reports of the same thing calls anything in it changed. */
const MOST_CHANCE = 0.05;
/** Cliff's delta from which an effect counts as large (Romano and others, 2006). */
const LEAST_EFFECT = 0.474;
/** Differences below this are nobody's concern, however sure they are. */
export const DEFAULT_THRESHOLD_SHARE = 0.03;
/** Runs of each report without which no permutation is rare enough. */
export const FEWEST_RUNS = 4;
const PERMUTATIONS = 4999;

/** What became of one figure. */
export interface Change {
  /** `same`: no change was shown, which is not to say that there is none. */
  readonly verdict: 'changed' | 'same' | 'too few runs';
  /** Median of the one / median of the first - 1; null where there is none. */
  readonly relativeChange: number | null;
  /** Two-sided permutation test over the runs, corrected for all figures and rows that were tested with it (Westfall and Young's maximum); null without a test. */
  readonly pValue: number | null;
  /** Cliff's delta, -1 to 1: how much more often a run of the one is above a run of the first than below. */
  readonly effect: number | null;
  /** What the difference must exceed: the threshold, or half the 95 % interval of either median where that is more; null where it did not come to that. */
  readonly noiseShare: number | null;
}

/** A row in both reports, with a value a run for each judged figure. */
interface Pair {
  readonly mode: string;
  /** Runs of the first report; those behind them are the other's. */
  readonly split: number;
  readonly runs: number;
  readonly figures: readonly Tested[];
}

interface Tested {
  readonly figure: FigureName;
  readonly values: readonly (number | null)[];
  /** Of all values together: makes figures of several kinds comparable. */
  readonly deviation: number;
  readonly observed: number;
}

/**
 * Judges every row that both reports have.
 * @param thresholdShare - smallest relative difference that matters
 * @returns by the row's title, by figure
 */
export function judgeChanges(first: readonly ComparableMode[], other: readonly ComparableMode[], thresholdShare: number): Map<string, Map<FigureName, Change>> {
  const changes = new Map<string, Map<FigureName, Change>>();
  const pairs: Pair[] = [];
  for (const mode of first) {
    const twin = other.find((candidate) => candidate.mode === mode.mode);
    if (twin === undefined) continue;
    const pair = pairOf(mode, twin);
    if (pair.split < FEWEST_RUNS || pair.runs - pair.split < FEWEST_RUNS) changes.set(mode.mode, new Map(JUDGED_FIGURES.map((figure) => [figure, TOO_FEW])));
    else pairs.push(pair);
  }
  const greatest = greatestByChance(pairs);
  for (const pair of pairs) {
    changes.set(pair.mode, new Map(pair.figures.map((tested) => [tested.figure, judge(tested, pair.split, greatest, thresholdShare)])));
  }
  return changes;
}

const TOO_FEW: Change = { verdict: 'too few runs', relativeChange: null, pValue: null, effect: null, noiseShare: null };

function pairOf(first: ComparableMode, other: ComparableMode): Pair {
  const samples = (mode: ComparableMode, figure: FigureName): readonly (number | null)[] => mode.repetitions?.samples[figure] ?? [];
  const count = (mode: ComparableMode): number => Math.max(0, ...JUDGED_FIGURES.map((figure) => samples(mode, figure).length));
  const padded = (mode: ComparableMode, figure: FigureName): (number | null)[] => Array.from({ length: count(mode) }, (_, run) => samples(mode, figure)[run] ?? null);
  const split = count(first);
  const runs = split + count(other);
  const order = Uint32Array.from({ length: runs }, (_, run) => run);
  const figures = JUDGED_FIGURES.map((figure) => {
    const values = [...padded(first, figure), ...padded(other, figure)];
    const deviation = deviationOf(values.filter((value) => value !== null));
    return { figure, values, deviation, observed: distance({ values, deviation }, order, split) };
  });
  return { mode: first.mode, split, runs, figures };
}

/** How far apart the means of the two groups of runs are, in deviations of all of them. */
function distance({ values, deviation }: Pick<Tested, 'values' | 'deviation'>, order: Uint32Array, split: number): number {
  if (deviation === 0) return 0;
  let [sumA, countA, sumB, countB] = [0, 0, 0, 0];
  for (let place = 0; place < order.length; place++) {
    const value = values[order[place]];
    if (value === null) continue;
    if (place < split) {
      sumA += value;
      countA++;
    } else {
      sumB += value;
      countB++;
    }
  }
  return countA === 0 || countB === 0 ? 0 : Math.abs(sumA / countA - sumB / countB) / deviation;
}

/** For each permutation of the runs, the greatest distance of any figure of any row: what chance can do somewhere. Ascending. */
function greatestByChance(pairs: readonly Pair[]): Float64Array {
  const random = randomWords(pairs.reduce((seed, { runs }) => seed * 31 + runs, 1));
  const greatest = new Float64Array(PERMUTATIONS);
  const orders = pairs.map(({ runs }) => Uint32Array.from({ length: runs }, (_, run) => run));
  for (let turn = 0; turn < PERMUTATIONS; turn++) {
    pairs.forEach(({ figures, split }, at) => {
      shuffle(orders[at], random);
      for (const tested of figures) greatest[turn] = Math.max(greatest[turn], distance(tested, orders[at], split));
    });
  }
  return greatest.sort();
}

function judge({ values, observed }: Tested, split: number, greatest: Float64Array, thresholdShare: number): Change {
  const [a, b] = [values.slice(0, split), values.slice(split)].map((part) => part.filter((value) => value !== null));
  if (a.length < FEWEST_RUNS || b.length < FEWEST_RUNS) return TOO_FEW;
  const base = median(a);
  const relativeChange = base === 0 ? null : median(b) / base - 1;
  const atLeast = greatest.length - lowerBound(greatest, observed * (1 - 1e-9));
  const pValue = (1 + atLeast) / (1 + greatest.length);
  const effect = cliffsDelta(a, b);
  if (pValue > MOST_CHANCE || Math.abs(effect) < LEAST_EFFECT || relativeChange === null) return { verdict: 'same', relativeChange, pValue, effect, noiseShare: null };
  const noiseShare = Math.max(thresholdShare, halfWidthShare(a), halfWidthShare(b));
  return { verdict: Math.abs(relativeChange) > noiseShare ? 'changed' : 'same', relativeChange, pValue, effect, noiseShare };
}

/** Half the 95 % interval of the median / the median. */
function halfWidthShare(values: readonly number[]): number {
  const { value, low, high } = estimate(values);
  return value === 0 ? 0 : (high - low) / 2 / Math.abs(value);
}

/** Share of pairs in which b is above a, less that in which it is below. */
export function cliffsDelta(a: readonly number[], b: readonly number[]): number {
  let balance = 0;
  for (const one of a) for (const two of b) balance += Math.sign(two - one);
  return balance / (a.length * b.length);
}

function deviationOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** Fisher and Yates. */
function shuffle(order: Uint32Array, random: () => number): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = (random() >>> 0) % (last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
}
