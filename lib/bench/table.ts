/** A bench's report for people: what was measured where, one column a mode, and the verdicts. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeHost } from '../kvm/index.js';
import { TRAP_INSTRUCTIONS, describeProbe, spellTrap } from '../guest/index.js';
import { formatDuration } from './duration.js';
import { figureMark, type FigureMark } from './figure-mark.js';
import { FIGURES, FIGURE_NAMES, PROPOSAL_COUNTERS, formatCount, formatFigure, type FigureName, type ProposalCounter } from './figures.js';
import type { BenchReport, ModeReport } from './report.js';
import { BENCH_DEFAULTS } from './settings.js';

/** How to print. */
export interface TableOptions {
  readonly color: boolean;
}

const PVM_NOTE =
  'On a PVM host KVM emulates the guest kernel instruction by instruction: "guest kernel time" is mostly that, and VMX and SVM hosts have little of it.';

/** A row of the table: its name, and its cell for a mode. */
interface Row {
  readonly label: (mark: FigureMark) => string;
  readonly cell: (mode: ModeReport) => string;
  /** Left out when this is zero in all modes. */
  readonly count?: (mode: ModeReport) => number;
}

/** From here on the work figures of a mode are not to be trusted. */
const NOISY_DRIFT = 0.15;

const text = (label: string, cell: (mode: ModeReport) => string): Row => ({ label: () => label, cell });

const figureRow = (name: FigureName): Row => {
  const { label, unit, value } = FIGURES[name];
  const row: Row = { label: (mark) => mark.label(label, unit), cell: (mode) => formatFigure(value(mode), unit) };
  return isProposalCounter(name) ? { ...row, count: (mode) => mode.exits[name] } : row;
};

function isProposalCounter(name: FigureName): name is ProposalCounter {
  return (PROPOSAL_COUNTERS as readonly FigureName[]).includes(name);
}

const ROWS: readonly Row[] = [
  text('implementation', (mode) => mode.implementation),
  ...FIGURE_NAMES.map(figureRow),
  text('page found by', foundBy),
  text('events agree', agreement),
  text('integrity', integrity),
];

/** Renders a report as text, several lines, without a final newline. */
export function renderReport(report: BenchReport, options: TableOptions): string {
  const colors = pc.createColors(options.color);
  const mark = figureMark(report.host);
  const lines = [...header(report), ...traps(report), ''];
  if (report.modes.length > 0) {
    const table = new Table({
      head: ['', ...report.modes.map((mode) => mode.mode)],
      style: { head: options.color ? ['bold'] : [], border: [], compact: true },
      colAligns: ['left', ...report.modes.map(() => 'right' as const)],
    });
    const rows = ROWS.filter(({ count }) => count === undefined || report.modes.some((mode) => count(mode) > 0));
    for (const { label, cell } of rows) table.push([label(mark), ...report.modes.map(cell)]);
    lines.push(table.toString(), '');
    if (mark.note !== null) lines.push(colors.yellow(mark.note), '');
    if (report.host.kind === 'PVM') lines.push(PVM_NOTE, '');
    if (report.notReproduced.length > 0) lines.push('What this emulation of the proposal does not show:', ...report.notReproduced.map((sentence) => `- ${sentence}`), '');
  }
  // On an emulated host there is nothing to quote, noisy or not.
  const noisy = report.host.emulated ? [] : report.modes.filter(({ work }) => work.controlDrift !== null && Math.abs(work.controlDrift - 1) > NOISY_DRIFT).map(({ mode }) => mode);
  if (noisy.length > 0) {
    lines.push(colors.yellow(`noisy host: control ran more than ${NOISY_DRIFT * 100} % faster or slower after paging than before (${noisy.join(', ')}); repeat the run before quoting its work figures`));
  }
  for (const mode of report.modes) lines.push(...complaints(mode).map((line) => colors.red(line)));
  lines.push(verdict(report, colors));
  return lines.join('\n');
}

