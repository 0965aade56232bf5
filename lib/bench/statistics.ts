/**
 * Statistics of few, noisy samples: medians, their uncertainty, and where two curves cross. Intervals take their values for independent: one value a machine, or a round of
 * machines, never one a page. Samples of one machine share its memory and its moment, and agree with each other better than with those of the next run.
 */
import { boundingPlaces, halfWidthFactor, standardDeviation } from './calibration.js';

/** A median, or another quantile, with what it may as well be. */
export interface Estimate {
  readonly value: number;
  /** Ends of the 95 % interval; infinite where a single value, or none, says nothing of it. */
  readonly low: number;
  readonly high: number;
  /** Independent values that it was computed from. */
  readonly count: number;
}

/** True where a cost cannot be quoted: its interval reaches nothing, or is wider than the cost itself. */
export function isNoise({ value, low, high }: Estimate): boolean {
  return low <= 0 || high - low > value;
}

/** No interval ends nearer to its value: half a unit of the third digit, which is what is printed. Equal samples are rounded ones, not certain ones. */
const LEAST_HALF_WIDTH_SHARE = 0.0005;
/** Two-sided 95 % of the normal distribution. */
const Z = 1.96;

/** Quantile by linear interpolation; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  return sorted[below] + (sorted[Math.min(sorted.length - 1, below + 1)] - sorted[below]) * (at - below);
}

/** The middle value; NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * A quantile, the median where left out, and the 95 % interval of it.
 *
 * Of many values the interval ends at two of them, whatever they are spread like (binomial). Of few it is Student's, for a quantile instead of a mean, over the logarithms where all
 * values are positive. It is wide, as it has to be: two values bound their median by twelve deviations.
 * @param values - independent of each other
 */
export function estimate(values: readonly number[], share = 0.5): Estimate {
  const count = values.length;
  const value = quantile(values, share);
  if (count < 2) return { value, low: -Infinity, high: Infinity, count };
  const room = Math.abs(value) * LEAST_HALF_WIDTH_SHARE;
  const [low, high] = endsOf(values, share);
  return { value, low: Math.min(low, value - room), high: Math.max(high, value + room), count };
}

function endsOf(values: readonly number[], share: number): [low: number, high: number] {
  const places = boundingPlaces(values.length, share);
  if (places !== null) {
    const sorted = [...values].sort((a, b) => a - b);
    return [sorted[places.low], sorted[places.high]];
  }
  const asLogs = values.every((value) => value > 0);
  const scaled = asLogs ? values.map(Math.log) : values;
  const middle = quantile(scaled, share);
  const half = halfWidthFactor(values.length, share) * standardDeviation(scaled);
  const back = (end: number): number => (asLogs ? Math.exp(end) : end);
  return [back(middle - half), back(middle + half)];
}

/** A quantile of one set of samples over that of another, which were taken apart, and its 95 % interval. Nothing where one is empty: NaN, of no samples. */
export function estimateRatio(above: readonly number[], below: readonly number[], share = 0.5): Estimate {
  const count = Math.min(above.length, below.length);
  if (count === 0) return { value: NaN, low: NaN, high: NaN, count };
  return ratioOf(estimate(above, share), estimate(below, share));
}

/** The difference of two independent figures and its 95 % interval: distances to the ends add in squares (Zou and Donner, 2008). */
export function differenceOf(a: Estimate, b: Estimate): Estimate {
  const value = a.value - b.value;
  return { value, low: value - Math.hypot(a.value - a.low, b.high - b.value), high: value + Math.hypot(a.high - a.value, b.value - b.low), count: Math.min(a.count, b.count) };
}

/** One independent figure over another and its 95 % interval, over logarithms; without an interval where one of them reaches nothing. */
export function ratioOf(above: Estimate, below: Estimate): Estimate {
  const log = ({ value, low, high, count }: Estimate): Estimate => ({ value: Math.log(value), low: low > 0 ? Math.log(low) : -Infinity, high: Math.log(high), count });
  const { low, high, count } = differenceOf(log(above), log(below));
  return { value: above.value / below.value, low: Math.exp(low), high: Math.exp(high), count };
}

/** True when 1 lies outside the interval of a ratio: one side really is ahead. */
export function differsFromOne({ low, high }: Estimate): boolean {
  return low > 1 || high < 1;
}

