/** What someone new to the subject needs to know before the figures. */
import { MODES, MODE_NAMES } from '../../machine/index.js';
import { html, type Markup } from '../markup.js';
import { coloursOf } from '../plots/paper.js';

/** The explanation. */
export function primerSection(): Markup {
  const colour = coloursOf(MODE_NAMES);
  return html`<section id="primer"><h2>What this is about</h2>
<p>A virtual machine can run before its memory is there: while it moves from one host to another, when it is restored from a snapshot, or when its memory lies on another machine. The first access to a missing page is a <b>fault</b>. Somebody fetches the page, which takes from microseconds to milliseconds. The question is what the virtual CPU does meanwhile.</p>
<p>It can <b>wait</b>: then nothing on it goes on, although other tasks of the guest could. Or the guest is <b>told</b> (an asynchronous page fault, APF): a <i>not-present</i> event lets its kernel put the task that needs the page to sleep and run another one; a <i>ready</i> event wakes the task when the page has come. Two events for each fault cost time as well, so that telling pays only from some fetch time on.</p>
<p>A <b>delivery mode</b> says how the news of a missing page reaches whoever fetches it, and who waits:</p>
<dl>${MODE_NAMES.map((mode) => html`<dt><i class="${colour(mode)}">■</i> <b>${mode}</b></dt><dd>${MODES[mode].summary}</dd>`)}</dl>
<p><b>Native</b> means that the kernel's own interface was used; <b>emulated</b>, that the monitor program (VMM) made the interface out of others, so that its cost is the emulation's. The <b>control</b> is the same guest without missing pages. A <b>vCPU</b> is a virtual CPU, run by one thread of the host; a <b>resolver</b> is a thread that fetches pages. An interval in brackets, a band or a whisker holds the true value in 95 of 100 such measurements.</p>
</section>`;
}
