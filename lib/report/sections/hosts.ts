/** Host and method in full. */
import { describeHost } from '../../kvm/index.js';
import { dataTable } from '../figure.js';
import { hostOf, hostsOf, sameHost, type ReportItem } from '../item.js';
import { html, type Markup } from '../markup.js';

/** What the kinds of hosts mean for figures. */
const KINDS: Readonly<Record<string, string>> = {
  VMX: 'Intel hardware runs the guest at all privilege levels.',
  SVM: 'AMD hardware runs the guest at all privilege levels.',
  PVM: 'The guest runs without hardware support for virtual machines: its tasks run natively, its kernel is emulated instruction by instruction. Times of guest kernel handlers are the emulation.',
  unknown: 'It is not known what runs the guest.',
};

/** Renders it for all items. */
export function hostSection(items: readonly ReportItem[]): Markup {
  const hosts = hostsOf(items);
  return html`<section id="host"><h2>Host and method</h2>
${hosts.map(
    (host, at) => html`${hosts.length > 1 && html`<h3>Host ${at + 1}</h3>`}<dl><dt>host</dt><dd>${describeHost(host)}</dd><dt>kind</dt><dd>${host.kind}. ${KINDS[host.kind] ?? ''}</dd><dt>kernel</dt><dd>Linux ${host.kernelRelease}</dd><dt>CPU</dt><dd>${host.cpuModel}, ${host.cpuCount} CPUs${host.virtualized && ', itself a virtual machine'}${host.emulated && ', EMULATED by software: times, rates and shares say nothing about any real host'}</dd><dt>runs</dt><dd>${items.filter((item) => sameHost(hostOf(item), host)).map((item) => label(item)).join('; ')}</dd></dl>`,
  )}
<h3>How figures are made</h3>
<ul class="plain">
<li>Latencies are taken by the guest's own tasks with the time stamp counter, before and after the access; work is what tasks counted that do nothing else.</li>
<li>Work is a ratio of two rates of one run of one guest: while pages are on their way, and in control phases before and after it without faults.</li>
<li>Every page's checksum as the guest saw it is compared with the file's; every count of the guest stands against the host's count of the same thing. Whether a bench passed depends on these alone, never on times.</li>
<li>Intervals are 95 %, over runs or rounds of new machines; those of shares are Wilson's. Few runs have wide ones, a single run has none.</li>
</ul>
${items.map((item) =>
    item.kind === 'bench'
      ? html`<details><summary>Parameters: ${label(item)}</summary>${dataTable({ head: ['parameter', 'value'], rows: [['kvm-faultlab', item.report.tool.version], ['Node', item.report.tool.node], ...Object.entries(item.report.parameters).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])] })}</details>`
      : html`<details><summary>Run: ${label(item)}</summary>${dataTable({
          head: ['', ''],
          rows: [
            ['kvm-faultlab', item.report.tool.version],
            ['Node', item.report.tool.node],
            ['started', item.report.startedAt],
            item.kind === 'trace' ? ['load', item.report.load] : item.kind === 'speed' ? ['pairs of runs', item.report.parameters.rounds] : ['took', `${item.report.seconds.toFixed(1)} s of a budget of ${item.report.budgetSeconds.toFixed(1)} s`],
          ],
        })}</details>`,
  )}
</section>`;
}

function label(item: ReportItem): string {
  return item.kind === 'experiment' ? `${item.report.id} (${item.name})` : item.name;
}
