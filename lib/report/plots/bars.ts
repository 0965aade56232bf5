/** Bars: one a row against a reference, or stacked of parts. */
import { html, type Markup } from '../markup.js';
import { PART_COLOURS, bottomAxis, coloursOf, drawing, n, widthOf, type Area, type Paper } from './paper.js';
import { formatQuantity, positions } from './quantity.js';
import type { BarsPlot, StackedPlot } from './spec.js';

const ROW = 30;
const THICK = 18;

/** Draws a {@link BarsPlot}. */
export function drawBars(plot: BarsPlot, paper: Paper, about: string): Markup {
  const names = plot.rows.map(({ name }) => name);
  const height = 24 + ROW * names.length + 40;
  const values = plot.rows.flatMap(({ value, extra, high, goal }) => (value === null ? [] : [value + (extra ?? 0), high ?? value, goal ?? value]));
  const labels = plot.rows.map(({ value }) => (value === null ? 'not measured' : formatQuantity(value, plot.value.quantity)));
  // On narrow paper names stand above their bars' rows, not beside.
  const area: Area = { left: widthOf(names) + 14, top: 20, right: paper.width - widthOf(labels) - 12, bottom: height - 40 };
  const x = positions(plot.value, [...values, ...(plot.reference === undefined ? [] : [plot.reference.value])], [area.left, area.right], paper.name === 'wide' ? 8 : 4, [0]);
  const colour = coloursOf(names);
  const zero = x.at(0);
  return drawing(paper, height, about, [
    bottomAxis(area, plot.value, x),
    plot.reference !== undefined &&
      html`<line class="reference" x1="${n(x.at(plot.reference.value))}" x2="${n(x.at(plot.reference.value))}" y1="${n(area.top - 4)}" y2="${n(area.bottom)}"/><text class="note" x="${n(x.at(plot.reference.value))}" y="${n(area.top - 8)}" text-anchor="end">${plot.reference.label}</text>`,
    plot.rows.map(({ name, value, low, high, extra, goal }, row) => {
      const top = area.top + ROW * row + (ROW - THICK) / 2;
      const middle = top + THICK / 2;
      const end = value === null ? zero : x.at(value);
      const last = value !== null && extra !== undefined && extra !== null ? x.at(value + extra) : end;
      return [
        html`<text class="name" x="${n(area.left - 8)}" y="${n(middle + 4)}" text-anchor="end">${name}</text>`,
        value !== null && html`<path class="fill ${colour(name)}" d="${box(zero, top, end, THICK)}"/>`,
        last > end && html`<path class="extra ${colour(name)}" d="${box(end, top, last, THICK)}"/>`,
        low !== undefined && high !== undefined && html`<path class="whisker" d="M${n(x.at(low))} ${n(middle)}H${n(x.at(high))}M${n(x.at(low))} ${n(middle - 4)}v8M${n(x.at(high))} ${n(middle - 4)}v8"/>`,
        goal !== undefined && html`<path class="goal" d="M${n(x.at(goal))} ${n(top - 4)}v${THICK + 8}"/>`,
        html`<text class="value" x="${n(paper.width - 4)}" y="${n(middle + 4)}" text-anchor="end">${labels[row]}</text>`,
      ];
    }),
  ]);
}

/** Draws a {@link StackedPlot}. */
export function drawStacked(plot: StackedPlot, paper: Paper, about: string): Markup {
  const names = plot.rows.map(({ name }) => name);
  const height = 12 + ROW * names.length + 40;
  const totals = plot.rows.map(({ values }) => values.reduce<number>((sum, value) => sum + Math.max(0, value ?? 0), 0));
  const labels = totals.map((total) => formatQuantity(total, plot.value.quantity));
  const area: Area = { left: widthOf(names) + 14, top: 8, right: paper.width - widthOf(labels) - 12, bottom: height - 40 };
  const x = positions(plot.value, totals, [area.left, area.right], paper.name === 'wide' ? 8 : 4, [0]);
  return drawing(paper, height, about, [
    bottomAxis(area, plot.value, x),
    plot.rows.map(({ name, values }, row) => {
      const top = area.top + ROW * row + (ROW - THICK) / 2;
      let sum = 0;
      return [
        html`<text class="name" x="${n(area.left - 8)}" y="${n(top + THICK / 2 + 4)}" text-anchor="end">${name}</text>`,
        values.map((value, part) => {
          if (value === null || value <= 0) return null;
          const from = x.at(sum);
          sum += value;
          return html`<path class="fill p${part % PART_COLOURS}" d="${box(from, top, Math.max(from + 0.5, x.at(sum) - 0.8), THICK)}"><title>${plot.parts[part]}: ${formatQuantity(value, plot.value.quantity)}</title></path>`;
        }),
        html`<text class="value" x="${n(paper.width - 4)}" y="${n(top + THICK / 2 + 4)}" text-anchor="end">${labels[row]}</text>`,
      ];
    }),
  ]);
}

function box(left: number, top: number, right: number, height: number): string {
  return `M${n(left)} ${n(top)}H${n(right)}v${n(height)}H${n(left)}Z`;
}
