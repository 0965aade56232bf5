/** An experiment's report for people. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { figureMark, formatDuration, type FigureUnit } from '../../bench/index.js';
import { describeHost } from '../../kvm/index.js';
import { renderPlot } from './plot.js';
import type { Cell, DataTable, ExperimentReport } from './report.js';
import { asSentence } from './words.js';

/** How to print. */
export interface RenderOptions {
  readonly color: boolean;
}

interface Column {
  readonly suffix: string;
  readonly unit: FigureUnit;
  readonly format: (value: number) => string;
}

/** Suffixes of column names and what they mean; see `Row`. */
const UNITS: readonly Column[] = [
  { suffix: 'PerSecond', unit: 'per second', format: (value) => `${count(value)}/s` },
  { suffix: 'Share', unit: 'share', format: (value) => `${(value * 100).toFixed(1)} %` },
  { suffix: 'Ratio', unit: 'share', format: (value) => value.toFixed(value < 10 ? 3 : 1) },
  { suffix: 'Cycles', unit: 'ns', format: (value) => `${count(value)} cycles` },
  { suffix: 'Ns', unit: 'ns', format: (value) => (value < 0 ? `-${formatDuration(-value)}` : formatDuration(value)) },
];
/** Longer texts in a table go over several lines. */
const MOST_TEXT = 40;
const COUNT: Column = { suffix: '', unit: 'count', format: count };

/** Renders a report as text, several lines, without a final newline. */
export function renderExperiment(report: ExperimentReport, { color }: RenderOptions): string {
  const colors = pc.createColors(color);
  const { finding, host } = report;
  const mark = figureMark(host);
  const lines = [
    colors.bold(`${report.id.toUpperCase()}  ${report.question}`),
    `host   ${describeHost(host)}, Node ${report.tool.node}; ${report.seconds.toFixed(1)} s`,
    ...report.method.map((line, at) => `${at === 0 ? 'method ' : '       '}${line}`),
  ];
  for (const table of report.tables.filter(({ rows, detail }) => rows.length > 0 && detail !== true)) lines.push('', renderTable(table, color, (name, unit) => mark.label(name, unit)));
  for (const plot of report.plots) lines.push('', renderPlot(plot));
  for (const { title, text } of report.traces ?? []) lines.push('', colors.bold(title), text.trimEnd());
  if (mark.note !== null) lines.push('', colors.yellow(mark.note));
  lines.push('');
  if (report.interrupted) lines.push(colors.yellow('interrupted: what follows is computed from what was done until then'));
  if (finding.answered) lines.push(colors.bold(`answer   ${asSentence(finding.answer)}`), colors.green(`verdict  ${finding.verdict}`));
  else lines.push(colors.yellow(`no verdict  ${finding.why}`));
  lines.push(...list('what would change it', report.changedBy), ...list('not reproduced', report.notReproduced));
  return lines.join('\n');
}

/** Columns whose names make no title. */
const TITLES: ReadonlyMap<string, string> = new Map(Object.entries({
  range: '95 % interval',
  mib: 'MiB',
  pairNs: 'delay by the pair',
  pairCycles: 'delay by the pair, TSC',
  pairRange: 'delay by the pair, 95 % interval',
  pagesLostShare: 'page rate lost',
  p50Ns: 'median',
  by: 'estimated from',
  kvm: 'KVM did',
  vmm: "the VMM's own rules say",
  lostPerMillion: 'lost per million',
  mostOverOneRatio: 'with most vCPUs over with 1',
}));

/** The names of columns as people read them. */
export function columnTitle(name: string): string {
  const title = TITLES.get(name);
  if (title !== undefined) return title;
  const { suffix } = columnOf(name);
  const vcpus = /^vcpus(\d+)$/.exec(suffix === '' ? name : name.slice(0, -suffix.length));
  if (vcpus !== null) return `with ${vcpus[1]} vCPU${vcpus[1] === '1' ? '' : 's'}`;
  const words = (suffix === '' ? name : name.slice(0, -suffix.length))
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/ range$/, ', 95 % interval')
    .replace(/\bp50$/, 'median')
    .replace(/\bvcpus\b/, 'vCPUs')
    .replace(/\b(vm|kvm|vmm|uapi|cpl)\b/g, (short) => short.toUpperCase());
  return words === '' ? suffix.toLowerCase() : words;
}

/** What the numbers of a column are, by the end of its name. */
export function columnQuantity(name: string): FigureUnit {
  return columnOf(name).unit;
}

/** A cell of the column of that name as people read it. */
export function cellText(name: string, cell: Cell): string {
  return formatCell(cell, columnOf(name));
}

function renderTable({ title, rows, note }: DataTable, color: boolean, label: (name: string, unit: FigureUnit) => string): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumber = (name: string): boolean => rows.some((row) => typeof row[name] === 'number');
  const head = names.map((name) => label(columnTitle(name), isNumber(name) ? columnOf(name).unit : 'count'));
  const cells = rows.map((row) => names.map((name) => formatCell(row[name] ?? null, columnOf(name))));
  const table = new Table({
    head,
    // A space on each side.
    colWidths: head.map((title, at) => textWidth([title, ...cells.map((row) => row[at])]) + 2),
    wordWrap: true,
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: names.map((name) => (isNumber(name) ? 'right' : 'left')),
  });
  table.push(...cells);
  return `${title}\n${table.toString()}${note === undefined ? '' : `\n${note}`}`;
}

/** Width of a column: that of its longest text or {@link MOST_TEXT}, but never less than its longest word. */
function textWidth(texts: readonly string[]): number {
  const longest = Math.max(...texts.map(({ length }) => length));
  const words = texts.flatMap((text) => text.split(' ')).map(({ length }) => length);
  return Math.min(longest, Math.max(MOST_TEXT, ...words));
}

function columnOf(name: string): Column {
  return UNITS.find(({ suffix }) => name.endsWith(suffix)) ?? COUNT;
}

function formatCell(cell: Cell, column: Column): string {
  if (cell === null) return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return typeof cell === 'number' ? column.format(cell) : cell;
}

function count(value: number): string {
  return (Math.abs(value) < 100 ? Number(value.toFixed(2)) : Math.round(value)).toLocaleString('en-US');
}

function list(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : [title, ...sentences.map((sentence) => `  - ${sentence}`)];
}
