/** A whole page: one file without anything outside it, no script. */
import { FaultLabError } from '../errors/index.js';
import { asSentence } from '../experiments/index.js';
import { describeHost } from '../kvm/index.js';
import { contextsOf, type ItemContext } from './context.js';
import { hostsOf, type ReportItem } from './item.js';
import { Markup, html, type Content } from './markup.js';
import { benchPassed, benchSection, benchTitle, benchVerdict } from './sections/bench.js';
import { experimentSection } from './sections/experiment.js';
import { hostSection } from './sections/hosts.js';
import { speedSection, speedSummary, speedTitle } from './sections/speed.js';
import { traceSection, traceTitle, traceVerdict } from './sections/trace.js';
import { primerSection } from './sections/primer.js';
import { STYLE } from './style.js';

/** How a page is made. */
export interface PageOptions {
  /** Default: that it is a report. */
  readonly title?: string;
  /** Sentences below the title. */
  readonly introduction?: readonly string[];
  /** Runs of different hosts on one page: refused unless forced, and then said in every plot. */
  readonly force?: boolean;
  /** ISO date, for the footer. Default: now. */
  readonly madeAt?: string;
}

/**
 * Makes the page.
 * @param items - in the order in which they are to stand
 * @returns a whole HTML document
 * @throws FaultLabError `BAD_OPTION` where there is nothing to show, `REPORT_HOSTS` for runs of different hosts that were not forced
 */
export function renderPage(items: readonly ReportItem[], { title = 'kvm-faultlab report', introduction = [], force = false, madeAt = new Date().toISOString() }: PageOptions = {}): string {
  if (items.length === 0) throw new FaultLabError('BAD_OPTION', 'a report needs at least one bench or experiment');
  const hosts = hostsOf(items);
  if (hosts.length > 1 && !force) {
    throw new FaultLabError('REPORT_HOSTS', `the runs are of ${hosts.length} different hosts: ${hosts.map(describeHost).join('; ')}`, {
      hint: 'make a report for each host; --force puts them on one page and says so in every plot',
    });
  }
  const contexts = contextsOf(items);
  // No script, no network: what a report of somebody else smuggled in could do nothing even so.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  const page = html`<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="generator" content="kvm-faultlab"><link rel="icon" href="data:,"><title>${title}</title><style>${style()}</style></head><body><div class="frame">
<header class="top"><h1>${title}</h1><p class="quiet">${hosts.map(describeHost).join('; ')}</p>${introduction.map((sentence) => html`<p>${sentence}</p>`)}${hosts.length > 1 && html`<p class="warning">This page was forced to hold runs of ${hosts.length} different hosts. Figures of one are not to be compared with those of another; every plot says which host it is of.</p>`}
</header>
${primerSection(items)}
<section id="answers"><h2>What came of it</h2>
${overview(items, contexts.map(({ id }) => id))}</section>
${items.map((item, at) => section(item, contexts[at]))}
${hostSection(items)}
<footer><p>Made by kvm-faultlab at ${madeAt} from ${items.length} report${items.length === 1 ? '' : 's'}. Everything on this page is in this one file.</p></footer>
</div></body></html>`;
  return `<!doctype html>\n${page.toString()}\n`;
}

function section(item: ReportItem, context: ItemContext): Markup {
  switch (item.kind) {
    case 'bench':
      return benchSection(item.report, item.name, context);
    case 'experiment':
      return experimentSection(item.report, context);
    case 'speed':
      return speedSection(item.report, item.name, context);
    case 'trace':
      return traceSection(item.report, item.name, context);
  }
}

/** What came of everything, at a glance: also the table of contents. */
function overview(items: readonly ReportItem[], ids: readonly string[]): Markup {
  const line = (id: string, state: string, className: string, asked: string, answer: Content): Markup =>
    html`<li><span class="state ${className}">${state}</span><div><a href="#${id}">${asked}</a><p>${answer}</p></div></li>`;
  const lines = items.map((item, at) => {
    if (item.kind === 'bench') return line(ids[at], item.report.interrupted ? 'interrupted' : benchPassed(item.report) ? 'passed' : 'FAILED', benchPassed(item.report) ? 'good' : 'bad', benchTitle(item.report), benchVerdict(item.report));
    if (item.kind === 'trace') return line(ids[at], 'recorded', 'quiet', traceTitle(item.report), traceVerdict(item.report));
    if (item.kind === 'speed') return line(ids[at], 'measured', 'quiet', speedTitle(item.report), speedSummary(item.report));
    const { finding, id, question } = item.report;
    return line(ids[at], finding.answered ? `${id.toUpperCase()} answered` : `${id.toUpperCase()} open`, finding.answered ? 'good' : 'none', question, finding.answered ? asSentence(finding.answer) : `No verdict: ${finding.why}`);
  });
  return html`<nav aria-label="Contents"><ul class="verdicts">${lines}</ul><p class="how">The figures behind each answer stand in its section, those behind each plot below it, under Data. <a href="#primer">What this is about</a> explains the words, <a href="#host">host and method</a> stand at the end.</p></nav>`;
}

/** The style is ours and holds nothing that would need escaping or end its element. */
function style(): Markup {
  return Markup.trusted(STYLE);
}
