/** One bench on the page: what it did, what it found, its plots, all its figures. */
import { FIGURES, FIGURE_NAMES, PROPOSAL_COUNTERS, formatDuration, formatFigure, isSamePoint, pointTitle, type FigureName } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import { hasPassed, isIntact, pagesOf, type ReportedBench, type ReportedMode } from '../item.js';
import { html, type Markup } from '../markup.js';
import { coloursOf } from '../plots/paper.js';
import { accountFigures } from './account.js';
import { ends, figureOf } from './intervals.js';
import { latencyFigures } from './latency.js';
import { sweepFigures, sweepSummary } from './sweep.js';

/** Title of a bench's section, short. */
export function benchTitle({ parameters: p, swept }: ReportedBench): string {
  const uapi = p.uapi === 'stock' ? '' : `${p.uapi}, `;
  const sweptNames = swept.map(({ parameter }) => parameter as string);
  const latency = sweptNames.includes('latencyNs') ? [] : [p.latencyNs === 0 ? 'no added latency' : `${formatDuration(p.latencyNs)} a page`];
  const vcpus = sweptNames.includes('vcpus') ? [] : [`${p.vcpus} vCPU${p.vcpus === 1 ? '' : 's'}`];
  const over = swept.length === 0 ? [] : [`sweep of ${swept.map(({ values, parameter }) => `${values.length} values of ${parameter}`).join(' and ')}`];
  return `Bench: ${uapi}${p.workload}, ${[...latency, ...vcpus, ...over].join(', ')}`;
}

/** True when every row passed that ran. Where the budget ended it, rows may have stopped early. */
export function benchPassed({ modes, parameters, budgetSpent }: ReportedBench): boolean {
  return modes.length > 0 && modes.every((mode) => hasPassed(mode, parameters.pages) || (budgetSpent && mode.end === 'stopped' && mode.integrity.mismatched + mode.integrity.guestMismatches === 0));
}

/** What came of a bench, a sentence or two. */
export function benchVerdict(report: ReportedBench): string {
  const { swept } = report;
  const modes = measurable(report);
  const broken = modes.find(({ failure }) => failure !== null);
  if (broken?.failure !== undefined && broken.failure !== null) return `${broken.name} broke: ${broken.failure.message} [${broken.failure.code}]`;
  if (report.interrupted) return 'Interrupted: what is shown is what was done until then.';
  if (!benchPassed(report)) return 'FAILED: a page differs or counts disagree; see the checks below.';
  const checked = `Every page arrived intact and all event counts agree in ${modes.length} row${modes.length === 1 ? '' : 's'}.${report.budgetSpent ? ' The budget ended it before all was done.' : ''}`;
  if (swept.length > 0) {
    const summary = sweepSummary(modes, swept);
    return summary === '' ? checked : `${summary[0].toUpperCase()}${summary.slice(1)}. ${checked}`;
  }
  if (noisyRows(report).length > 0) return `${checked} The host was too noisy to say how much work each kept.`;
  return `${comparison(modes, report.parameters.vcpus)}${checked}`;
}

/** What waiting and telling came to: of modes that the kernel makes by itself, where there are two of them. Empty where there is nothing to compare. */
function comparison(modes: readonly ReportedMode[], vcpus: number): string {
  const native = modes.filter(({ implementation }) => implementation === 'native');
  const rows = native.length >= 2 ? native : modes;
  const costs = rows.flatMap((mode) => {
    const [kept, rate] = [figureOf(mode, 'workRelative')?.value, figureOf(mode, 'pagesPerSecond')?.value];
    return mode.work.relative === null || kept === undefined || rate === undefined || rate === 0 ? [] : [{ name: mode.name, kept, rate, lostNs: ((Math.max(0, 1 - kept) * vcpus) / rate) * 1e9 }];
  });
  if (costs.length >= 2) {
    const [best, ...others] = costs.sort((one, other) => one.lostNs - other.lostNs);
    const worst = others[others.length - 1];
    const of = ({ kept, rate }: typeof best): string => `${formatFigure(kept, 'share')} of the work of an undisturbed guest and brought ${formatFigure(rate, 'per second')} pages a second`;
    return `While pages were on their way, ${best.name} kept ${of(best)}; ${worst.name} kept ${of(worst)}. So a page cost the other tasks ${formatDuration(best.lostNs)} of their vCPU's time in ${best.name}, ${formatDuration(worst.lostNs)} in ${worst.name}. `;
  }
  const quick = rows.filter(({ latency }) => latency !== null);
  if (quick.length < 2) return '';
  return `${quick.map((mode) => `${mode.name} brought ${shown(mode, 'pagesPerSecond')} pages a second (median fault ${shown(mode, 'latencyP50Ns')})`).join(', ')}. `;
}