function header(report: BenchReport): string[] {
  const { host, parameters: p } = report;
  return [
    `kvm-faultlab ${report.tool.version}, bench of ${report.startedAt}`,
    `host   ${describeHost(host)}, Node ${report.tool.node}`,
    ...(p.uapi === 'stock' ? [] : [`uapi   ${p.uapi}`]),
    ...(p.policy === BENCH_DEFAULTS.policy ? [] : [`policy ${p.policy}`]),
    `image  ${p.image}, ${formatCount(p.imageSizeBytes)} bytes; ${formatCount(p.pages)} pages visited, order ${p.order}`,
    `load   ${p.vcpus} vCPU${p.vcpus === 1 ? '' : 's'}, each ${p.faultTasks} fault + ${p.workTasks} work tasks; latency added ${formatDuration(p.latencyNs)}${quickPages(p)}; ${p.resolvers} resolver${p.resolvers === 1 ? '' : 's'}` +
      (p.vcpus + p.resolvers > host.cpuCount ? `; OVERSUBSCRIBED: ${p.vcpus + p.resolvers} busy threads on ${host.cpuCount} CPUs` : ''),
  ];
}

function quickPages({ quickShare, quickLatencyNs }: BenchReport['parameters']): string {
  return quickShare === 0 ? '' : ` (${formatDuration(quickLatencyNs)} for ${(quickShare * 100).toFixed(0)} % of the pages)`;
}

/** How the VMM learned which page was missing: the one way there was, or each with its count. */
function foundBy({ exits }: ModeReport): string {
  const ways = ([['exit gpa', exits.foundByExitGpa], ['instruction decode', exits.foundByDecoding], ['MMIO gpa', exits.foundByMmio]] as const).filter(([, faults]) => faults > 0);
  return ways.length === 0 ? '-' : ways.map(([way, faults]) => (ways.length === 1 ? way : `${way} ${formatFigure(faults, 'count')}`)).join(', ');
}

/** Which trap the guest's tasks used, and what the probe saw of the others. One line, unless the modes differ. */
function traps({ parameters, modes }: BenchReport): string[] {
  const modesOf = new Map<string, string[]>();
  for (const { mode, trap } of modes) {
    const others = TRAP_INSTRUCTIONS.filter((instruction) => instruction !== trap.used).map((instruction) => `${spellTrap(instruction)}: ${describeProbe(trap.by[instruction].probe)}`);
    const line = `trap   ${trap.used === null ? 'unknown' : spellTrap(trap.used)}${parameters.trap === 'auto' ? '' : ', as asked for'} (${others.join('; ')})`;
    modesOf.set(line, [...(modesOf.get(line) ?? []), mode]);
  }
  return [...modesOf].map(([line, names]) => (modesOf.size === 1 ? line : `${line} in ${names.join(', ')}`));
}

function agreement(mode: ModeReport): string {
  if (mode.end !== 'done') return 'stopped';
  return mode.events.checks.every((check) => check.agree) ? 'yes' : 'NO';
}

function integrity(mode: ModeReport): string {
  const { mismatched, guestMismatches, exact } = mode.integrity;
  if (exact) return 'exact';
  return mismatched + guestMismatches > 0 ? `${Math.max(mismatched, guestMismatches)} WRONG` : `${formatCount(mode.integrity.compared)} exact`;
}

function complaints(mode: ModeReport): string[] {
  const lines = mode.events.checks.filter((check) => !check.agree).map((check) => `${mode.mode}: ${check.what}: guest ${check.guest}, host ${check.host}`);
  const { mismatched, guestMismatches, examples } = mode.integrity;
  if (mismatched > 0) lines.push(`${mode.mode}: ${mismatched} pages differ from the file, the first ones ${examples.join(', ')}`);
  if (guestMismatches > 0) lines.push(`${mode.mode}: the guest itself saw ${guestMismatches} pages that differ from what was announced`);
  return lines;
}

function verdict(report: BenchReport, colors: ReturnType<typeof pc.createColors>): string {
  if (report.interrupted) return colors.yellow('interrupted: what is shown is what was done until then');
  return report.passed
    ? colors.green(`passed: every page arrived intact and all event counts agree, in ${report.modes.length} mode${report.modes.length === 1 ? '' : 's'}`)
    : colors.red('FAILED: see above');
}
