/** The figures of reports side by side, with ratios. Statistics over repeated runs are not made here. */
import { FIGURES, FIGURE_NAMES, type FigureName, type FigureUnit } from '../figures.js';
import type { NamedReport } from './comparable.js';

/** One figure in each report. */
export interface FigureRow {
  readonly figure: FigureName;
  readonly unit: FigureUnit;
  /** By report; null where it has none. */
  readonly values: readonly (number | null)[];
  /** By report: its value / that of the first report; null where either is missing, or the first one is 0, or the figure may be negative. */
  readonly ratios: readonly (number | null)[];
}

/** The figures of one mode. */
export interface ModeFigures {
  readonly mode: string;
  readonly rows: readonly FigureRow[];
}

/** Sets figures side by side, for the modes that all reports have. */
export function compareFigures(reports: readonly NamedReport[]): ModeFigures[] {
  const [first, ...others] = reports;
  const common = first.report.modes.filter(({ mode }) => others.every(({ report }) => report.modes.some((candidate) => candidate.mode === mode)));
  return common.map(({ mode }) => {
    const modes = reports.flatMap(({ report }) => report.modes.filter((candidate) => candidate.mode === mode));
    return {
      mode,
      rows: FIGURE_NAMES.map((figure) => {
        const { unit, value } = FIGURES[figure];
        const values = modes.map(value);
        return { figure, unit, values, ratios: values.map((one) => ratio(one, values[0], unit)) };
      }),
    };
  });
}

function ratio(value: number | null, base: number | null, unit: FigureUnit): number | null {
  return value === null || base === null || base === 0 || unit === 'change' ? null : value / base;
}
