/** Distributions of fault latencies. */
import type { ItemContext } from '../context.js';
import { figure } from '../figure.js';
import type { ReportedMode } from '../item.js';
import { join, type Markup } from '../markup.js';

/** Cumulated and as histograms. */
export function latencyFigures(modes: readonly ReportedMode[], context: ItemContext): Markup {
  return join([
    figure(context, {
      title: 'Fault latency, cumulated',
      how: 'What part of the first accesses to a page took at most so long, as the task in the guest saw it: the further left and the steeper, the better. Read a median where a curve crosses 50 %. A task woken by an event may still wait for its turn, which is part of its latency. Dashed: only percentiles are known, joined by straight lines.',
      plot: { kind: 'cdf', x: { label: 'latency (logarithmic)', quantity: 'ns', log: true }, series: modes.flatMap(cumulated) },
    }),
  ]);
}

function cumulated({ mode, latency }: ReportedMode): { name: string; exact: boolean; points: [number, number][] }[] {
  if (latency === null) return [];
  const { minNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs } = latency;
  return [{ name: mode, exact: false, points: [[minNs, 0], [p50Ns, 0.5], [p90Ns, 0.9], [p99Ns, 0.99], [p999Ns, 0.999], [maxNs, 1]] }];
}
