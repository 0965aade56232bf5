import Table from 'cli-table3';
import pc from 'picocolors';
import type { CheckStatus } from './check.js';
import type { ModeStatus } from './modes.js';
import type { DoctorReport } from './probe.js';

/** How a report is laid out. */
export interface RenderOptions {
  /** Colours: only on a terminal. */
  readonly colors: boolean;
  /** Columns to fit into. */
  readonly width: number;
}

type Colors = ReturnType<typeof pc.createColors>;
type Row = readonly [status: CheckStatus | ModeStatus, title: string, found: string, meaning: string, remedy: string | undefined];

const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'].map((edge) => [edge, '']),
);
const GAP = 2;
const NARROWEST = 20;

function statusPaint(colors: Colors, status: CheckStatus | ModeStatus): (text: string) => string {
  switch (status) {
    case 'ok':
    case 'native':
      return colors.green;
    case 'warn':
    case 'emulated':
      return colors.yellow;
    case 'missing':
    case 'cannot':
      return colors.red;
  }
}

/** Columns as wide as their longest cell; the last two share what is left and wrap. */
function table(rows: readonly Row[], width: number, colors: Colors): string {
  const widest = (column: 0 | 1 | 2): number => Math.max(0, ...rows.map((row) => row[column].length)) + GAP;
  const status = widest(0);
  const title = widest(1);
  const rest = Math.max(2 * NARROWEST, width - status - title);
  const found = Math.min(widest(2), Math.max(NARROWEST, Math.floor(rest / 2)));
  const grid = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
    colWidths: [status, title, found, rest - found],
    wordWrap: true,
  });
  for (const [state, name, what, meaning, remedy] of rows) {
    grid.push([statusPaint(colors, state)(state), name, what, remedy === undefined ? colors.dim(meaning) : `${colors.dim(meaning)}\n${colors.bold(`> ${remedy}`)}`]);
  }
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The report as text: a line for each check, then one for each delivery mode, remedies behind `>`. */
export function render(report: DoctorReport, { colors: wantColors, width }: RenderOptions): string {
  const colors = pc.createColors(wantColors);
  const checks = report.checks.map(({ status, title, found, meaning, remedy }): Row => [status, title, found, meaning, remedy]);
  const modes = report.modes.map(({ status, mode, why, remedy }): Row => [status, mode, '', why, remedy]);
  const cannot = report.modes.filter(({ status }) => status === 'cannot').length;
  const summary =
    cannot === 0
      ? colors.green(`All ${report.modes.length} delivery modes work here.`)
      : colors.red(`${cannot} of ${report.modes.length} delivery modes cannot run here.`);
  return [table(checks, width, colors), '', colors.bold('Delivery modes'), table(modes, width, colors), '', summary, ''].join('\n');
}
