/** Who did what when: a lane for each thread and task, one path for each kind of activity in it. */
import { html, type Markup } from '../markup.js';
import { drawing, n, widthOf, type Paper } from './paper.js';
import { formatTick, positions } from './quantity.js';
import type { TimelinePlot } from './spec.js';

const LANE = 17;
const THICK = 12;
const HEAD = 20;

/** Draws a {@link TimelinePlot}. */
export function drawTimeline(plot: TimelinePlot, paper: Paper, about: string): Markup {
  const left = Math.min(paper.width * 0.3, widthOf(plot.lanes.map(({ name }) => name)) + 16);
  const right = paper.width - 6;
  const x = positions({ label: '', quantity: 'ns' }, [0, plot.toNs - plot.fromNs], [left, right], paper.name === 'wide' ? 8 : 4);
  const place = (ns: number): number => left + ((right - left) * (Math.min(plot.toNs, Math.max(plot.fromNs, ns)) - plot.fromNs)) / (plot.toNs - plot.fromNs);
  let y = 4;
  let group = '';
  const tops: number[] = [];
  const heads: Markup[] = [];
  for (const lane of plot.lanes) {
    if (lane.group !== group) {
      group = lane.group;
      heads.push(html`<text class="group" x="4" y="${n(y + 13)}">${group}</text>`);
      y += HEAD;
    }
    tops.push(y);
    y += LANE;
  }
  const bottom = y + 4;
  const ticks = x.ticks.filter((tick) => tick <= plot.toNs - plot.fromNs);
  return drawing(paper, bottom + 24, about, [
    ticks.map((tick, at) => {
      const position = n(place(plot.fromNs + tick));
      return html`<line class="grid" x1="${position}" x2="${position}" y1="4" y2="${n(bottom)}"/><text class="tick" x="${position}" y="${n(bottom + 14)}" text-anchor="${at === 0 ? 'start' : at === ticks.length - 1 ? 'end' : 'middle'}">${formatTick(tick, 'ns')}</text>`;
    }),
    heads,
    plot.lanes.map(({ name, spans }, at) => {
      const top = tops[at] + (LANE - THICK) / 2;
      const kinds = [...new Set(spans.map(({ activity }) => activity))];
      return [
        html`<text class="name" x="${n(left - 8)}" y="${n(top + 10)}" text-anchor="end">${name}</text><rect class="track" x="${n(left)}" y="${n(top)}" width="${n(right - left)}" height="${THICK}"/>`,
        kinds.map((kind) => html`<path class="a-${kind}" d="${boxes(spans.filter(({ activity, startNs, endNs }) => activity === kind && endNs > plot.fromNs && startNs < plot.toNs), place, top)}"/>`),
      ];
    }),
    plot.events.map(({ lane, atNs, what }) => {
      if (atNs < plot.fromNs || atNs > plot.toNs) return null;
      return html`<path class="event" d="M${n(place(atNs))} ${n(tops[lane] + 1)}v${LANE - 2}"><title>${what}</title></path>`;
    }),
  ]);
}

/** Spans as boxes; those less than half a px apart are one. */
function boxes(spans: readonly { readonly startNs: number; readonly endNs: number }[], place: (ns: number) => number, top: number): string {
  const merged: [number, number][] = [];
  for (const { startNs, endNs } of [...spans].sort((a, b) => a.startNs - b.startNs)) {
    const [from, to] = [place(startNs), Math.max(place(endNs), place(startNs) + 0.4)];
    const last = merged.at(-1);
    if (last !== undefined && from - last[1] < 0.3) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged.map(([from, to]) => `M${n(from)} ${n(top)}H${n(to)}v${THICK}H${n(from)}Z`).join('');
}
