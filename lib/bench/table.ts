/** A bench's report for people: what was measured where, one column a mode, and the verdicts. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeHost } from '../kvm/index.js';
import { TRAP_INSTRUCTIONS, describeProbe, spellTrap } from '../guest/index.js';
import { accountTable } from './account/index.js';
import { formatDuration } from './duration.js';
import { figureMark, type FigureMark } from './figure-mark.js';
import { FIGURES, FIGURE_NAMES, PROPOSAL_COUNTERS, formatCount, formatFigure, type FigureName, type ProposalCounter } from './figures.js';
import type { BenchReport, ModeReport } from './report.js';
import { pointTitle, rowTitle } from './row-title.js';
import { BENCH_DEFAULTS } from './settings.js';
import { sweepTables } from './sweep-table.js';
import { WORKLOADS } from './workloads/index.js';

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
/** Lines of placements before they are left to the JSON. */
const MOST_PLACEMENTS = 4;

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
  { label: () => 'runs', cell: ({ repetitions }) => `${repetitions.count}`, count: ({ repetitions }) => repetitions.count - 1 },
  { label: (mark) => mark.label('  median of its figure [95 %]', 'ns'), cell: medianOf, count: ({ repetitions }) => repetitions.count - 1 },
  ...FIGURE_NAMES.map(figureRow),
  text('page found by', foundBy),
  text('events agree', agreement),
  text('integrity', integrity),
];

/** Renders a report as text, several lines, without a final newline. */
export function renderReport(report: BenchReport, options: TableOptions): string {
  const colors = pc.createColors(options.color);
  const mark = figureMark(report.host);
  const lines = [...header(report), ...placement(report), ...traps(report), ''];
  if (report.swept.length > 0 && report.modes.length > 0) {
    lines.push(...sweepTables(report, mark, options.color));
    if (mark.note !== null) lines.push(colors.yellow(mark.note), '');
  } else if (report.modes.length > 0) {
    const table = new Table({
      head: ['', ...report.modes.map(({ name }) => name)],
      style: { head: options.color ? ['bold'] : [], border: [], compact: true },
      colAligns: ['left', ...report.modes.map(() => 'right' as const)],
    });
    const rows = ROWS.filter(({ count }) => count === undefined || report.modes.some((mode) => count(mode) > 0));
    for (const { label, cell } of rows) table.push([label(mark), ...report.modes.map(cell)]);
    lines.push(table.toString(), '', ...accounts(report, options.color));
    if (mark.note !== null) lines.push(colors.yellow(mark.note), '');
    if (report.host.kind === 'PVM') lines.push(PVM_NOTE, '');
    if (report.notReproduced.length > 0) lines.push('What this emulation of the proposal does not show:', ...report.notReproduced.map((sentence) => `- ${sentence}`), '');
  }
  // On an emulated host there is nothing to quote, noisy or not.
  const noisy = report.host.emulated ? [] : report.modes.filter(({ work }) => work.controlDrift !== null && Math.abs(work.controlDrift - 1) > NOISY_DRIFT).map(({ name, point }) => rowTitle(name, point));
  if (noisy.length > 0) {
    lines.push(colors.yellow(`noisy host: control ran more than ${NOISY_DRIFT * 100} % faster or slower after paging than before (${noisy.join(', ')}); repeat the run before quoting its work figures`));
  }
  lines.push(...repetition(report));
  for (const mode of report.modes) lines.push(...complaints(mode).map((line) => colors.red(line)));
  lines.push(verdict(report, colors));
  return lines.join('\n');
}

/** Where the time of faults went, where that was asked for. */
function accounts({ modes }: BenchReport, color: boolean): string[] {
  const titled = modes.flatMap(({ name, account }) => (account === null ? [] : [{ title: name, account }]));
  return titled.length === 0 ? [] : [...accountTable(titled, color), ''];
}

function header(report: BenchReport): string[] {
  const { host, parameters: p } = report;
  return [
    `kvm-faultlab ${report.tool.version}, bench of ${report.startedAt}`,
    `host   ${describeHost(host)}, Node ${report.tool.node}`,
    ...(p.uapi === 'stock' ? [] : [`uapi   ${p.uapi}`]),
    ...(p.policy === BENCH_DEFAULTS.policy ? [] : [`policy ${p.policy}`]),
    ...(p.workload === BENCH_DEFAULTS.workload ? [] : [`work   ${p.workload}: ${WORKLOADS[p.workload].summary}`]),
    `image  ${p.image}, ${formatCount(p.imageSizeBytes)} bytes${p.source === 'file:direct' ? ', past the page cache' : ''}; ${formatCount(p.pages)} pages visited, ${visitingOrder(p)}`,
    `load   ${p.vcpus} vCPU${p.vcpus === 1 ? '' : 's'}, each ${p.faultTasks} fault + ${p.workTasks} work tasks; latency added ${formatDuration(p.latencyNs)}${spread(p)}${quickPages(p)}; ${p.resolvers} resolver${p.resolvers === 1 ? '' : 's'}` +
      (p.inFlight === 0 ? '' : `, ${p.inFlight} in flight`) +
      (p.vcpus + p.resolvers > host.cpuCount ? `; OVERSUBSCRIBED: ${p.vcpus + p.resolvers} busy threads on ${host.cpuCount} CPUs` : ''),
    ...(report.swept.length === 0 ? [] : [`sweep  ${report.swept.map(({ parameter, values }) => values.map((value) => pointTitle({ [parameter]: value })).join(' | ')).join('; ')}; above stands the first of each`]),
  ];
}