/** Where a curve crosses a level. */
export interface Crossing {
  readonly at: number;
  /** Ends of the 95 % interval: where the ends of the curve's own intervals cross. Where they do not, the end of the sweep. */
  readonly low: number;
  readonly high: number;
  /** True where both ends of the interval are crossings. */
  readonly bounded: boolean;
}

/** Samples of a ratio at one place of a sweep. */
export interface SweepPoint {
  readonly x: number;
  readonly ratios: readonly number[];
}

/**
 * Where the median ratio first rises to 1 or more and stays there, on a logarithmic axis; x = 0 counts as `zero`.
 * @param points - in ascending order of x
 * @param zero - what x = 0 is taken for: the smallest cost that the sweep can tell apart
 * @returns null when the ratio is never below 1, or never reaches it
 */
export function crossing(points: readonly SweepPoint[], zero: number): Crossing | null {
  const curve = points.map(({ x, ratios }) => ({ x, ...estimate(ratios) }));
  const rise = (height: (point: Estimate) => number): number | null => firstRise(curve.map((point) => [point.x, height(point)]), zero);
  const at = rise(({ value }) => value);
  if (at === null) return null;
  const [early, late] = [rise(({ high }) => high), rise(({ low }) => low)];
  return { at, low: Math.min(at, early ?? points[0].x), high: Math.max(at, late ?? points[points.length - 1].x), bounded: early !== null && late !== null };
}

/** The last place at which the curve rises through 1. */
function firstRise(curve: readonly (readonly [x: number, y: number])[], zero: number): number | null {
  for (let i = curve.length - 1; i > 0; i--) {
    const [x0, y0] = curve[i - 1];
    const [x1, y1] = curve[i];
    if (y1 < 1) return null;
    if (y0 >= 1) continue;
    const from = Math.log(Math.max(x0, zero));
    // An end that nothing bounds crosses where the interval is wider.
    const share = Number.isFinite(y0) && Number.isFinite(y1) ? (1 - y0) / (y1 - y0) : Number.isFinite(y0) ? 0 : 1;
    return Math.exp(from + (Math.log(Math.max(x1, zero)) - from) * share);
  }
  return null;
}

/**
 * Wilson's interval (95 %) of a share of independent tries: right for shares near 0 as well.
 * @returns fractions; 0 to 1 when nothing was tried
 */
export function shareInterval(hits: number, tries: number): { readonly low: number; readonly high: number } {
  return wilson(hits, tries, Z, 1);
}

/** Hits and tries of one run. */
export interface RunShare {
  readonly hits: number;
  readonly tries: number;
}

/**
 * A share of all tries of several runs, where those of one run are more alike than those of two: Wilson's interval, as much wider as the runs scatter beyond chance, and for as
 * many runs as there are (as the median of so many, which is a little wider than Student's t). Of a single run there is no interval: -Infinity to Infinity.
 */
export function runsShare(runs: readonly RunShare[]): Estimate {
  const made = runs.filter(({ tries }) => tries > 0);
  const [hits, tries] = made.reduce(([h, t], run) => [h + run.hits, t + run.tries], [0, 0]);
  const value = hits / tries;
  if (made.length < 2) return { value, low: -Infinity, high: Infinity, count: made.length };
  const squares = made.reduce((sum, run) => sum + (run.hits - run.tries * value) ** 2 / Math.max(Number.MIN_VALUE, run.tries * value * (1 - value)), 0);
  const dispersion = value === 0 || value === 1 ? 1 : Math.max(1, squares / (made.length - 1));
  const t = Math.max(Z, halfWidthFactor(made.length, 0.5) * Math.sqrt(made.length));
  return { value, ...wilson(hits, tries, t, dispersion), count: made.length };
}

/** `dispersion`: variance of the hits over that of independent tries. */
function wilson(hits: number, tries: number, z: number, dispersion: number): { readonly low: number; readonly high: number } {
  if (tries === 0) return { low: 0, high: 1 };
  const share = hits / tries;
  const effective = tries / dispersion;
  const denominator = 1 + (z * z) / effective;
  const centre = share + (z * z) / (2 * effective);
  const spread = z * Math.sqrt((share * (1 - share)) / effective + (z * z) / (4 * effective * effective));
  return { low: Math.max(0, (centre - spread) / denominator), high: Math.min(1, (centre + spread) / denominator) };
}
