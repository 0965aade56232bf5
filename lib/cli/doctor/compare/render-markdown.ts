/** A comparison of facts for a document. */
import { printable } from '../../../bench/index.js';
import { columnTitles, findingText, type FactComparison, type FactRow } from './comparison.js';

/** Text within a cell of a Markdown table. */
function cell(text: string): string {
  return printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replace(/[\\|`*]/g, (character) => `\\${character}`);
}

const tableRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const tableHead = (cells: readonly string[]): string[] => [tableRow(cells), tableRow(cells.map(() => '---'))];

function grouped(rows: readonly FactRow[]): [group: string, rows: FactRow[]][] {
  return [...new Set(rows.map(({ group }) => group))].map((group) => [group, rows.filter((row) => row.group === group)]);
}

/** Facts of a group that have the same findings share a row: their titles in one cell, and what they have in common. */
function shared(rows: readonly FactRow[]): { readonly titles: string; readonly answers: readonly string[] }[] {
  const key = ({ findings }: FactRow): string => JSON.stringify(findings.map(findingText));
  return [...new Set(rows.map(key))].map((wanted) => {
    const members = rows.filter((row) => key(row) === wanted);
    return { titles: members.map(({ title }) => cell(title)).join('; '), answers: members[0].findings.map((finding) => cell(findingText(finding))) };
  });
}

/** A column for each host. */
function differing(comparison: FactComparison, rows: readonly FactRow[]): string[] {
  const { hosts } = comparison;
  return [
    ...tableHead(['', ...columnTitles(comparison).map(cell)]),
    ...grouped(rows).flatMap(([group, members]) => [
      tableRow([`**${cell(group)}**`, ...hosts.map(() => '')]),
      ...shared(members).map(({ titles, answers }) => tableRow([titles, ...answers])),
    ]),
  ];
}

/** One answer column. */
function agreeing(rows: readonly FactRow[]): string[] {
  return [
    ...tableHead(['', 'all hosts']),
    ...grouped(rows).flatMap(([group, members]) => [tableRow([`**${cell(group)}**`, '']), ...shared(members).map(({ titles, answers }) => tableRow([titles, answers[0]]))]),
  ];
}

/**
 * Renders it as Markdown, several lines, without a final newline: a table of the facts in which the hosts differ, and with `all` one of
 * those in which they agree.
 */
export function renderComparisonMarkdown(comparison: FactComparison, { all }: { readonly all: boolean }): string {
  const different = comparison.rows.filter(({ same }) => !same);
  const alike = comparison.rows.filter(({ same }) => same);
  return [
    ...(different.length === 0 ? [`No differences in ${comparison.rows.length} facts.`] : differing(comparison, different)),
    ...(all && alike.length > 0 ? ['', 'The same on all of them:', '', ...agreeing(alike)] : []),
  ].join('\n');
}