function visitingOrder(p: BenchReport['parameters']): string {
  if (p.trace !== null) return `order of the trace ${p.trace}`;
  return p.workload === 'restore' ? 'order made up' : `order ${p.order}`;
}

function spread({ latencyModel }: BenchReport['parameters']): string {
  return latencyModel === BENCH_DEFAULTS.latencyModel ? '' : ` (${latencyModel}${latencyModel === 'exponential' ? ' mean' : ''})`;
}

/** Which thread ran where: one line, unless rows or points differ. */
function placement({ parameters, modes, swept }: BenchReport): string[] {
  if (parameters.pin === 'none') return ['pinned no: threads run where the scheduler puts them'];
  const seen = new Map<string, string[]>();
  for (const { name, point, placement: threads } of modes) {
    const line = threads.map(({ thread, cpus }) => `${thread} on CPU ${cpus.join(',')}`).join('; ');
    seen.set(line, [...(seen.get(line) ?? []), rowTitle(name, point)]);
  }
  if (seen.size > MOST_PLACEMENTS) return ['pinned vCPUs first, then resolvers, to CPUs in turn; the JSON names them for each row'];
  // Across a sweep the threads themselves tell the lines apart.
  return [...seen].map(([line, titles]) => `pinned ${line}${seen.size === 1 || swept.length > 0 ? '' : ` in ${titles.join(', ')}`}`);
}

/** How the repeated runs ended: a line for each row whose interval is wider than what was asked for. */
function repetition({ repetition: plan, modes }: BenchReport): string[] {
  if (plan.asked !== 'auto' || plan.confidenceShare === null) return [];
  const goal = `${(plan.confidenceShare * 100).toFixed(1)} %`;
  const wide = modes.filter(({ repetitions }) => (repetitions.relativeHalfWidth ?? 0) > (plan.confidenceShare ?? 0));
  if (wide.length === 0) return [`repeated until every 95 % interval was within ${goal} of its median`];
  return [
    `repeated until the ${modes.some(({ repetitions }) => repetitions.ended === 'budget') ? 'budget was spent' : 'most runs were made'}; not within ${goal} of the median: ` +
      wide.map(({ name, point, repetitions }) => `${rowTitle(name, point)} (${((repetitions.relativeHalfWidth ?? 0) * 100).toFixed(1)} %)`).join(', '),
  ];
}

/** The figure that stands for the row, with its interval. */
function medianOf({ repetitions: { interval, decidedBy, count } }: ModeReport): string {
  if (interval === null || count === 1) return '-';
  const { unit } = FIGURES[decidedBy];
  return `${formatFigure(interval.value, unit)} [${formatFigure(interval.low, unit)}, ${formatFigure(interval.high, unit)}]`;
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
  for (const { name, trap } of modes) {
    const others = TRAP_INSTRUCTIONS.filter((instruction) => instruction !== trap.used).map((instruction) => `${spellTrap(instruction)}: ${describeProbe(trap.by[instruction].probe)}`);
    const line = `trap   ${trap.used === null ? 'unknown' : spellTrap(trap.used)}${parameters.trap === 'auto' ? '' : ', as asked for'} (${others.join('; ')})`;
    modesOf.set(line, [...(modesOf.get(line) ?? []), name]);
  }
  return [...modesOf].map(([line, names]) => (modesOf.size === 1 ? line : `${line} in ${[...new Set(names)].join(', ')}`));
}

function agreement(mode: ModeReport): string {
  if (mode.end !== 'done') return mode.end;
  return mode.events.checks.every((check) => check.agree) ? 'yes' : 'NO';
}

function integrity(mode: ModeReport): string {
  const { mismatched, guestMismatches, exact } = mode.integrity;
  if (exact) return 'exact';
  return mismatched + guestMismatches > 0 ? `${Math.max(mismatched, guestMismatches)} WRONG` : `${formatCount(mode.integrity.compared)} exact`;
}

function complaints(mode: ModeReport): string[] {
  const title = rowTitle(mode.name, mode.point);
  const lines = mode.events.checks.filter((check) => !check.agree).map((check) => `${title}: ${check.what}: guest ${check.guest}, host ${check.host}`);
  const { mismatched, guestMismatches, examples } = mode.integrity;
  if (mismatched > 0) lines.push(`${title}: ${mismatched} pages differ from the file, the first ones ${examples.join(', ')}`);
  if (guestMismatches > 0) lines.push(`${title}: the guest itself saw ${guestMismatches} pages that differ from what was announced`);
  if (mode.failure !== null) lines.push(`${title}: broke, and what is shown of it is what there was by then: ${mode.failure.message} [${mode.failure.code}]`);
  if (mode.resolver.lost > 0) lines.push(`${title}: ${mode.resolver.lost} page${mode.resolver.lost === 1 ? '' : 's'} could not be had from the source and came as poisoned memory`);
  return lines;
}

function verdict(report: BenchReport, colors: ReturnType<typeof pc.createColors>): string {
  if (report.interrupted) return colors.yellow('interrupted: what is shown is what was done until then');
  if (report.passed && report.budgetSpent) return colors.yellow('budget spent: what is shown is what was done until then, and nothing is wrong in it');
  return report.passed
    ? colors.green(`passed: every page arrived intact and all event counts agree, in ${rowCount(report)}`)
    : colors.red('FAILED: see above');
}

/** `4 modes`; rows where they are no modes, or are there at several points. */
function rowCount({ modes, swept }: BenchReport): string {
  const what = swept.length === 0 && modes.every(({ name, mode }) => name === mode) ? 'mode' : 'row';
  return `${modes.length} ${what}${modes.length === 1 ? '' : 's'}`;
}
