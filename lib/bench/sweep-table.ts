/** A sweep for people: one table for each figure that counts, a line for each row of the workload or point, and the interval where runs were repeated. */
import Table from 'cli-table3';
import type { FigureMark } from './figure-mark.js';
import { formatFigure, type FigureName, type FigureUnit } from './figures.js';
import { intervalOf } from './repetitions.js';
import { median } from './statistics.js';
import type { BenchReport, ModeReport } from './report.js';
import { pointTitle } from './row-title.js';
import { isSamePoint, type GridPoint } from './sweep.js';

/** A figure that a sweep shows. */
interface SweepFigure {
  readonly title: string;
  readonly unit: FigureUnit;
  readonly figure: FigureName;
  /** What a sample is divided by. */
  readonly per?: (report: BenchReport, point: GridPoint) => number;
}

const WORK: SweepFigure = { title: 'work vs control', unit: 'share', figure: 'workRelative' };
const FIGURES_ALWAYS: readonly SweepFigure[] = [
  { title: 'pages/s of each vCPU', unit: 'per second', figure: 'pagesPerSecond', per: ({ parameters }, point) => point.vcpus ?? parameters.vcpus },
  { title: 'fault latency p50', unit: 'ns', figure: 'latencyP50Ns' },
  { title: 'fault latency p99', unit: 'ns', figure: 'latencyP99Ns' },
];

/** A sweep of one parameter stands in columns up to so many values. */
const MOST_COLUMNS = 6;
const NOTHING = '-';

/** The tables of a report that was swept, each with its title, as lines. */
export function sweepTables(report: BenchReport, mark: FigureMark, color: boolean): string[] {
  const hasWork = report.modes.some(({ work }) => work.relative !== null);
  return [...(hasWork ? [WORK] : []), ...FIGURES_ALWAYS].flatMap((figure) => [mark.label(figure.title, figure.unit), sweepTable(report, figure, color), '']);
}

function sweepTable(report: BenchReport, figure: SweepFigure, color: boolean): string {
  const points = distinctPoints(report.modes);
  const names = [...new Set(report.modes.map(({ name }) => name))];
  const cell = (name: string, point: GridPoint): string => {
    const row = report.modes.find((candidate) => candidate.name === name && isSamePoint(candidate.point, point));
    return row === undefined ? NOTHING : describe(report, row, figure);
  };
  const acrossPoints = report.swept.length === 1 && points.length <= MOST_COLUMNS;
  const head = acrossPoints ? points.map(pointTitle) : names;
  const table = new Table({
    head: ['', ...head],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', ...head.map(() => 'right' as const)],
  });
  if (acrossPoints) for (const name of names) table.push([name, ...points.map((point) => cell(name, point))]);
  else for (const point of points) table.push([pointTitle(point), ...names.map((name) => cell(name, point))]);
  return table.toString();
}

function describe(report: BenchReport, { repetitions, point, end }: ModeReport, { figure, unit, per }: SweepFigure): string {
  const divisor = per?.(report, point) ?? 1;
  const measured = repetitions.samples[figure].filter((value) => value !== null);
  if (measured.length === 0) return end === 'done' ? NOTHING : end;
  const interval = intervalOf(measured);
  const value = formatFigure(median(measured) / divisor, unit);
  return interval === null ? value : `${value} [${formatFigure(interval.low / divisor, unit)}, ${formatFigure(interval.high / divisor, unit)}]`;
}

function distinctPoints(modes: readonly ModeReport[]): GridPoint[] {
  const points: GridPoint[] = [];
  for (const { point } of modes) if (!points.some((seen) => isSamePoint(seen, point))) points.push(point);
  return points;
}
