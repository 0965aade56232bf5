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

/** A column for each host. */
function differing(comparison: FactComparison, rows: readonly FactRow[]): string[] {
  const { hosts } = comparison;
  return [
    ...tableHead(['', ...columnTitles(comparison).map(cell)]),
    ...grouped(rows).flatMap(([group, members]) => [
      tableRow([`**${cell(group)}**`, ...hosts.map(() => '')]),
      ...members.map(({ title, findings }) => tableRow([cell(title), ...findings.map((finding) => cell(findingText(finding)))])),
    ]),
  ];
}

/** A row for each answer in a group, and the facts that have it. */
function agreeing(rows: readonly FactRow[]): string[] {
  return [
    ...tableHead(['', 'answer', 'facts']),
    ...grouped(rows).flatMap(([group, members]) => {
      const answers = [...new Set(members.map(({ findings }) => findingText(findings[0])))];
      return answers.map((answer, at) => {
        const titles = members.filter(({ findings }) => findingText(findings[0]) === answer).map(({ title }) => cell(title));
        return tableRow([at === 0 ? `**${cell(group)}**` : '', cell(answer), titles.join('; ')]);
      });
    }),
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
    ...(all && alike.length > 0 ? ['', 'The same on all of these hosts:', '', ...agreeing(alike)] : []),
  ].join('\n');
}