/** Renders a bench. */
export function benchSection(report: ReportedBench, name: string, context: ItemContext): Markup {
  const { parameters: p, swept } = report;
  const modes = measurable(report);
  const points = modes.map(({ point }) => point).filter((point, at, all) => all.findIndex((other) => isSamePoint(other, point)) === at);
  return html`<section id="${context.id}"><h2>${benchTitle(report)}</h2>
<p class="quiet">${name}, run of ${report.startedAt}</p>
<p>A guest with ${p.vcpus} virtual CPU${p.vcpus === 1 ? '' : 's'} visited ${p.pages.toLocaleString('en-US')} pages that were not there. On each virtual CPU ${p.faultTasks} task${p.faultTasks === 1 ? ' visits' : 's visit'} pages${p.workTasks > 0 && `, and ${p.workTasks} ${p.workTasks === 1 ? 'does' : 'do'} nothing but work`}. ${p.latencyNs === 0 ? 'Pages came as fast as they could be read.' : `Each page took ${formatDuration(p.latencyNs)} to come, as over a network.`} Every row started from cold with the same pages in the same order; ${runs(modes)}.${swept.length > 0 && ` Swept: ${swept.map(({ parameter, values }) => `${parameter} over ${values.length} values`).join(', ')}; what is said here is of the first point.`}</p>
<p class="verdict ${!benchPassed(report) && 'none'}">${benchVerdict(report)}</p>
${noise(report)}
${swept.length > 0 && sweepFigures(modes, swept, context)}
${points.map((point) => {
    const rows = modes.filter((mode) => isSamePoint(mode.point, point));
    const body = pointBlock(rows, context);
    return swept.length === 0 ? body : html`<details><summary>At ${pointTitle(point)}: all plots and figures</summary>${body}</details>`;
  })}
${report.notReproduced.length > 0 && html`<h3>What this emulation of the proposal does not show</h3><ul class="plain">${report.notReproduced.map((sentence) => html`<li>${sentence}</li>`)}</ul>`}
<details><summary>Checks: counts of guest and host</summary>${dataTable({
    head: ['check', 'row', 'guest', 'host', 'agree'],
    textColumns: [1],
    rows: modes.flatMap((one) => {
      const title = [one.name, pointTitle(one.point)].filter((part) => part !== '').join(', ');
      return [
        ['pages that are those of the file', title, one.integrity.compared - Math.max(one.integrity.mismatched, one.integrity.guestMismatches), pagesOf(one, p.pages), isIntact(one, p.pages) ? 'yes' : 'NO'],
        ...one.events.checks.map(({ what, guest, host }) => [what, title, guest, host, guest === host ? 'yes' : 'NO']),
      ];
    }),
  })}</details>
<details><summary>Placement of threads</summary>${dataTable({ head: ['row', 'thread: CPUs that it could use'], textColumns: [1], rows: modes.map((one) => [[one.name, pointTitle(one.point)].filter((part) => part !== '').join(', '), one.placement.map(({ thread, cpus }) => `${thread}: ${cpus.join(',')}`).join('; ')]) })}</details>
</section>`;
}

/** Ticks of the guest's scheduler that paging must last for its work to mean anything: within fewer, a work task may not have had a turn at all. */
const FEWEST_TICKS = 3;

/** Rows as they may be shown: without work where paging was over too soon to measure any. */
function measurable({ modes, parameters: { tickNs } }: ReportedBench): ReportedMode[] {
  return modes.map((mode) => {
    if (mode.pagingSeconds * 1e9 >= FEWEST_TICKS * tickNs) return mode;
    const { samples } = mode.repetitions;
    return { ...mode, work: { ...mode.work, relative: null, guestKernelShare: null }, repetitions: { ...mode.repetitions, samples: { ...samples, workRelative: [], workLost: [], guestKernelShare: [] } } };
  });
}

/** How often rows ran. */
function runs(modes: readonly ReportedMode[]): string {
  const counts = modes.map(({ repetitions }) => repetitions.count);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (most === 1) return 'each ran once';
  return `each ran ${least === most ? most : `${least} to ${most}`} times in alternating order, and what is shown of several runs is the median`;
}

