/** Distributions of fault latencies. */
import type { ItemContext } from '../context.js';
import { figure } from '../figure.js';
import type { ReportedMode } from '../item.js';
import { html, type Markup } from '../markup.js';
import type { CdfPlot, HistogramPlot } from '../plots/index.js';

/** Columns of a histogram over the whole axis. */
const COLUMNS = 72;
/** Steps of a curve beyond which nobody sees a difference. */
const MOST_STEPS = 400;

/** Cumulated and as histograms. */
export function latencyFigures(modes: readonly ReportedMode[], context: ItemContext): Markup {
  return html`${figure(context, {
    title: 'Fault latency, cumulated',
    how: 'What part of the first accesses to a page took at most so long, as the task in the guest saw it: the further left and the steeper, the better. Read a median where a curve crosses 50 %; dotted lines are at 50, 90 and 99 %. A task woken by an event may still wait for its turn, which is part of its latency.',
    plot: { kind: 'cdf', x: { label: 'latency (logarithmic)', quantity: 'ns', log: true }, series: modes.flatMap(cumulated) },
  })}${figure(context, {
    title: 'Fault latency, by size',
    how: 'The same accesses: the higher a column, the more of them took that long. Each row has its own height. Two humps mean two kinds of accesses, such as those that waited for the page alone and those that waited for their turn as well.',
    plot: histogramPlot(modes),
  })}`;
}

function cumulated({ name, latency }: ReportedMode): CdfPlot['series'][number][] {
  if (latency === null) return [];
  const { upToNs, counts } = latency.histogram;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return [];
  let sum = 0;
  const points = upToNs.map((edge, at): [number, number] => [edge, (sum += counts[at]) / total]);
  const step = Math.ceil(points.length / MOST_STEPS);
  const kept = points.filter((_, at) => at % step === step - 1 || at === points.length - 1);
  return [{ name, exact: true, points: [[Math.min(latency.minNs, upToNs[0]), 0], ...kept] }];
}

/** Columns of equal width on a logarithmic axis, the same for all rows. Exported for tests. */
export function histogramPlot(modes: readonly ReportedMode[]): HistogramPlot {
  const latencies = modes.flatMap(({ latency }) => (latency === null || latency.histogram.upToNs.length === 0 ? [] : [latency.histogram.upToNs]));
  const low = Math.min(...latencies.map((edges) => edges[0]));
  const high = Math.max(...latencies.map((edges) => edges[edges.length - 1]));
  const from = Math.log(Math.max(1, low) * 0.98);
  const width = (Math.log(Math.max(high, low * 1.1) * 1.02) - from) / COLUMNS;
  const edge = (column: number): number => Math.exp(from + column * width);
  return {
    kind: 'histogram',
    x: { label: 'latency (logarithmic)', quantity: 'ns', log: true },
    series: modes.flatMap(({ name, latency }) => {
      if (latency === null) return [];
      const columns = new Array<number>(COLUMNS).fill(0);
      latency.histogram.upToNs.forEach((upTo, at) => {
        columns[Math.min(COLUMNS - 1, Math.max(0, Math.floor((Math.log(Math.max(1, upTo)) - from) / width)))] += latency.histogram.counts[at];
      });
      return [{ name, bins: columns.map((count, column) => ({ from: edge(column), to: edge(column + 1), count })) }];
    }),
  };
}
