/** Statistics of few, noisy samples: medians, their uncertainty, and where two curves cross. Reproducible: resampling has a seed. */

/** A median, or another quantile, with what it may as well be. */
export interface Estimate {
  readonly value: number;
  /** Ends of the 95 % interval, from resampling. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** True where a cost cannot be quoted: its interval reaches nothing, or is wider than the cost itself. */
export function isNoise({ value, low, high }: Estimate): boolean {
  return low <= 0 || high - low > value;
}

const RESAMPLES = 1000;
const TAIL = 0.025;

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

/** A quantile, the median where left out, and the 95 % interval of it. Of one sample it is a point. */
export function estimate(values: readonly number[], share = 0.5): Estimate {
  const random = generator(values.length);
  const medians = Array.from({ length: RESAMPLES }, () => quantile(resample(values, random), share));
  return { value: quantile(values, share), low: quantile(medians, TAIL), high: quantile(medians, 1 - TAIL), count: values.length };
}

/** A quantile of one set of samples over that of another, which were taken apart, and its 95 % interval. Nothing where one is empty: NaN, of no samples. */
export function estimateRatio(above: readonly number[], below: readonly number[], share = 0.5): Estimate {
  const count = Math.min(above.length, below.length);
  if (count === 0) return { value: NaN, low: NaN, high: NaN, count };
  const random = generator(above.length + below.length);
  const ratios = Array.from({ length: RESAMPLES }, () => quantile(resample(above, random), share) / quantile(resample(below, random), share));
  return { value: quantile(above, share) / quantile(below, share), low: quantile(ratios, TAIL), high: quantile(ratios, 1 - TAIL), count };
}

/** True when 1 lies outside the interval of a ratio: one side really is ahead. */
export function differsFromOne({ low, high }: Estimate): boolean {
  return low > 1 || high < 1;
}

/** Where a curve crosses a level. */
export interface Crossing {
  readonly at: number;
  /** Ends of the 95 % interval; they may lie at the ends of the sweep. */
  readonly low: number;
  readonly high: number;
  /** Share of the resamples in which there was a crossing at all. */
  readonly confidenceShare: number;
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
  const found = firstRise(points.map(({ x, ratios }) => [x, median(ratios)]), zero);
  if (found === null) return null;
  const random = generator(points.length);
  const places: number[] = [];
  for (let turn = 0; turn < RESAMPLES; turn++) {
    const place = firstRise(points.map(({ x, ratios }) => [x, median(resample(ratios, random))]), zero);
    if (place !== null) places.push(place);
  }
  return { at: found, low: quantile(places, TAIL), high: quantile(places, 1 - TAIL), confidenceShare: places.length / RESAMPLES };
}

/** The last place at which the curve rises through 1. */
function firstRise(curve: readonly (readonly [x: number, y: number])[], zero: number): number | null {
  for (let i = curve.length - 1; i > 0; i--) {
    const [x0, y0] = curve[i - 1];
    const [x1, y1] = curve[i];
    if (y1 < 1) return null;
    if (y0 >= 1) continue;
    const from = Math.log(Math.max(x0, zero));
    return Math.exp(from + (Math.log(Math.max(x1, zero)) - from) * ((1 - y0) / (y1 - y0)));
  }
  return null;
}

/**
 * Wilson's interval (95 %) of a share: right for shares near 0 as well.
 * @returns fractions; 0 to 1 when nothing was tried
 */
export function shareInterval(hits: number, tries: number): { readonly low: number; readonly high: number } {
  if (tries === 0) return { low: 0, high: 1 };
  const z = 1.96;
  const share = hits / tries;
  const denominator = 1 + (z * z) / tries;
  const centre = share + (z * z) / (2 * tries);
  const spread = z * Math.sqrt((share * (1 - share)) / tries + (z * z) / (4 * tries * tries));
  return { low: Math.max(0, (centre - spread) / denominator), high: Math.min(1, (centre + spread) / denominator) };
}

function resample(values: readonly number[], random: () => number): number[] {
  return values.map(() => values[Math.floor(random() * values.length)]);
}

/** Numbers in [0, 1): a linear congruential generator (Numerical Recipes, 7.1). */
function generator(seed: number): () => number {
  let state = (seed + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
