/** Figures of a row over its repetitions. */
import { FIGURES, estimate, type Estimate, type FigureName } from '../../bench/index.js';
import type { ReportedMode } from '../item.js';

/** A figure's median over the runs with its 95 % interval; of a single run, the value alone. Null where nothing was measured. */
export function figureOf(mode: ReportedMode, figure: FigureName): Estimate | null {
  const samples = (mode.repetitions.samples[figure] ?? []).filter((value) => value !== null);
  if (samples.length > 1) return estimate(samples);
  const value = FIGURES[figure].value(mode);
  return value === null ? null : { value, low: value, high: value, count: 1 };
}

/** The ends of an interval, for a plot; none of a single run. */
export function ends({ low, high, count }: Estimate): { readonly low?: number; readonly high?: number } {
  return count > 1 ? { low, high } : {};
}
