/** A plot on the page: its title, how to read it, the drawing, its data. */
import type { FigureUnit } from '../bench/index.js';
import type { ItemContext } from './context.js';
import { html, type Content, type Markup } from './markup.js';
import { drawPlot, plotLegend, plotRows, type Axis, type Plot, type Quantity } from './plots/index.js';

/** See the module's comment. */
export interface Figure {
  readonly title: string;
  /** One or two sentences for someone who has not seen such a plot before. */
  readonly how: string;
  readonly plot: Plot;
}

/** Renders a figure; nothing where there is nothing to draw. */
export function figure(context: ItemContext, { title, how, plot }: Figure): Markup {
  if (isEmpty(plot)) return html``;
  const marked = withMark(plot, context);
  return html`<figure><h3>${title}</h3><p class="how">${how}</p>${context.hostNote !== null && html`<p class="warning">${context.hostNote}</p>`}${context.mark.note !== null && html`<p class="warning">${context.mark.note}</p>`}${plotLegend(marked)}${drawPlot(marked, `${title}. ${how}`)}<details><summary>Data</summary>${dataTable(plotRows(marked))}</details></figure>`;
}

/** A table of text, whose first column names its rows. */
export function dataTable({ head, rows, textColumns = [] }: { readonly head: readonly string[]; readonly rows: readonly (readonly Content[])[]; readonly textColumns?: readonly number[] }): Markup {
  const isText = (at: number): boolean => textColumns.includes(at);
  return html`<div class="scroll" tabindex="0"><table><thead><tr>${head.map((title, at) => html`<th class="${at === 0 || isText(at) ? 'text' : ''}" scope="col">${title}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((cell, at) => (at === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${isText(at) ? 'text' : 'num'}">${cell}</td>`))}</tr>`,
  )}</tbody></table></div>`;
}

function isEmpty(plot: Plot): boolean {
  switch (plot.kind) {
    case 'lines':
    case 'cdf':
      return plot.series.every(({ points }) => points.length === 0);
    case 'histogram':
      return plot.series.every(({ bins }) => bins.length === 0);
    case 'bars':
      return plot.rows.every(({ value }) => value === null);
    case 'stacked':
      return plot.rows.every(({ values }) => values.every((value) => value === null));
    case 'timeline':
      return plot.lanes.length === 0 || !(plot.toNs > plot.fromNs);
  }
}

const UNITS: Readonly<Record<Quantity, FigureUnit>> = { ns: 'ns', share: 'share', ratio: 'share', 'per second': 'per second', count: 'count', plain: 'share' };

/** Axes whose figures depend on time carry the host's mark. */
function withMark(plot: Plot, { mark }: ItemContext): Plot {
  const marked = (axis: Axis): Axis => ({ ...axis, label: mark.label(axis.label, UNITS[axis.quantity]) });
  switch (plot.kind) {
    case 'lines':
      return { ...plot, y: marked(plot.y) };
    case 'cdf':
    case 'histogram':
      return { ...plot, x: marked(plot.x) };
    case 'bars':
    case 'stacked':
      return { ...plot, value: marked(plot.value) };
    case 'timeline':
      return plot;
  }
}
