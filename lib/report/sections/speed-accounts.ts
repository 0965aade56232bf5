/** Where the time and the memory behind figures of `speed` went, as tables. */
import { SPEED_FIGURES, VCPU_PARTS, VCPU_PART_MEANINGS, formatDuration, formatSpeed } from '../../bench/index.js';
import { dataTable } from '../figure.js';
import type { ReportedSpeed, ReportedVcpuTime } from '../item.js';
import { html, type Markup } from '../markup.js';

/** The tables; nothing of a report without accounts. */
export function speedAccounts({ figures, vcpuTimes }: ReportedSpeed): Markup {
  return html`${vcpuTimes.length > 0 && html`<h3>Where the vCPU's time goes while pages are on their way</h3>
<p class="how">Of one run of each load, with time stamps, which make events a little slower: a share of the vCPU's time, below it the time a page. The parts add up; what no part explains is the last line.</p>
${vcpuTable(vcpuTimes)}`}${figures.map(
    ({ name, unit, account }) =>
      account !== null &&
      html`<h3>Where it goes: ${SPEED_FIGURES[name].title}</h3>
<p class="how">In the middle one of all rounds. A part is below zero where it takes less than the bare process that it is set against.</p>
${dataTable({
        head: ['part', 'measured', 'of the whole'],
        rows: [...account.parts, { name: 'unexplained', value: account.unexplained }, { name: 'sum', value: account.whole }].map((part) => [
          part.name,
          `${part.value < 0 ? '-' : ''}${formatSpeed(Math.abs(part.value), unit)}`,
          account.whole === 0 ? '-' : `${((part.value / account.whole) * 100).toFixed(1)} %`,
        ]),
      })}`,
  )}`;
}

function vcpuTable(times: readonly ReportedVcpuTime[]): Markup {
  const cell = (ns: number, { account: { wallNs, pages } }: ReportedVcpuTime): Markup => html`${wallNs === 0 ? '-' : `${((ns / wallNs) * 100).toFixed(1)} %`}<small>${formatDuration(ns / Math.max(1, pages))}</small>`;
  return dataTable({
    head: ['part', 'what it is', ...times.map(({ figure, mode }) => (figure.endsWith(mode) ? figure : `${figure}, ${mode}`))],
    textColumns: [1],
    rows: [
      ...VCPU_PARTS.filter((part) => times.some(({ account }) => account.parts[part] > 0)).map((part) => [part, VCPU_PART_MEANINGS[part], ...times.map((time) => cell(time.account.parts[part], time))]),
      ['unexplained', 'what no part explains', ...times.map((time) => cell(time.account.unexplainedNs, time))],
      ['sum', 'all of the time', ...times.map((time) => cell(time.account.wallNs, time))],
    ],
  });
}
