/** The data of a plot as a table: every number that is drawn. */
import { formatQuantity } from './quantity.js';
import { occurs, type Plot, type TimelinePlot } from './spec.js';

/** Column titles and rows of text; the first column names the row. */
export interface PlotRows {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Most rows of a table: what is beyond is drawn, and said to be left out. */
const MOST_ROWS = 400;

/** The table of a plot. */
export function plotRows(plot: Plot): PlotRows {
  const { head, rows } = tableOf(plot);
  if (rows.length <= MOST_ROWS) return { head, rows };
  return { head, rows: [...rows.slice(0, MOST_ROWS), [`${rows.length - MOST_ROWS} more rows, in the JSON`, ...head.slice(1).map(() => '')]] };
}

function tableOf(plot: Plot): PlotRows {
  switch (plot.kind) {
    case 'lines': {
      const value = (y: number): string => formatQuantity(y, plot.y.quantity);
      const xs = [...new Set(plot.series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
      const rows = xs.map((x) => [
        plot.places?.[x] ?? formatQuantity(x, plot.x.quantity),
        ...plot.series.map(({ points }) => {
          const point = points.find((candidate) => candidate.x === x);
          if (point === undefined) return '-';
          return point.low === undefined || point.high === undefined ? value(point.y) : `${value(point.y)} (${value(point.low)} to ${value(point.high)})`;
        }),
      ]);
      const marks = (plot.marks ?? []).map(({ label }) => [label, ...plot.series.map(() => '')]);
      return { head: [plot.x.label, ...plot.series.map(({ name }) => name)], rows: [...rows, ...marks] };
    }
    case 'cdf':
      return percentileRows(plot.series.map(({ name, points }) => ({ name, points })), plot.x.quantity);
    case 'histogram': {
      const edges = [...new Map(plot.series.flatMap(({ bins }) => bins.map(({ from, to }) => [from, to] as const)))].sort(([a], [b]) => a - b);
      return {
        head: [plot.x.label, ...plot.series.map(({ name }) => name)],
        rows: edges
          .map(([from, to]) => [`${formatQuantity(from, plot.x.quantity)} to ${formatQuantity(to, plot.x.quantity)}`, ...plot.series.map(({ bins }) => formatQuantity(bins.find((bin) => bin.from === from)?.count ?? 0, 'count'))])
          .filter(([, ...counts]) => counts.some((count) => count !== '0')),
      };
    }
    case 'bars': {
      const value = (one: number | null | undefined): string => (one === null || one === undefined ? '-' : formatQuantity(one, plot.value.quantity));
      const intervals = plot.rows.some(({ low }) => low !== undefined);
      const goals = plot.rows.some(({ goal }) => goal !== undefined);
      return {
        head: ['', plot.valueName, ...(intervals ? ['95 % interval'] : []), ...(plot.extraName === undefined ? [] : [plot.extraName]), ...(goals ? ['goal'] : [])],
        rows: plot.rows.map((row) => [row.name, value(row.value), ...(intervals ? [row.low === undefined ? '-' : `${value(row.low)} to ${value(row.high)}`] : []), ...(plot.extraName === undefined ? [] : [value(row.extra)]), ...(goals ? [value(row.goal)] : [])]),
      };
    }
    case 'stacked':
      // Parts are more than rows: they go down the table.
      return {
        head: ['', ...plot.rows.map(({ name }) => name)],
        rows: [
          ...plot.parts.flatMap((part, at) => (occurs(plot, at) ? [[part, ...plot.rows.map(({ values }) => partText(values[at], plot.value.quantity))]] : [])),
          ['sum', ...plot.rows.map(({ values }) => partText(values.reduce<number>((sum, value) => sum + (value ?? 0), 0), plot.value.quantity))],
        ],
      };
    case 'timeline':
      return { head: ['', ...plot.activities.map(({ label }) => label)], rows: timelineRows(plot) };
  }
}

function partText(value: number | null, quantity: Parameters<typeof formatQuantity>[1]): string {
  return value === null ? '-' : formatQuantity(value, quantity);
}

const PERCENTILES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1];

function percentileRows(series: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[], quantity: Parameters<typeof formatQuantity>[1]): PlotRows {
  return {
    head: ['share of the samples', ...series.map(({ name }) => name)],
    rows: PERCENTILES.map((share) => [
      formatQuantity(share, 'share'),
      ...series.map(({ points }) => {
        const found = points.find(([, reached]) => reached >= share - 1e-9);
        return found === undefined || share < points[0][1] / 2 ? '-' : formatQuantity(found[0], quantity);
      }),
    ]),
  };
}

/** Time that each lane spent in each activity, of the time shown. */
function timelineRows({ lanes, activities, fromNs, toNs }: TimelinePlot): string[][] {
  return lanes.map(({ group, name, spans }) => [
    `${group}: ${name}`,
    ...activities.map(({ activity }) => {
      const ns = spans.filter((span) => span.activity === activity).reduce((sum, { startNs, endNs }) => sum + Math.max(0, Math.min(toNs, endNs) - Math.max(fromNs, startNs)), 0);
      return formatQuantity(ns / (toNs - fromNs), 'share');
    }),
  ]);
}
