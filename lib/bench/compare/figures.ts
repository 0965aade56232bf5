/** The figures of reports side by side, with ratios, and whether they changed. */
import { FIGURES, FIGURE_NAMES, type FigureName, type FigureUnit } from '../figures.js';
import { median } from '../statistics.js';
import { judgeChanges, type Change } from './changes.js';
import type { ComparableMode, NamedReport } from './comparable.js';

/** One figure in each report. */
export interface FigureRow {
  readonly figure: FigureName;
  readonly unit: FigureUnit;
  /** By report; null where it has none. */
  readonly values: readonly (number | null)[];
  /** By report: its value / that of the first report; null where either is missing, or the first one is 0, or the figure may be negative. */
  readonly ratios: readonly (number | null)[];
  /** By report, against the first: for the figures that runs are judged by. Null for all others, and for the first report itself. */
  readonly changes: readonly (Change | null)[];
}

/** The figures of one mode. */
export interface ModeFigures {
  readonly mode: string;
  readonly rows: readonly FigureRow[];
}

/**
 * Sets figures side by side, for the modes that all reports have. Of several runs, the median.
 * @param thresholdShare - smallest relative difference that counts as a change
 */
export function compareFigures(reports: readonly NamedReport[], thresholdShare: number): ModeFigures[] {
  const [first, ...others] = reports;
  const common = first.report.modes.filter(({ mode }) => others.every(({ report }) => report.modes.some((candidate) => candidate.mode === mode)));
  const judged = others.map(({ report }) => judgeChanges(first.report.modes, report.modes, thresholdShare));
  return common.map(({ mode }) => {
    const modes = reports.flatMap(({ report }) => report.modes.filter((candidate) => candidate.mode === mode));
    return {
      mode,
      rows: FIGURE_NAMES.map((figure) => {
        const { unit } = FIGURES[figure];
        const values = modes.map((one) => middle(one, figure));
        const changes = [null, ...judged.map((by) => by.get(mode)?.get(figure) ?? null)];
        return { figure, unit, values, ratios: values.map((one) => ratio(one, values[0], unit)), changes };
      }),
    };
  });
}

/** The figure, or its median over the runs. */
function middle(mode: ComparableMode, figure: FigureName): number | null {
  const samples = (mode.repetitions?.samples[figure] ?? []).filter((value) => value !== null);
  return samples.length > 1 ? median(samples) : FIGURES[figure].value(mode);
}

function ratio(value: number | null, base: number | null, unit: FigureUnit): number | null {
  return value === null || base === null || base === 0 || unit === 'change' ? null : value / base;
}