/** Plots and figures of the rows at one point. */
function pointBlock(modes: readonly ReportedMode[], context: ItemContext): Markup {
  const colour = coloursOf(modes.map(({ name }) => name));
  return html`<div class="cards">${modes.map(
    (mode) => html`<div><span><i class="${colour(mode.name)}"></i>${mode.name}</span>${mode.work.relative === null ? html`<b>${shown(mode, 'pagesPerSecond')}</b><span>pages a second` : html`<b>${shown(mode, 'workRelative')}</b><span>of the control's work<br>${shown(mode, 'pagesPerSecond')} pages/s`}${mode.latency !== null && html`<br>median ${shown(mode, 'latencyP50Ns')}`}</span></div>`,
  )}</div>
${workFigure(modes, context)}${latencyFigures(modes, context)}${accountFigures(modes, context)}${rateFigure(modes, context)}
<h3>All figures</h3>
<p class="how">Columns are rows of the bench. docs/REPORT.md defines each figure.${modes.some(({ repetitions }) => repetitions.count > 1) && ' Those with an interval are medians over all runs; the others are of the run in the middle.'}</p>
${figureTable(modes, context)}`;
}

function shown(mode: ReportedMode, name: FigureName): string {
  return formatFigure(figureOf(mode, name)?.value ?? null, FIGURES[name].unit);
}

/** Beyond this drift of the control phases, work figures are not to be trusted; as in the table of the command line. */
const NOISY_DRIFT = 0.15;

/** Names of rows whose control phases drifted too far. */
function noisyRows({ modes, host }: ReportedBench): string[] {
  const noisy = host.emulated ? [] : modes.filter((mode) => Math.abs(figureOf(mode, 'controlDrift')?.value ?? 0) > NOISY_DRIFT);
  return [...new Set(noisy.map(({ name }) => name))];
}

function noise(report: ReportedBench): Markup {
  const names = noisyRows(report);
  return names.length === 0 ? html`` : html`<p class="warning">Noisy host: the undisturbed guest ran more than ${NOISY_DRIFT * 100} % faster or slower after paging than before (${names.join(', ')}). Repeat the run before quoting its work figures.</p>`;
}

function workFigure(modes: readonly ReportedMode[], context: ItemContext): Markup {
  return figure(context, {
    title: 'Work done while pages are on their way',
    how: `The longer the bar, the better. 100 % is the control: the same tasks in the same guest without any missing page. The pale part is time that the guest kernel itself spent on events; on hosts that emulate the guest kernel it is a cost of the host, not of the mode. What is missing beyond that was waiting, and summing the pages that came.${modes.some(({ repetitions }) => repetitions.count > 1) ? ' Whiskers are 95 % intervals.' : ''}`,
    plot: {
      kind: 'bars',
      value: { label: 'work, against the control', quantity: 'share' },
      valueName: 'work done',
      extraName: "the guest kernel's own time",
      reference: { value: 1, label: 'control' },
      rows: modes.map((mode) => bar(mode, 'workRelative', mode.work.guestKernelShare)),
    },
  });
}

function rateFigure(modes: readonly ReportedMode[], context: ItemContext): Markup {
  return figure(context, {
    title: 'Pages a second',
    how: 'How fast the guest got through its pages. Where vCPUs wait, one page at a time is under way on each; where the guest is told, as many as there are tasks.',
    plot: { kind: 'bars', value: { label: 'pages a second', quantity: 'per second' }, valueName: 'pages a second', rows: modes.map((mode) => bar(mode, 'pagesPerSecond')) },
  });
}

function bar(mode: ReportedMode, name: FigureName, extra?: number | null): { name: string; value: number | null; low?: number; high?: number; extra?: number | null } {
  const estimated = figureOf(mode, name);
  return { name: mode.name, value: estimated?.value ?? null, ...(estimated === null ? {} : ends(estimated)), ...(extra === undefined ? {} : { extra }) };
}

function figureTable(modes: readonly ReportedMode[], { mark }: ItemContext): Markup {
  const names = FIGURE_NAMES.filter((name) => !(PROPOSAL_COUNTERS as readonly string[]).includes(name) || modes.some((mode) => (FIGURES[name].value(mode) ?? 0) > 0));
  const cell = (mode: ReportedMode, name: FigureName): Markup => {
    const { unit } = FIGURES[name];
    const estimated = figureOf(mode, name);
    if (estimated === null || estimated.count === 1 || estimated.low === estimated.high) return html`${formatFigure(estimated?.value ?? null, unit)}`;
    return html`${formatFigure(estimated.value, unit)}<small>${formatFigure(estimated.low, unit)} to ${formatFigure(estimated.high, unit)}</small>`;
  };
  return html`<div class="scroll" tabindex="0"><table><thead><tr><th></th>${modes.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody><tr><th scope="row">implementation</th>${modes.map(({ implementation }) => html`<td class="num">${implementation}</td>`)}</tr>${names.map((name) => {
    const { label, unit } = FIGURES[name];
    return html`<tr><th scope="row" class="${label.startsWith(' ') && 'part'}">${mark.label(label.trim(), unit)}</th>${modes.map((mode) => html`<td class="num">${cell(mode, name)}</td>`)}</tr>`;
  })}</tbody></table></div>`;
}
