/** A bench's report for people: what was measured where, one column a mode, and the verdicts. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { formatDuration } from './duration.js';
import type { BenchReport, ModeReport } from './report.js';

/** How to print. */
export interface TableOptions {
  readonly color: boolean;
}

const PVM_NOTE =
  'On a PVM host KVM emulates the guest kernel instruction by instruction: "guest kernel time" is mostly that, and VMX and SVM hosts have little of it.';

type Row = readonly [label: string, value: (mode: ModeReport) => string];

const NOTHING = '-';
/** From here on the work figures of a mode are not to be trusted. */
const NOISY_DRIFT = 0.15;
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const share = (value: number | null): string => (value === null ? NOTHING : `${(value * 100).toFixed(1)} %`);
const time = (ns: number | null | undefined): string => (ns === null || ns === undefined ? NOTHING : formatDuration(ns));

const ROWS: readonly Row[] = [
  ['implementation', (m) => m.implementation],
  ['pages', (m) => count(m.pages)],
  ['pages/s', (m) => count(m.pagesPerSecond)],
  ['fault latency p50', (m) => time(m.latency?.p50Ns)],
  ['fault latency p90', (m) => time(m.latency?.p90Ns)],
  ['fault latency p99', (m) => time(m.latency?.p99Ns)],
  ['fault latency max', (m) => time(m.latency?.maxNs)],
  ['work vs control', (m) => share(m.work.relative)],
  ['work lost', (m) => share(m.work.relative === null ? null : Math.max(0, 1 - m.work.relative))],
  ['guest kernel time', (m) => share(m.work.guestKernelShare)],
  ['  not-present handler', (m) => time(m.guestKernel.notPresentNs)],
  ['  ready handler', (m) => time(m.guestKernel.readyNs)],
  ['  tick handler', (m) => time(m.guestKernel.tickNs)],
  ['  way in and out', (m) => time(m.guestKernel.entryExitNs)],
  ['control drift', (m) => drift(m)],
  ['KVM_RUN exits', (m) => count(m.exits.exits)],
  ['  EFAULT / MSR', (m) => `${count(m.exits.faultExits)} / ${count(m.exits.msrExits)}`],
  ['  page found by', (m) => foundBy(m)],
  ['not-present events', (m) => count(m.events.notPresent)],
  ['ready events', (m) => count(m.events.ready)],
  ['spurious events', (m) => count(m.events.spurious)],
  ['events agree', (m) => agreement(m)],
  ['integrity', (m) => integrity(m)],
];

/** Renders a report as text, several lines, without a final newline. */
export function renderReport(report: BenchReport, options: TableOptions): string {
  const colors = pc.createColors(options.color);
  const lines = [...header(report), ''];
  if (report.modes.length > 0) {
    const table = new Table({
      head: ['', ...report.modes.map((mode) => mode.mode)],
      style: { head: options.color ? ['bold'] : [], border: [], compact: true },
      colAligns: ['left', ...report.modes.map(() => 'right' as const)],
    });
    for (const [label, value] of ROWS) table.push([label, ...report.modes.map(value)]);
    lines.push(table.toString(), '');
    if (report.host.kind === 'PVM') lines.push(PVM_NOTE, '');
  }
  const noisy = report.modes.filter(({ work }) => work.controlDrift !== null && Math.abs(work.controlDrift - 1) > NOISY_DRIFT).map(({ mode }) => mode);
  if (noisy.length > 0) {
    lines.push(colors.yellow(`noisy host: control ran more than ${NOISY_DRIFT * 100} % faster or slower after paging than before (${noisy.join(', ')}); repeat the run before quoting its work figures`));
  }
  for (const mode of report.modes) lines.push(...complaints(mode).map((line) => colors.red(line)));
  lines.push(verdict(report, colors));
  return lines.join('\n');
}

function header(report: BenchReport): string[] {
  const { host, parameters: p } = report;
  const place = [host.virtualized ? 'itself virtualized' : null, host.emulated ? 'CPU EMULATED: times mean nothing' : null].filter((note) => note !== null);
  return [
    `kvm-faultlab ${report.tool.version}, bench of ${report.startedAt}`,
    `host   ${host.kind}, Linux ${host.kernelRelease}, ${host.cpuModel}, ${host.cpuCount} CPUs${place.length === 0 ? '' : ` (${place.join(', ')})`}, Node ${report.tool.node}`,
    `image  ${p.image}, ${count(p.imageSizeBytes)} bytes; ${count(p.pages)} pages visited, order ${p.order}`,
    `load   ${p.vcpus} vCPU${p.vcpus === 1 ? '' : 's'}, each ${p.faultTasks} fault + ${p.workTasks} work tasks; latency added ${formatDuration(p.latencyNs)}; ${p.resolvers} resolver${p.resolvers === 1 ? '' : 's'}` +
      (p.vcpus + p.resolvers > host.cpuCount ? `; OVERSUBSCRIBED: ${p.vcpus + p.resolvers} busy threads on ${host.cpuCount} CPUs` : ''),
  ];
}

/** How the VMM learned which page was missing: the one way there was, or each with its count. */
function foundBy({ exits }: ModeReport): string {
  const ways = ([['exit gpa', exits.foundByExitGpa], ['instruction decode', exits.foundByDecoding], ['MMIO gpa', exits.foundByMmio]] as const).filter(([, faults]) => faults > 0);
  return ways.length === 0 ? NOTHING : ways.map(([way, faults]) => (ways.length === 1 ? way : `${way} ${count(faults)}`)).join(', ');
}

function drift(mode: ModeReport): string {
  const { controlDrift } = mode.work;
  if (controlDrift === null) return NOTHING;
  const percent = (controlDrift - 1) * 100;
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)} %`;
}

function agreement(mode: ModeReport): string {
  if (mode.end !== 'done') return 'stopped';
  return mode.events.checks.every((check) => check.agree) ? 'yes' : 'NO';
}

function integrity(mode: ModeReport): string {
  const { mismatched, guestMismatches, exact } = mode.integrity;
  if (exact) return 'exact';
  return mismatched + guestMismatches > 0 ? `${Math.max(mismatched, guestMismatches)} WRONG` : `${count(mode.integrity.compared)} exact`;
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
