/** The report of `speed` for people: a line a figure, its goal, and how far it is. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeHost } from '../../kvm/index.js';
import { figureAccountLines } from './figure-account.js';
import { SPEED_FIGURES, formatSpeed, type SpeedFigure } from './figures.js';
import type { SpeedReport } from './report.js';
import { vcpuTimeTable } from './vcpu-time-table.js';
import type { VcpuTime } from './work-kept.js';

/** Renders a report as text, several lines, without a final newline. */
export function renderSpeed(report: SpeedReport, { color }: { readonly color: boolean }): string {
  const colors = pc.createColors(color);
  const { host, cpus, parameters, loadAverage } = report;
  const table = new Table({
    head: ['figure', 'measured', '95 % interval', 'goal', 'verdict'],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'left'],
  });
  for (const figure of report.figures) {
    const { unit, measured } = figure;
    const interval = measured.count < 2 ? 'none: one round' : `${formatSpeed(measured.low, unit)} to ${formatSpeed(measured.high, unit)}`;
    const verdict = speedVerdictText(figure);
    const shown = figure.verdict === 'met' ? colors.green(verdict) : figure.verdict === 'missed' ? colors.red(verdict) : verdict;
    table.push([SPEED_FIGURES[figure.name].title, formatSpeed(measured.value, unit), interval, goalText(figure), shown]);
  }
  const lines = [
    `kvm-faultlab ${report.tool.version}, speed of ${report.startedAt}`,
    `host   ${describeHost(host)}, Node ${report.tool.node}; load average ${loadAverage.map((load) => load.toFixed(1)).join(', then ')} on ${host.cpuCount} CPUs`,
    `load   ${parameters.rounds} pairs of runs a loop, ${parameters.faults} faults a run, ` +
      (cpus === null ? 'threads not bound' : `vCPU bound to CPU ${cpus.vcpu}, resolver to CPU ${cpus.resolver}, on both sides`),
    '',
    table.toString(),
    '',
    ...vcpuTimeLines(report.vcpuTimes, color),
    ...report.figures.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)),
    ...report.figures.flatMap(({ name, unit, account }) =>
      account === null ? [] : ['', `${name}: where it goes, in the middle one of all rounds, ${formatSpeed(account.whole, unit)}`, ...figureAccountLines(account, unit)],
    ),
  ];
  if (host.emulated) lines.push('', colors.yellow('EMULATED HOST: its CPU is made by software, so none of these figures says anything about a real one'));
  if (report.interrupted) lines.push('', colors.yellow('interrupted: what is shown is what was done until then'));
  return lines.join('\n');
}

function vcpuTimeLines(times: readonly VcpuTime[], color: boolean): string[] {
  return times.length === 0 ? [] : [...vcpuTimeTable(times, color), ''];
}

/** A figure's goal in words. */
export function goalText({ goal, unit }: SpeedFigure): string {
  if (goal === null) return '-';
  return 'atMost' in goal ? `at most ${formatSpeed(goal.atMost, unit)}` : `at least ${formatSpeed(goal.atLeast, unit)}`;
}

/** What came of a figure's goal, in words. */
export function speedVerdictText({ verdict, missedByShare }: SpeedFigure): string {
  const by = missedByShare === null ? '' : `, ${(missedByShare * 100).toFixed(1)} % off`;
  switch (verdict) {
    case null:
      return '-';
    case 'met':
      return 'met';
    case 'missed':
      return `missed${by}`;
    case 'open':
      return `open${by}: more runs would tell`;
  }
}
