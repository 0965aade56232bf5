import pc from 'picocolors';
import type { FactSpeaks } from '../../kvm/index.js';
import type { Fact } from '../../probes/index.js';
import { UAPI_NAMES } from '../../uapi/proposals/index.js';
import type { CheckStatus } from './check.js';
import { columnWidths, layoutRow, type Cell } from './columns.js';
import type { ModeStatus } from './modes.js';
import type { ProposalVerdict } from './proposals.js';
import type { DoctorReport } from './report.js';

/** How a report is laid out. */
export interface RenderOptions {
  /** Colours: only on a terminal. */
  readonly colors: boolean;
  /** Columns to fit into. Remedies are not broken into lines: a command must survive being copied. */
  readonly width: number;
}

type Colors = ReturnType<typeof pc.createColors>;

/** Cells of a row, and what to do about it. */
interface Row {
  readonly cells: readonly Cell[];
  readonly remedy: string | undefined;
}

const NARROWEST_FOUND = 16;
const NARROWEST_MEANING = 20;
const WIDEST_TITLE = 60;
const CANNOT_TELL = 'cannot tell';

function statusCell(colors: Colors, status: CheckStatus | ModeStatus): Cell {
  switch (status) {
    case 'ok':
    case 'native':
      return { text: status, paint: colors.green };
    case 'warn':
    case 'emulated':
      return { text: status, paint: colors.yellow };
    case 'missing':
    case 'cannot':
      return { text: status, paint: colors.red };
  }
}

function table(rows: readonly Row[], most: readonly number[], width: number, colors: Colors): string[] {
  const widths = columnWidths(
    rows.map(({ cells }) => cells),
    most,
    width,
    NARROWEST_MEANING,
  );
  const indentation = ' '.repeat(widths[0] + 2);
  return rows.flatMap(({ cells, remedy }) => [...layoutRow(cells, widths), ...(remedy === undefined ? [] : [`${indentation}${colors.bold('>')} ${remedy}`])]);
}

function factCells(fact: Fact, colors: Colors): readonly Cell[] {
  return 'answer' in fact
    ? [{ text: fact.title }, { text: fact.answer }, { text: fact.detail ?? '', paint: colors.dim }]
    : [{ text: fact.title }, { text: CANNOT_TELL, paint: colors.yellow }, { text: fact.cannot, paint: colors.dim }];
}

/** The reason that all facts of a group lack an answer for; undefined where one has an answer or another reason. */
function sharedReason([first, ...others]: readonly Fact[]): string | undefined {
  if (!('cannot' in first)) return undefined;
  return others.every((fact) => 'cannot' in fact && fact.cannot === first.cannot) ? first.cannot : undefined;
}

/** One line for each fact, below the name of its group; one for a group that has none for one reason. */
function factLines(facts: readonly Fact[], width: number, colors: Colors): string[] {
  const rows = facts.map((fact) => factCells(fact, colors));
  const widths = columnWidths(rows, [WIDEST_TITLE, Math.floor(width / 3)], width, NARROWEST_MEANING);
  return [...new Set(facts.map(({ group }) => group))].flatMap((group) => {
    const members = facts.filter((fact) => fact.group === group);
    const reason = sharedReason(members);
    const lines = reason === undefined ? members.flatMap((fact) => layoutRow(factCells(fact, colors), widths)) : [`${colors.yellow(CANNOT_TELL)}: ${reason}`];
    return ['', colors.bold(group), ...lines];
  });
}

const SPEAKS: Readonly<Record<FactSpeaks, string>> = { for: '+', against: '-', nothing: ' ' };
const FACT_INDENTATION = '    ';
const LONGEST_STATUS = 'emulated'.length;
const LONGEST_NAME = Math.max(...UAPI_NAMES.map((name) => name.length));

/** A line for a profile, and one for each thing that the kernel was asked: `+` speaks for it, `-` against. */
function proposalLines({ status, name, why, facts, remedy }: ProposalVerdict, width: number, colors: Colors): string[] {
  const rows = facts.map(({ asked, found, speaks }): readonly Cell[] => [{ text: SPEAKS[speaks] }, { text: asked, paint: colors.dim }, { text: found, paint: colors.dim }]);
  const room = width - FACT_INDENTATION.length;
  const widths = columnWidths(rows, [1, Math.floor((room * 3) / 5)], room, NARROWEST_MEANING);
  return [
    ...table([{ cells: [{ ...statusCell(colors, status), text: status.padEnd(LONGEST_STATUS) }, { text: name.padEnd(LONGEST_NAME) }, { text: why }], remedy }], [Infinity, Infinity], width, colors),
    ...rows.flatMap((cells) => layoutRow(cells, widths).map((line) => `${FACT_INDENTATION}${line}`)),
  ];
}

/** The report as text: a line for each check, each delivery mode, each proposal with its facts, remedies behind `>`, then experiments' facts where there are any. */
export function render(report: Pick<DoctorReport, 'checks' | 'modes' | 'proposals' | 'facts'>, { colors: wantColors, width }: RenderOptions): string {
  const colors = pc.createColors(wantColors);
  const checks = report.checks.map(
    ({ status, title, found, meaning, remedy }): Row => ({
      cells: [statusCell(colors, status), { text: title }, { text: found }, { text: meaning, paint: colors.dim }],
      remedy,
    }),
  );
  const modes = report.modes.map(({ status, mode, why, remedy }): Row => ({ cells: [statusCell(colors, status), { text: mode }, { text: why }], remedy }));
  const cannot = report.modes.filter(({ status }) => status === 'cannot').length;
  const summary =
    cannot === 0
      ? colors.green(`All ${report.modes.length} delivery modes work here.`)
      : colors.red(`${cannot} of ${report.modes.length} delivery modes cannot run here.`);
  return [
    ...table(checks, [Infinity, Infinity, Math.max(NARROWEST_FOUND, Math.floor(width / 3) - 8)], width, colors),
    '',
    colors.bold('Delivery modes'),
    ...table(modes, [Infinity, Infinity], width, colors),
    '',
    summary,
    '',
    colors.bold('Proposals'),
    ...report.proposals.flatMap((verdict) => proposalLines(verdict, width, colors)),
    ...(report.facts === undefined ? [] : factLines(report.facts, width, colors)),
    '',
  ].join('\n');
}
