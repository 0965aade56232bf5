/** What someone new to the subject needs to know before the figures. */
import { MODES, MODE_NAMES, type DeliveryMode } from '../../machine/index.js';
import { UAPI_PROFILES, type UapiName } from '../../uapi/proposals/index.js';
import type { ReportItem } from '../item.js';
import { html, type Markup } from '../markup.js';
import { coloursOf } from '../plots/paper.js';

/** Words that plots, tables and verdicts use, in an order in which each needs those before it alone. */
const WORDS: readonly (readonly [string, string])[] = [
  ['vCPU, resolver', 'a virtual CPU, run by one thread of the host; a thread that fetches pages'],
  ['VMM', 'the program on the host that runs the guest'],
  ['fetch', 'bringing a missing page; its time is what a network or a disk would take'],
  ['exit, re-entry', 'KVM_RUN returns to the VMM; the VMM calls it again'],
  ['CPL3, CPL0', 'the guest runs a task; it runs its kernel'],
  ['gpa, gfn', 'an address in guest memory; the number of the page it is in'],
  ['token', 'the number that ties a ready event to its not-present event'],
  ['pair', 'the two events of one fault; spurious where the page was there already, so that nobody had to be told'],
  ['ACCEPT, READY', 'the VMM says that it will bring the page; that it is there'],
  ['rings, exitless', 'faults and completions go through shared memory instead of exits'],
  ['halt', 'the vCPU stops until the page comes; synthetic where KVM does that and still takes interrupts'],
  ['wake-all', 'one ready event for all tasks that wait, as after a snapshot is restored'],
  ['arm, round', 'one variant that an experiment compares; one run of every arm, each in a new virtual machine'],
  ['world', 'a small model of guest, KVM and VMM that is run through every order of its events'],
];

const PROPOSALS = (Object.keys(UAPI_PROFILES) as readonly UapiName[]).filter((name) => name !== 'stock');
const ALL_MODES = Object.keys(MODES) as readonly DeliveryMode[];

/** The explanation, with every mode and every proposal that the items speak of. */
export function primerSection(items: readonly ReportItem[]): Markup {
  const rows: readonly string[] = items.flatMap((item) => (item.kind === 'bench' ? item.report.modes.map(({ mode }) => mode) : []));
  const modes = ALL_MODES.filter((mode) => MODE_NAMES.includes(mode) || rows.includes(mode));
  const colour = coloursOf(modes);
  return html`<section id="primer"><h2>What this is about</h2>
<p>A virtual machine can run before its memory is there: while it moves from one host to another, when it is restored from a snapshot, or when its memory lies on another machine. The first access to a missing page is a <b>fault</b>. Somebody fetches the page, which takes from microseconds to milliseconds. The question is what the virtual CPU does meanwhile.</p>
<p>It can <b>wait</b>: then nothing on it goes on, although other tasks of the guest could. Or the guest is <b>told</b> (an asynchronous page fault, APF): a <i>not-present</i> event lets its kernel put the task that needs the page to sleep and run another one; a <i>ready</i> event wakes the task when the page has come. Two events for each fault cost time as well, so that telling pays only from some fetch time on.</p>
<p>A <b>delivery mode</b> says how the news of a missing page reaches whoever fetches it, and who waits:</p>
<dl>${modes.map((mode) => html`<dt><i class="${colour(mode)}">■</i> <b>${mode}</b></dt><dd>${MODES[mode].summary}</dd>`)}</dl>
<p><b>Native</b> means that the kernel's own interface was used; <b>emulated</b>, that the monitor program (VMM) made the interface out of others, so that its cost is the emulation's. The <b>control</b> is the same guest without missing pages. An interval in brackets, a band or a whisker holds the true value in 95 of 100 such measurements.</p>
<details open><summary>Words used below</summary><dl>${WORDS.map(([word, meaning]) => html`<dt>${word}</dt><dd>${meaning}</dd>`)}</dl></details>
<details open><summary>Interfaces that are proposed for KVM and not merged</summary><dl>${PROPOSALS.map((name) => html`<dt>${name}</dt><dd>${UAPI_PROFILES[name].summary}</dd>`)}</dl></details>
</section>`;
}
