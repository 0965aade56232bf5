/** A comparison of facts for people. */
import pc from 'picocolors';
import { printable } from '../../../bench/index.js';
import { describeHost } from '../../../kvm/index.js';
import { layoutRow, type Cell } from '../columns.js';
import type { RenderOptions } from '../render.js';
import { columnTitles, findingText, type FactComparison, type FactRow } from './comparison.js';

const GAP_COLUMNS = 2;
const WIDEST_TITLE = 48;
const NARROWEST_COLUMN = 16;

/** Renders it as text, several lines: which hosts, then the facts in which they differ (`all`: every fact), then how many those are. */
export function renderComparisonText(comparison: FactComparison, { colors: wantColors, width, all }: RenderOptions & { readonly all: boolean }): string {
  const colors = pc.createColors(wantColors);
  const { hosts, rows } = comparison;
  const shown = rows.filter(({ same }) => all || !same);
  const titleWidth = Math.min(WIDEST_TITLE, Math.max(0, ...shown.map(({ title }) => printable(title).length)));
  // A word that stuck out of its column would push the next one aside.
  const longestWord = Math.max(0, ...shown.flatMap(({ findings }) => findings.flatMap((finding) => printable(findingText(finding)).split(' ')).map((word) => word.length)));
  const columnWidth = Math.max(NARROWEST_COLUMN, longestWord, Math.floor((width - titleWidth) / hosts.length) - GAP_COLUMNS);
  const widths = [titleWidth, ...hosts.map(() => columnWidth)];
  const line = (first: string, others: readonly Cell[]): string[] => layoutRow([{ text: first }, ...others], widths);
  const row = ({ title, findings, same }: FactRow): string[] =>
    line(
      printable(title),
      findings.map((finding) => ({ text: printable(findingText(finding)), paint: same ? colors.dim : (text: string) => text })),
    );

  const lines = hosts.map(({ name, host }) => `${printable(name)}: ${printable(describeHost(host))}`);
  if (shown.length > 0) lines.push('', ...line('', columnTitles(comparison).map((title) => ({ text: printable(title), paint: colors.bold }))));
  for (const group of new Set(shown.map((one) => one.group))) {
    lines.push('', colors.bold(printable(group)), ...shown.filter((one) => one.group === group).flatMap(row));
  }
  const different = rows.filter(({ same }) => !same).length;
  lines.push('', different === 0 ? colors.green(`no differences in ${rows.length} facts`) : `${different} of ${rows.length} facts differ`, '');
  return lines.join('\n');
}
