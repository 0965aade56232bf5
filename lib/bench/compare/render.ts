/** A comparison for people: which runs, in what they differ, their verdicts, their figures. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeHost } from '../../kvm/index.js';
import { figureMark } from '../figure-mark.js';
import { FIGURES, formatFigure } from '../figures.js';
import type { TableOptions } from '../table.js';
import { FEWEST_RUNS, type Change } from './changes.js';
import type { ParameterValue } from './comparable.js';
import type { Comparison } from './compare.js';
import type { Difference } from './differences.js';
import type { ModeFigures } from './figures.js';
import { printable } from './printable.js';
import type { ModeVerdicts, Verdict } from './verdicts.js';

type Colors = ReturnType<typeof pc.createColors>;

/** Renders a comparison as text, several lines, without a final newline. Reports are called 1, 2, ... in the order they were given. */
export function renderComparison(comparison: Comparison, { color }: TableOptions): string {
  const colors = pc.createColors(color);
  const { reports, figures } = comparison;
  const titles = reports.map((_, at) => `${at + 1}`);
  const lines = reports.map(({ name, startedAt, host }, at) => `${titles[at]}  ${printable(name)}: ${printable(`${describeHost(host)}, bench of ${startedAt}`)}`);
  const section = (title: string, text: string): void => {
    lines.push('', colors.bold(title), text);
  };
  if (comparison.differences.length > 0) section('Not the same in all', differenceTable(comparison.differences, titles, color));
  if (comparison.forced) lines.push('', colors.yellow('DIFFERENT HOSTS: figures are shown because it was forced; what differs may be the hosts'));
  for (const mode of comparison.verdicts) section(`Verdicts: ${printable(mode.mode)}`, verdictTable(mode, titles, colors, color));
  if (figures !== null) {
    const mark = figureMark({ emulated: reports.some(({ host }) => host.emulated) });
    for (const mode of figures) section(`Figures: ${printable(mode.mode)}${comparison.forced ? ' (of different hosts)' : ''}`, figureTable(mode, titles, mark, color));
    if (mark.note !== null) lines.push(colors.yellow(mark.note));
  }
  lines.push('', ...closing(comparison, colors));
  return lines.join('\n');
}

function newTable(head: readonly string[], color: boolean): InstanceType<typeof Table> {
  return new Table({
    head: [...head],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: head.map((_, at) => (at === 0 ? 'left' : 'right')),
  });
}

function differenceTable(all: readonly Difference[], titles: readonly string[], color: boolean): string {
  const table = newTable(['', ...titles], color);
  const cell = (value: ParameterValue): string => (value === null ? '-' : printable(String(value)));
  for (const { what, values } of all) table.push([printable(what), ...values.map(cell)]);
  return table.toString();
}

function verdictTable({ rows }: ModeVerdicts, titles: readonly string[], colors: Colors, color: boolean): string {
  const table = newTable(['', ...titles, ...(rows.every(({ same }) => same) ? [] : [''])], color);
  const cell = (verdict: Verdict): string => (verdict === 'good' ? verdict : colors.red(verdict === 'bad' ? 'BAD' : verdict));
  for (const { what, verdicts, same } of rows) table.push([printable(what), ...verdicts.map(cell), ...(same ? [] : [colors.red('DIFFERS')])]);
  return table.toString();
}

function figureTable({ rows }: ModeFigures, titles: readonly string[], mark: ReturnType<typeof figureMark>, color: boolean): string {
  const [first, ...others] = titles;
  const judged = rows.some(({ changes }) => changes.some((change) => change !== null && change.verdict !== 'too few runs'));
  const table = newTable(['', ...titles, ...others.map((title) => `${title} / ${first}`), ...(judged ? others.map((title) => (others.length === 1 ? 'verdict' : `${title}: verdict`)) : [])], color);
  for (const { figure, unit, values, ratios, changes } of rows) {
    const cells = values.map((value) => formatFigure(value, unit));
    table.push([mark.label(FIGURES[figure].label, unit), ...cells, ...ratios.slice(1).map((ratio) => (ratio === null ? '-' : ratio.toFixed(2))), ...(judged ? changes.slice(1).map(changeCell) : [])]);
  }
  return table.toString();
}

/** `CHANGED (p 0.002, effect -1.00)`; nothing for a figure that is not judged. */
function changeCell(change: Change | null): string {
  if (change === null) return '';
  const { verdict, pValue, effect } = change;
  return pValue === null || effect === null ? verdict : `${verdict === 'changed' ? 'CHANGED' : verdict} (p ${pValue.toFixed(pValue < 0.01 ? 4 : 3)}, effect ${effect.toFixed(2)})`;
}

/** What became of the figures, one line. */
function changesLine(figures: readonly ModeFigures[], colors: Colors): string {
  const all = figures.flatMap(({ mode, rows }) => rows.flatMap(({ figure, changes }) => changes.flatMap((change) => (change === null ? [] : [{ what: `${FIGURES[figure].label.trim()} in ${printable(mode)}`, ...change }]))));
  const changed = all.filter(({ verdict }) => verdict === 'changed');
  if (changed.length > 0) {
    return colors.yellow(`CHANGED: ${changed.map(({ what, relativeChange }) => `${what} (${(relativeChange ?? 0) < 0 ? '' : '+'}${((relativeChange ?? 0) * 100).toFixed(1)} %)`).join(', ')}`);
  }
  if (all.every(({ verdict }) => verdict === 'too few runs')) return `whether figures changed was not judged: that takes ${FEWEST_RUNS} runs of each report or more (bench --repeat)`;
  return 'no figure changed beyond what chance and noise explain';
}

function closing({ reports, verdicts, sameVerdicts, allGood, figures, figuresWithheld }: Comparison, colors: Colors): string[] {
  const lines = figuresWithheld === null ? [] : [`Figures are not compared: ${figuresWithheld}.`];
  if (figures !== null && figures.length > 0) lines.push(changesLine(figures, colors));
  if (!sameVerdicts) {
    const modes = verdicts.filter(({ rows }) => rows.some(({ same }) => !same)).map(({ mode }) => printable(mode));
    return [...lines, colors.red(`VERDICTS DIFFER: in ${modes.join(', ')}`)];
  }
  const same = `the same verdicts in ${reports.length} reports, ${verdicts.length} mode${verdicts.length === 1 ? '' : 's'}`;
  return [...lines, allGood ? colors.green(`${same}: all good`) : colors.yellow(`${same}, NOT ALL OF THEM GOOD`)];
}
