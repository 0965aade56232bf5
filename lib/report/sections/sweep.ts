/** A swept bench: a curve for each row over the parameter, and where one overtakes another. */
import { FIGURES, SWEEPABLE, crossing, formatFigure, pointTitle, type FigureName, type GridPoint, type SweepableName, type SweptParameter } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { figure } from '../figure.js';
import type { ReportedMode } from '../item.js';
import { html, type Markup } from '../markup.js';
import { formatQuantity, type LinesPlot, type Mark, type Quantity } from '../plots/index.js';
import { ends, figureOf } from './intervals.js';

/** What is plotted over the parameter. */
const SWEPT_FIGURES: readonly { readonly figure: FigureName; readonly title: string; readonly better: string; readonly quantity: Quantity; readonly log: boolean }[] = [
  { figure: 'workRelative', title: 'Work done while pages are on their way', better: 'Higher is better; 100 % is the control.', quantity: 'share', log: false },
  { figure: 'pagesPerSecond', title: 'Pages a second', better: 'Higher is better.', quantity: 'per second', log: true },
  { figure: 'latencyP50Ns', title: 'Fault latency, median', better: 'Lower is better.', quantity: 'ns', log: true },
];

const NAMES: Readonly<Record<SweepableName, string>> = {
  vcpus: 'vCPUs', faultTasks: 'fault tasks', workTasks: 'work tasks', pages: 'pages', latencyNs: 'latency added to a page', quickShare: 'share of quick pages', quickLatencyNs: 'latency of quick pages',
  resolvers: 'resolvers', inFlight: 'pages in flight', tickNs: 'tick', controlNs: 'length of control', seed: 'seed',
};

/** What a latency of 0 counts as on a logarithmic axis. */
const ZERO_NS = 1000;

/** Figures of the parameter that has most values; others are told apart by line. */
export function sweepFigures(modes: readonly ReportedMode[], swept: readonly SweptParameter[], context: ItemContext): Markup {
  const { parameter } = swept.reduce((most, one) => (one.values.length > most.values.length ? one : most));
  return html`${SWEPT_FIGURES.map(({ figure: name, title, better, quantity, log }) =>
    figure(context, {
      title: `${title}, by ${NAMES[parameter]}`,
      how: `A line for each row; bands are 95 % intervals of the median, where there was more than one run. ${better}${name === 'workRelative' ? ' A vertical line is a break-even: from there on the guest that is told does more work than the one whose vCPU waits; its interval is shaded.' : ''}`,
      plot: sweepPlot(modes, parameter, name, quantity, log),
    }),
  )}`;
}

/** Curves of one figure over one parameter. Exported for tests. */
export function sweepPlot(modes: readonly ReportedMode[], parameter: SweepableName, name: FigureName, quantity: Quantity, log: boolean): LinesPlot {
  const lines = groups(modes, parameter);
  const isTime = parameter.endsWith('Ns');
  return {
    kind: 'lines',
    x: { label: `${NAMES[parameter]}${isTime ? ' (logarithmic)' : ''}`, quantity: isTime ? 'ns' : parameter === 'quickShare' ? 'share' : 'count', log: isTime },
    y: { label: `${FIGURES[name].label.trim()}${log ? ' (logarithmic)' : ''}`, quantity, log },
    series: lines.map(({ title, modes: own }) => ({
      name: title,
      points: own
        .flatMap((mode) => {
          const estimated = figureOf(mode, name);
          const x = mode.point[parameter];
          return estimated === null || x === undefined ? [] : [{ x, y: estimated.value, ...ends(estimated) }];
        })
        .sort((a, b) => a.x - b.x),
    })),
    marks: name === 'workRelative' && isTime ? breakEvens(lines, parameter) : [],
    ...(name === 'workRelative' ? { reference: { y: 1, label: 'control' } } : {}),
  };
}

interface Line {
  readonly title: string;
  readonly name: string;
  readonly rest: string;
  readonly modes: readonly ReportedMode[];
}

function groups(modes: readonly ReportedMode[], parameter: SweepableName): Line[] {
  const lines = new Map<string, Line & { modes: ReportedMode[] }>();
  for (const mode of modes) {
    const rest = pointTitle(without(mode.point, parameter));
    const title = rest === '' ? mode.name : `${mode.name}, ${rest}`;
    const line = lines.get(title) ?? { title, name: mode.name, rest, modes: [] };
    line.modes.push(mode);
    lines.set(title, line);
  }
  return [...lines.values()];
}

function without(point: GridPoint, parameter: SweepableName): GridPoint {
  return Object.fromEntries(SWEEPABLE.flatMap((name) => (name === parameter || point[name] === undefined ? [] : [[name, point[name]]])));
}

/** Where an asynchronous row comes to do as much work as the waiting one beside it, and stays ahead. */
function breakEvens(lines: readonly Line[], parameter: SweepableName): Mark[] {
  return lines
    .filter(({ name }) => name.startsWith('apf-'))
    .flatMap((line) => {
      const base = lines.find(({ name, rest }) => rest === line.rest && name === 'sync-exit') ?? lines.find(({ name, rest }) => rest === line.rest && name === 'sync-uffd');
      if (base === undefined) return [];
      const points = line.modes.flatMap((mode) => {
        const x = mode.point[parameter];
        const other = base.modes.find((candidate) => candidate.point[parameter] === x);
        const ratios = other === undefined ? [] : ratiosOf(mode, other);
        return x === undefined || ratios.length === 0 ? [] : [{ x, ratios }];
      });
      const found = points.length < 2 ? null : crossing(points.sort((a, b) => a.x - b.x), ZERO_NS);
      if (found === null) return [];
      // Of one run a point there is no interval.
      const isKnown = points.every(({ ratios }) => ratios.length > 1);
      const interval = isKnown ? ` (${formatQuantity(found.low, 'ns')} to ${formatQuantity(found.high, 'ns')})` : '';
      return [{ at: found.at, ...(isKnown ? { low: found.low, high: found.high } : {}), label: `${line.title} over ${base.name}: ${formatQuantity(found.at, 'ns')}${interval}` }];
    });
}

function ratiosOf(mode: ReportedMode, base: ReportedMode): number[] {
  const of = (one: ReportedMode): (number | null)[] => {
    const samples = one.repetitions.samples.workRelative ?? [];
    return samples.length > 0 ? [...samples] : [one.work.relative];
  };
  const below = of(base);
  return of(mode).flatMap((value, at) => {
    const divisor = below[at];
    return typeof value === 'number' && typeof divisor === 'number' && divisor > 0 ? [value / divisor] : [];
  });
}

/** A sweep in a sentence: what rows came to at its ends. */
export function sweepSummary(modes: readonly ReportedMode[], swept: readonly SweptParameter[]): string {
  const { parameter, values } = swept.reduce((most, one) => (one.values.length > most.values.length ? one : most));
  const ascending = [...values].sort((a, b) => a - b);
  const at = (value: number): string => {
    const rows = modes.filter(({ point }) => point[parameter] === value).flatMap((mode) => (mode.work.relative === null ? [] : [{ name: mode.name, share: figureOf(mode, 'workRelative')?.value ?? 0 }])).sort((a, b) => b.share - a.share);
    return rows.length === 0 ? '' : `at ${pointTitle({ [parameter]: value })} ${rows[0].name} keeps most of the work (${formatFigure(rows[0].share, 'share')})`;
  };
  return [...new Set([at(ascending[0]), at(ascending[ascending.length - 1])])].filter((part) => part !== '').join('; ');
}
