/** Distributions: cumulated, and as histograms one below the other on one axis. */
import { curveLinear, curveStepAfter, line as lineOf } from 'd3-shape';
import { html, type Markup } from '../markup.js';
import { bottomAxis, coloursOf, drawing, leftAxis, n, widthOf, type Area, type Paper } from './paper.js';
import { positions } from './quantity.js';
import type { CdfPlot, HistogramPlot } from './spec.js';

const ROW = 46;

/** Draws a {@link CdfPlot}. */
export function drawCdf(plot: CdfPlot, paper: Paper, about: string): Markup {
  const height = paper.name === 'wide' ? 300 : 260;
  const area: Area = { left: 44, top: 26, right: paper.width - 14, bottom: height - 40 };
  const x = positions(plot.x, plot.series.flatMap(({ points }) => points.map(([value]) => value)), [area.left + 4, area.right - 4], paper.name === 'wide' ? 9 : 5);
  const y = positions({ label: '', quantity: 'share' }, [0, 1], [area.bottom, area.top], 4);
  const colour = coloursOf(plot.series.map(({ name }) => name));
  return drawing(paper, height, about, [
    leftAxis(area, { label: 'share of the samples at or below', quantity: 'share' }, y),
    bottomAxis(area, plot.x, x),
    [0.5, 0.9, 0.99].map((share) => html`<line class="percentile" x1="${n(area.left)}" x2="${n(area.right)}" y1="${n(y.at(share))}" y2="${n(y.at(share))}"/>`),
    plot.series.map(({ name, exact, points }) => {
      const curve = lineOf<readonly [number, number]>(([value]) => x.at(value), ([, share]) => y.at(share)).curve(exact ? curveStepAfter : curveLinear);
      return html`<path class="curve ${colour(name)}${!exact && ' rough'}" d="${curve(points.map((point) => point)) ?? ''}"/>`;
    }),
  ]);
}

/** Draws a {@link HistogramPlot}. */
export function drawHistogram(plot: HistogramPlot, paper: Paper, about: string): Markup {
  const names = plot.series.map(({ name }) => name);
  const height = 14 + ROW * names.length + 40;
  const area: Area = { left: widthOf(names) + 14, top: 10, right: paper.width - 14, bottom: height - 40 };
  const bins = plot.series.flatMap((series) => series.bins);
  const x = positions(plot.x, bins.flatMap(({ from, to }) => [from, to]), [area.left, area.right], paper.name === 'wide' ? 9 : 5);
  const colour = coloursOf(names);
  return drawing(paper, height, about, [
    bottomAxis(area, plot.x, x),
    plot.series.map(({ name, bins: own }, row) => {
      const base = area.top + ROW * (row + 1);
      const total = own.reduce((sum, { count }) => sum + count, 0);
      const tallest = Math.max(...own.map(({ count }) => count), 1);
      const bars = own.filter(({ count }) => count > 0).map(({ from, to, count }) => {
        const [left, right] = [x.at(from), x.at(to)];
        return `M${n(left)} ${n(base)}V${n(base - Math.max(1, (count / tallest) * (ROW - 8)))}H${n(Math.max(left + 1, right - 0.6))}V${n(base)}Z`;
      });
      return html`<line class="base" x1="${n(area.left)}" x2="${n(area.right)}" y1="${n(base)}" y2="${n(base)}"/><path class="fill ${colour(name)}" d="${bars.join('')}"/><text class="name" x="${n(area.left - 8)}" y="${n(base - 4)}" text-anchor="end">${name}</text><title>${name}: ${total} samples</title>`;
    }),
  ]);
}
