/** How far a quantile of a few values may lie from that of many: what an interval needs besides the values. Computed, not looked up; the same each time. */
import { randomWords } from './random.js';

/** Chance that an interval misses on either side. */
export const TAIL = 0.025;
const DRAWS = 8000;
const WORDS = 2 ** 32;

const factors = new Map<string, number>();

/**
 * Half the width of a 95 % interval in standard deviations of the values, for normal values: for the mean that would be Student's t / sqrt(count), and it is as much more for
 * a quantile as that scatters more. By simulation.
 * @param count - of the values, 2 or more
 * @param share - which quantile, 0 to 1
 */
export function halfWidthFactor(count: number, share: number): number {
  const key = `${count}/${share}`;
  const known = factors.get(key);
  if (known !== undefined) return known;
  const random = randomWords(count * 1000 + Math.round(share * 100));
  const draws = Array.from({ length: DRAWS }, () => {
    const values = Float64Array.from({ length: count }, () => normal(random)).sort();
    return { at: sortedQuantile(values, share), deviation: standardDeviation(values) };
  });
  // What as many values give on the average, which is not quite the quantile of the whole: another run has as many.
  const centre = draws.reduce((sum, { at }) => sum + at, 0) / DRAWS;
  const distances = Float64Array.from(draws, ({ at, deviation }) => Math.abs(at - centre) / deviation).sort();
  const factor = sortedQuantile(distances, 1 - 2 * TAIL);
  factors.set(key, factor);
  return factor;
}

/**
 * Which of so many values in ascending order bound a quantile with 95 %, whatever the values are spread like.
 * @returns places from 0; null where even the outermost do not
 */
export function boundingPlaces(count: number, share: number): { readonly low: number; readonly high: number } | null {
  // Each of `below` is the chance that so many values, or fewer, lie below the quantile.
  const below = cumulativeBinomial(count, share);
  if (!(below[0] <= TAIL && 1 - below[count - 1] <= TAIL)) return null;
  let low = 0;
  while (below[low + 1] <= TAIL) low++;
  let high = count - 1;
  while (high > 0 && 1 - below[high - 1] <= TAIL) high--;
  return { low, high };
}

/**
 * How many of so many independent tries may fail, where each fails with some chance, before it is more than chance would do in nineteen cases of twenty.
 * @param chance - of one failure, 0 to 1
 */
export function mostByChance(tries: number, chance: number): number {
  return Math.max(0, cumulativeBinomial(tries, chance).findIndex((upTo) => upTo >= 0.95));
}

/** Chances of 0, of up to 1, ... of up to `tries` hits. */
function cumulativeBinomial(tries: number, chance: number): number[] {
  let sum = 0;
  return logFactorials(tries).map((of, hits, all) => {
    sum += Math.exp(all[tries] - of - all[tries - hits] + hits * Math.log(chance) + (tries - hits) * Math.log1p(-chance));
    return Math.min(1, sum);
  });
}

function logFactorials(most: number): number[] {
  const logs = [0];
  for (let n = 1; n <= most; n++) logs.push(logs[n - 1] + Math.log(n));
  return logs;
}

/** Of values in ascending order, by linear interpolation. */
function sortedQuantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  return sorted[below] + (sorted[Math.min(sorted.length - 1, below + 1)] - sorted[below]) * (at - below);
}

/** Square root of the unbiased variance; NaN of fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  let mean = 0;
  for (let at = 0; at < values.length; at++) mean += values[at] / values.length;
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += (values[at] - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** A number of the standard normal distribution (Box and Muller). */
export function normal(random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log(((random() >>> 0) + 0.5) / WORDS));
  return radius * Math.cos((2 * Math.PI * ((random() >>> 0) + 0.5)) / WORDS);
}
