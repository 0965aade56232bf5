/** Curves, with bands for their 95 % intervals and marks where something happens. */
import { area as areaOf, line as lineOf } from 'd3-shape';
import { html, type Markup } from '../markup.js';
import { bottomAxis, coloursOf, drawing, leftAxis, legend, n, widthOf, type Area, type Paper } from './paper.js';
import { formatQuantity, formatTick, positions } from './quantity.js';
import type { LinePoint, LinesPlot } from './spec.js';

/** Bold text is wider by this. */
const STRONG = 1.1;

/** Draws a {@link LinesPlot}. */
export function drawLines(plot: LinesPlot, paper: Paper, about: string): Markup {
  const height = paper.name === 'wide' ? 300 : 260;
  const points = plot.series.flatMap((series) => series.points);
  const marks = plot.marks ?? [];
  const ys = [...points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y]), ...(plot.reference === undefined ? [] : [plot.reference.y])];
  const xs = [...points.map(({ x }) => x), ...marks.map(({ at }) => at)];
  const probe = positions(plot.y, ys, [0, 1], 5, [0]);
  const area: Area = { left: Math.max(34, widthOf(probe.ticks.map((tick) => formatTick(tick, plot.y.quantity))) + 12), top: 26, right: paper.width - 14, bottom: height - 40 };
  const inset = plot.places === undefined ? 6 : 18;
  const x = positions(plot.x, xs, [area.left + inset, area.right - inset], paper.name === 'wide' ? 8 : 4);
  const y = positions(plot.y, ys, [area.bottom, area.top], 5, [0]);
  // A sweep has its ticks where it was measured.
  const places = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const axis = { at: x.at, ticks: places.length <= 12 ? places : x.ticks };
  const label = plot.places === undefined ? undefined : (value: number): string => plot.places?.[value] ?? '';
  const colour = coloursOf(plot.series.map(({ name }) => name));
  const curve = lineOf<LinePoint>((point) => x.at(point.x), (point) => y.at(point.y));
  const band = areaOf<LinePoint>().x((point) => x.at(point.x)).y0((point) => y.at(point.low ?? point.y)).y1((point) => y.at(point.high ?? point.y));
  return drawing(paper, height, about, [
    leftAxis(area, plot.y, y),
    bottomAxis(area, plot.x, axis, label),
    plot.reference !== undefined &&
      html`<line class="reference" x1="${n(area.left)}" x2="${n(area.right)}" y1="${n(y.at(plot.reference.y))}" y2="${n(y.at(plot.reference.y))}"/><text class="note" x="${n(area.right)}" y="${n(y.at(plot.reference.y) - 5)}" text-anchor="end">${plot.reference.label}</text>`,
    marks.map(({ at, low, high, label: text }, index) => {
      const flipped = x.at(at) > (area.left + area.right) / 2;
      const room = (flipped ? x.at(at) - area.left : area.right - x.at(at)) - 5;
      return html`${low !== undefined && high !== undefined && html`<rect class="markband" x="${n(x.at(Math.max(low, Math.min(...xs))))}" width="${n(Math.max(1, x.at(Math.min(high, Math.max(...xs))) - x.at(Math.max(low, Math.min(...xs)))))}" y="${n(area.top)}" height="${n(area.bottom - area.top)}"/>`}<line class="mark" x1="${n(x.at(at))}" x2="${n(x.at(at))}" y1="${n(area.top)}" y2="${n(area.bottom)}"/><text class="note strong" x="${n(x.at(at) + (flipped ? -5 : 5))}" y="${n(area.top + 12 + 14 * index)}" text-anchor="${flipped ? 'end' : 'start'}">${fitting(text, room)}</text>`;
    }),
    plot.series.map(({ name, points: own }) => [
      own.some(({ low }) => low !== undefined) && html`<path class="band ${colour(name)}" d="${band([...own]) ?? ''}"/>`,
      own.length > 1 && html`<path class="curve ${colour(name)}" d="${curve([...own]) ?? ''}"/>`,
      own.map((point) => html`<circle class="dot ${colour(name)}" cx="${n(x.at(point.x))}" cy="${n(y.at(point.y))}" r="3"><title>${name}: ${formatQuantity(point.y, plot.y.quantity)}</title></circle>`),
    ]),
  ]);
}

/** As much of a mark's label as there is room for: without its interval, without what comes before the last colon. All of it is in the table beneath. */
function fitting(label: string, room: number): string {
  const bare = label.replace(/ \([^()]*\)$/, '');
  const shorter = [label, bare, bare.slice(bare.lastIndexOf(': ') + 1).trim()];
  return shorter.find((text) => widthOf([text]) * STRONG <= room) ?? shorter[2];
}

/** The legend of a {@link LinesPlot}. */
export function linesLegend(plot: Pick<LinesPlot, 'series'>): Markup {
  const names = plot.series.map(({ name }) => name);
  const colour = coloursOf(names);
  return legend(names.map((name) => ({ className: `line ${colour(name)}`, label: name })));
}
