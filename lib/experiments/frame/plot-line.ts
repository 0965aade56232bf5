/** A line of a plot from estimates: its values, and the band of their intervals. */
import type { PlotLine } from './report.js';
import type { Estimate } from './statistics.js';

/**
 * Makes a line.
 * @param estimates - by place; null where there is none
 * @param scale - from a value to the height that the plot shows
 * @param title - what the name stands for
 */
export function lineOf(name: string, estimates: readonly (Estimate | null)[], scale: (value: number) => number = (value) => value, title?: string): PlotLine {
  const heights = (of: (estimate: Estimate) => number): (number | null)[] =>
    estimates.map((estimate) => {
      if (estimate === null || estimate.count === 0 || !Number.isFinite(of(estimate))) return null;
      const height = scale(of(estimate));
      return Number.isFinite(height) ? height : null;
    });
  return { name, ...(title === undefined ? {} : { title }), values: heights(({ value }) => value), low: heights(({ low }) => low), high: heights(({ high }) => high) };
}

/** Decimal logarithm of a time in us, from ns; of less than 1 us that of 1 us. */
export function log10Us(ns: number): number {
  return Math.log10(Math.max(1, ns / 1e3));
}
