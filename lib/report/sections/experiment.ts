/** One experiment on the page: question, verdict, plots, data. */
import { asSentence, cellText, columnQuantity, columnTitle, type DataTable, type PlotData } from '../../experiments/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import type { ReportedExperiment } from '../item.js';
import { html, type Markup } from '../markup.js';
import type { LinesPlot } from '../plots/index.js';

/** Renders an experiment. */
export function experimentSection(report: ReportedExperiment, context: ItemContext): Markup {
  const { finding } = report;
  const shown = report.tables.filter(({ detail, rows }) => detail !== true && rows.length > 0);
  const behind = report.tables.filter(({ detail, rows }) => detail === true && rows.length > 0);
  return html`<section id="${context.id}"><h2>${report.id.toUpperCase()}<span class="tag">${report.seconds.toFixed(1)} s</span></h2>
<p>${report.question}</p>
${finding.answered ? html`<p class="verdict"><b>${asSentence(finding.answer)}</b></p><p class="how">${asSentence(finding.verdict)}</p>` : html`<p class="verdict none">No verdict: ${finding.why}</p>`}
${report.interrupted && html`<p class="warning">Interrupted: computed from what was done until then.</p>`}
${report.plots.map((plot) => figure(context, { title: plot.title, how: plotReading(plot), plot: linesOf(plot) }))}
${shown.map((table) => tableBlock(table, context))}
${(report.traces ?? []).map(({ title, text }) => html`<details><summary>${title}</summary><pre>${text.trimEnd()}</pre></details>`)}
<details><summary>Method</summary><p>${report.method.join(' ')}</p></details>
${sentences('What would change the verdict', report.changedBy)}
${sentences('What was not reproduced', report.notReproduced)}
${behind.map((table) => html`<details><summary>Data behind it: ${table.title} (${table.rows.length} rows)</summary>${rowsOf(table, context)}</details>`)}
</section>`;
}

function sentences(title: string, all: readonly string[]): Markup {
  return all.length === 0 ? html`` : html`<details><summary>${title}</summary><ul class="plain">${all.map((sentence) => html`<li>${sentence}</li>`)}</ul></details>`;
}

/** How a plot is read: which way is better, what its lines are, what it was measured under. Exported for tests. */
export function plotReading({ lines, reference, marks = [], better, load, note }: PlotData): string {
  const arms = lines.flatMap(({ name, title }) => (title === undefined ? [] : [`${name}: ${title}`]));
  return [
    ...(better === undefined ? [] : [better === 'lower' ? 'Lower is better.' : 'Higher is better.']),
    arms.length === 0 ? 'A line for each arm of the experiment.' : `${arms.join('; ')}.`,
    ...(reference === undefined ? [] : [`Dashed level: ${reference.label}.`]),
    ...marks.map(({ label, what }) => `Vertical line: ${what ?? label}; grey: its 95 % interval.`),
    ...(lines.some(({ low }) => low !== undefined) ? ['Bands are 95 % intervals.'] : []),
    ...(load === undefined ? [] : [load]),
    ...(note === undefined ? [] : [note]),
  ].join(' ');
}

/** Lines over named places, at their distance where the places are times. */
export function linesOf(plot: PlotData): LinesPlot {
  const { xNs, xLabel, lines, marks, reference, log10Of } = plot;
  const number = (value: number): number => (log10Of === undefined ? value : 10 ** value);
  return {
    kind: 'lines',
    x: { label: xNs === undefined ? (xLabel ?? '') : `${xLabel ?? 'time to fetch a page'} (logarithmic)`, quantity: xNs === undefined ? 'count' : 'ns', log: xNs !== undefined },
    ...(xNs === undefined ? { places: plot.x } : {}),
    y: { label: log10Of === undefined ? plot.y : `${log10Of} (logarithmic)`, quantity: 'plain', log: log10Of !== undefined },
    series: lines.map(({ name, values, low, high }) => ({
      name,
      points: values.flatMap((y, at) => {
        if (y === null || !Number.isFinite(y)) return [];
        const [from, to] = [low?.[at], high?.[at]];
        return [{ x: xNs?.[at] ?? at, y: number(y), ...(typeof from === 'number' && typeof to === 'number' ? { low: number(from), high: number(to) } : {}) }];
      }),
    })),
    marks: (marks ?? []).map(({ label, atNs, lowNs, highNs }) => ({ label, at: atNs, low: lowNs, high: highNs })),
    ...(reference === undefined ? {} : { reference: { ...reference, y: number(reference.y) } }),
  };
}

function tableBlock(table: DataTable, context: ItemContext): Markup {
  return html`<h3>${table.title}</h3>${rowsOf(table, context)}`;
}

/** Most rows of a table on the page; the JSON has all. */
const MOST_ROWS = 300;

function rowsOf({ rows, note }: DataTable, { mark }: ItemContext): Markup {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumber = (name: string): boolean => rows.some((row) => typeof row[name] === 'number');
  return html`${dataTable({
    head: names.map((name) => mark.label(columnTitle(name), isNumber(name) ? columnQuantity(name) : 'count')),
    rows: rows.slice(0, MOST_ROWS).map((row) => names.map((name) => cellText(name, row[name] ?? null))),
    textColumns: names.flatMap((name, at) => (isNumber(name) ? [] : [at])),
  })}${rows.length > MOST_ROWS && html`<p class="how">${rows.length - MOST_ROWS} more rows are in the JSON.</p>`}${note !== undefined && html`<p class="how">${note}</p>`}`;
}
