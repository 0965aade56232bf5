/** One bench on the page: what it did, what it found, its plots, all its figures. */
import { FIGURES, FIGURE_NAMES, PROPOSAL_COUNTERS, formatDuration, formatFigure } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import { hasPassed, isIntact, type ReportedBench, type ReportedMode } from '../item.js';
import { html, type Markup } from '../markup.js';
import { coloursOf } from '../plots/paper.js';
import { latencyFigures } from './latency.js';

/** Title of a bench's section, short. */
export function benchTitle({ parameters: p }: ReportedBench): string {
  const uapi = p.uapi === 'stock' ? '' : `${p.uapi}, `;
  return `Bench: ${uapi}${p.latencyNs === 0 ? 'no added latency' : `${formatDuration(p.latencyNs)} a page`}, ${p.vcpus} vCPU${p.vcpus === 1 ? '' : 's'}`;
}

/** True when every mode passed. */
export function benchPassed({ modes, parameters: { pages } }: ReportedBench): boolean {
  return modes.length > 0 && modes.every((mode) => hasPassed(mode, pages));
}

/** What came of a bench, one sentence. */
export function benchVerdict(report: ReportedBench): string {
  if (report.interrupted) return 'Interrupted: what is shown is what was done until then.';
  if (!benchPassed(report)) return 'FAILED: a page differs or counts disagree; see the checks below.';
  const kept = report.modes.flatMap(({ mode, work }) => (work.relative === null ? [] : [{ mode, share: work.relative }])).sort((a, b) => b.share - a.share);
  const checked = `Every page arrived intact and all event counts agree in ${report.modes.length} mode${report.modes.length === 1 ? '' : 's'}.`;
  if (kept.length < 2) return checked;
  const [most, least] = [kept[0], kept[kept.length - 1]];
  return `While pages were on their way, ${most.mode} kept ${formatFigure(most.share, 'share')} of the work of an undisturbed guest, ${least.mode} ${formatFigure(least.share, 'share')}. ${checked}`;
}

/** Renders a bench. */
export function benchSection(report: ReportedBench, name: string, context: ItemContext): Markup {
  const { modes, parameters: p } = report;
  const colour = coloursOf(modes.map(({ mode }) => mode));
  return html`<section id="${context.id}"><h2>${benchTitle(report)}</h2>
<p class="quiet">${name}, run of ${report.startedAt}</p>
<p>A guest with ${p.vcpus} virtual CPU${p.vcpus === 1 ? '' : 's'} visited ${p.pages.toLocaleString('en-US')} pages that were not there. On each virtual CPU ${p.faultTasks} task${p.faultTasks === 1 ? '' : 's'} visit${p.faultTasks === 1 ? 's' : ''} pages and ${p.workTasks} do${p.workTasks === 1 ? 'es' : ''} nothing but work. ${p.latencyNs === 0 ? 'Pages came as fast as they could be read.' : `Each page took ${formatDuration(p.latencyNs)} to come, as over a network.`} Every mode started from cold with the same pages in the same order.</p>
<p class="verdict ${!benchPassed(report) && 'none'}">${benchVerdict(report)}</p>
<div class="cards">${modes.map((mode) => html`<div><span><i class="${colour(mode.mode)}"></i>${mode.mode}</span><b>${formatFigure(mode.work.relative, 'share')}</b><span>of the control's work; ${formatFigure(mode.pagesPerSecond, 'per second')} pages/s${mode.latency !== null && html`; median ${formatDuration(mode.latency.p50Ns)}`}</span></div>`)}</div>
${noise(report)}
${workFigure(report, context)}
${latencyFigures(modes, context)}
${rateFigure(report, context)}
<h3>All figures</h3>
<p class="how">Columns are delivery modes. docs/REPORT.md defines each row.</p>
${figureTable(modes, context)}
${report.notReproduced.length > 0 && html`<h3>What this emulation of the proposal does not show</h3><ul class="plain">${report.notReproduced.map((sentence) => html`<li>${sentence}</li>`)}</ul>`}
<details><summary>Checks: counts of guest and host</summary>${dataTable({
    head: ['check', 'mode', 'guest', 'host', 'agree'],
    textColumns: [1],
    rows: modes.flatMap((one) => [
      ['pages that are those of the file', one.mode, one.integrity.compared - Math.max(one.integrity.mismatched, one.integrity.guestMismatches), p.pages, isIntact(one, p.pages) ? 'yes' : 'NO'],
      ...one.events.checks.map(({ what, guest, host }) => [what, one.mode, guest, host, guest === host ? 'yes' : 'NO']),
    ]),
  })}</details>
</section>`;
}

/** Beyond this drift of the control phases, work figures are not to be trusted; as in the table of the command line. */
const NOISY_DRIFT = 0.15;

function noise({ modes, host }: ReportedBench): Markup {
  const noisy = host.emulated ? [] : modes.filter(({ work }) => work.controlDrift !== null && Math.abs(work.controlDrift - 1) > NOISY_DRIFT).map(({ mode }) => mode);
  return noisy.length === 0 ? html`` : html`<p class="warning">Noisy host: the undisturbed guest ran more than ${NOISY_DRIFT * 100} % faster or slower after paging than before (${noisy.join(', ')}). Repeat the run before quoting its work figures.</p>`;
}

function workFigure({ modes }: ReportedBench, context: ItemContext): Markup {
  return figure(context, {
    title: 'Work done while pages are on their way',
    how: 'The longer the bar, the better. 100 % is the control: the same tasks in the same guest without any missing page. The pale part is time that the guest kernel itself spent on events; on hosts that emulate the guest kernel it is a cost of the host, not of the mode. What is missing beyond that was waiting, and summing the pages that came.',
    plot: {
      kind: 'bars',
      value: { label: 'work, against the control', quantity: 'share' },
      valueName: 'work done',
      extraName: "the guest kernel's own time",
      reference: { value: 1, label: 'control' },
      rows: modes.map(({ mode, work }) => ({ name: mode, value: work.relative, extra: work.guestKernelShare })),
    },
  });
}

function rateFigure({ modes }: ReportedBench, context: ItemContext): Markup {
  return figure(context, {
    title: 'Pages a second',
    how: 'How fast the guest got through its pages. With waiting modes one page at a time is under way on each virtual CPU; with asynchronous ones as many as there are tasks.',
    plot: { kind: 'bars', value: { label: 'pages a second', quantity: 'per second' }, valueName: 'pages a second', rows: modes.map(({ mode, pagesPerSecond }) => ({ name: mode, value: pagesPerSecond })) },
  });
}

function figureTable(modes: readonly ReportedMode[], { mark }: ItemContext): Markup {
  const names = FIGURE_NAMES.filter((name) => !(PROPOSAL_COUNTERS as readonly string[]).includes(name) || modes.some((mode) => (FIGURES[name].value(mode) ?? 0) > 0));
  return html`<div class="scroll" tabindex="0"><table><thead><tr><th></th>${modes.map(({ mode }) => html`<th scope="col">${mode}</th>`)}</tr></thead><tbody><tr><th scope="row">implementation</th>${modes.map(({ implementation }) => html`<td class="num">${implementation}</td>`)}</tr>${names.map((name) => {
    const { label, unit, value } = FIGURES[name];
    return html`<tr><th scope="row" class="${label.startsWith(' ') && 'part'}">${mark.label(label.trim(), unit)}</th>${modes.map((mode) => html`<td class="num">${formatFigure(value(mode), unit)}</td>`)}</tr>`;
  })}</tbody></table></div>`;
}
