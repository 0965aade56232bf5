/** Several runs of one row: what each came to, and how sure the middle of them is. */
import { FIGURES, FIGURE_NAMES, type FigureName } from './figures.js';
import type { ModeReport } from './report.js';
import { estimate, median, type Estimate } from './statistics.js';

/** Why no more runs were made. */
export type RepetitionEnd = 'count' | 'tight' | 'most' | 'budget' | 'interrupted' | 'failed';

/** The runs of one row at one point. Lists are in the order in which the runs were made. */
export interface Repetitions {
  readonly count: number;
  /** `count`: as many as asked for; `tight`: the interval is narrow enough; `most`: it is not, after as many runs as are ever made. */
  readonly ended: RepetitionEnd;
  /** The figure that stands for the row. */
  readonly decidedBy: FigureName;
  /** Its median and the 95 % interval of that, over the runs; null where fewer than two had it. */
  readonly interval: Estimate | null;
  /** Half the width of the interval / the median; null where there is no interval. */
  readonly relativeHalfWidth: number | null;
  /** When each run was made: its place among the runs of all rows at this point. */
  readonly places: readonly number[];
  /** Every figure, one value a run; null where a run had nothing to measure. */
  readonly samples: Readonly<Record<FigureName, readonly (number | null)[]>>;
}

/** One run of a row, without what several make. */
export type SingleRun = Omit<ModeReport, 'repetitions'>;

/** The figure that stands for a row: what the guest got done meanwhile, where it had something to do. */
export function decidingFigure(workTasks: number): FigureName {
  return workTasks > 0 ? 'workRelative' : 'pagesPerSecond';
}

/**
 * Sums up the runs of a row.
 * @param runs - one or more, in the order in which they were made
 * @param places - of each, among all runs at this point
 */
export function repetitionsOf(runs: readonly SingleRun[], places: readonly number[], decidedBy: FigureName, ended: RepetitionEnd): Repetitions {
  const samples = Object.fromEntries(FIGURE_NAMES.map((name) => [name, runs.map(FIGURES[name].value)])) as Record<FigureName, (number | null)[]>;
  const interval = intervalOf(samples[decidedBy]);
  return { count: runs.length, ended, decidedBy, interval, relativeHalfWidth: interval === null ? null : relativeHalfWidth(interval), places, samples };
}

/** The median of what was measured, and its interval; null where fewer than two runs had it. */
export function intervalOf(samples: readonly (number | null)[]): Estimate | null {
  const measured = samples.filter((value) => value !== null);
  return measured.length < 2 ? null : estimate(measured);
}

/** Half the width of an interval against its middle; Infinity around 0. */
export function relativeHalfWidth({ value, low, high }: Estimate): number {
  return high === low ? 0 : (high - low) / 2 / Math.abs(value);
}

/** The run to show of several: the first that did not pass, else the one in the middle by the figure. */
export function representative(runs: readonly SingleRun[], figure: FigureName): SingleRun {
  const bad = runs.find(({ passed }) => !passed);
  if (bad !== undefined) return bad;
  const { value } = FIGURES[figure];
  const middle = median(runs.map(value).filter((one) => one !== null));
  const distance = (run: SingleRun): number => Math.abs((value(run) ?? Infinity) - middle);
  return runs.reduce((best, run) => (distance(run) < distance(best) ? run : best));
}
