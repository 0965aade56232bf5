/** What the implementation costs, on the page: ratios to C and other figures, each with its goal. */
import { SPEED_FIGURES, formatSpeed, goalText, speedVerdictText } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import type { ReportedSpeed } from '../item.js';
import { html, type Markup } from '../markup.js';
import { speedAccounts } from './speed-accounts.js';

/** Title of the section. */
export function speedTitle({ parameters: { rounds, faults } }: ReportedSpeed): string {
  return `Speed: this implementation against C, ${rounds} pairs of runs, ${faults.toLocaleString('en-US')} faults each`;
}

/** What came of it, one sentence. */
export function speedSummary({ figures, interrupted }: ReportedSpeed): string {
  const count = (verdict: string): number => figures.filter((one) => one.verdict === verdict).length;
  const goals = figures.filter(({ goal }) => goal !== null).length;
  const others = [[count('missed'), 'missed'], [count('open'), 'open: more runs would tell']].filter(([number]) => number !== 0).map(([number, what]) => `, ${number} ${what}`);
  return `${goals === 0 ? `${figures.length} figures without a goal` : `${count('met')} of ${goals} goals met${others.join('')}`}.${interrupted ? ' Interrupted: what is shown is what was done until then.' : ''}`;
}

/** Renders it. */
export function speedSection(report: ReportedSpeed, name: string, context: ItemContext): Markup {
  const { figures, cpus, loadAverage, host } = report;
  const ratios = figures.filter(({ unit }) => unit === 'ratio');
  return html`<section id="${context.id}"><h2>${speedTitle(report)}</h2><p class="quiet">${name}, run of ${report.startedAt}</p><p class="verdict ${figures.some(({ verdict }) => verdict === 'missed') && 'none'}">${speedSummary(report)}</p>
<p>The same loops of a monitor program, once as they are here and once in C, ran in turns on the same CPUs with the same guest${cpus !== null && ` (vCPU on CPU ${cpus.vcpu}, resolver on CPU ${cpus.resolver})`}. Load average of the host ${loadAverage[0].toFixed(1)} before and ${loadAverage[1].toFixed(1)} after, on ${host.cpuCount} CPUs.</p>
${figure(context, {
    title: 'Ratios',
    how: 'A bar is the median over pairs of runs, a whisker its 95 % interval; at 1 (dashed) both sides are alike. The short upright line is the goal of that row.',
    plot: {
      kind: 'bars',
      value: { label: 'ratio', quantity: 'ratio' },
      valueName: 'ratio',
      reference: { value: 1, label: 'alike' },
      rows: ratios.map(({ name: row, measured, goal }) => ({
        name: row,
        value: measured.value,
        ...(measured.count > 1 ? { low: measured.low, high: measured.high } : {}),
        ...(goal === null ? {} : { goal: 'atMost' in goal ? goal.atMost : goal.atLeast }),
      })),
    },
  })}
<h3>All figures</h3>
${dataTable({
    head: ['figure', 'what', context.mark.label('measured', 'share'), '95 % interval', 'goal', 'verdict'],
    textColumns: [1, 5],
    rows: figures.map((one) => [
      one.name,
      SPEED_FIGURES[one.name].title,
      formatSpeed(one.measured.value, one.unit),
      one.measured.count < 2 ? 'none: one round' : `${formatSpeed(one.measured.low, one.unit)} to ${formatSpeed(one.measured.high, one.unit)}`,
      goalText(one),
      speedVerdictText(one),
    ]),
  })}
${speedAccounts(report)}
${figures.some(({ notes }) => notes.length > 0) && html`<details><summary>Behind the figures</summary><ul class="plain">${figures.flatMap(({ name: row, notes }) => notes.map((note) => html`<li>${row}: ${note}</li>`))}</ul></details>`}
</section>`;
}
