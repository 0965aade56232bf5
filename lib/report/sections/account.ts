/** The per-fault account: where the latency of a fault went. */
import { ACCOUNT_PARTS, formatDuration, type AccountPart, type FaultAccount } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import type { ReportedMode } from '../item.js';
import { html, type Markup } from '../markup.js';

/** Parts for who has not seen the code. */
const MEANINGS: Readonly<Record<AccountPart, string>> = {
  exit: 'out of the guest, until the monitor program (VMM) hears that a page is missing',
  locate: 'finding out which page it is',
  request: 'until the thread that fetches pages has the request',
  fetch: 'until the contents begin to arrive: the added latency, and other pages that come first',
  fill: 'copying the contents into the page',
  complete: 'mapping the page, and waking who waits for it',
  inject: 'putting the not-present event in place, and raising the ready interrupt',
  events: "the vCPU is busy with events of other pages, with the guest's being told of this one, or with a tick",
  deliver: 'the ready interrupt, until the first instruction of its handler',
  handler: "the guest kernel's handler of the ready interrupt",
  scheduler: 'the task, or the vCPU\'s thread, can go on but waits for its turn',
  resume: 'back into the guest, to the end of the access',
};
const UNEXPLAINED = 'what no part explains';

/** Above this share of a bar, fetching hides all other parts, and they get a plot of their own. */
const HIDING_SHARE = 0.5;

interface Row {
  readonly name: string;
  readonly account: FaultAccount;
}

/** Plots and table of the accounts of rows; nothing where there is none. */
export function accountFigures(modes: readonly ReportedMode[], context: ItemContext): Markup {
  const rows = modes.flatMap(({ name, account }): Row[] => (account === null ? [] : [{ name, account }]));
  if (rows.length === 0) return html``;
  const hides = rows.some(({ account }) => (meanOf(account, 'fetch') ?? 0) > HIDING_SHARE * account.latencyNs);
  return html`${figure(context, {
    title: 'Where the time of a fault goes',
    how: "A bar is the mean latency of a fault by the guest's own clock, cut into what happened one after the other, from left to right. What no part explains is grey and comes last. The parts of a bar add up to its length. Each boundary was timed for every fault, except that the guest's handlers enter with their mean length.",
    plot: stacked(rows, []),
  })}${hides && figure(context, {
    title: 'The same without fetching',
    how: 'Fetching takes its time whatever the mode. Without it one sees what delivering the fault costs; time in which the task waited for its turn is in it, and the vCPU was busy with other tasks then.',
    plot: stacked(rows, ['fetch']),
  })}<details><summary>What the parts are; mean, median and 99 % of each</summary>${dataTable({
    head: ['part', 'what it is', ...rows.map(({ name }) => name)],
    textColumns: [1],
    rows: [
      ...ACCOUNT_PARTS.filter((part) => rows.some(({ account }) => meanOf(account, part) !== null)).map((part) => [part, MEANINGS[part], ...rows.map(({ account }) => costText(account, part))]),
      ['unexplained', UNEXPLAINED, ...rows.map(({ account }) => html`${formatDuration(account.unexplainedNs)}`)],
      ['sum', 'mean latency of these faults', ...rows.map(({ account }) => html`${formatDuration(account.latencyNs)}`)],
      ['faults', 'accounted for / left out, because a moment of theirs is not known', ...rows.map(({ account }) => html`${account.faults.toLocaleString('en-US')} / ${account.leftOut.toLocaleString('en-US')}`)],
    ],
  })}<p class="how">Two readings of the clock in a row take ${formatDuration(Math.max(...rows.map(({ account }) => account.floorNs)))}: nothing shorter was measured.${roomNote(rows)}</p></details>`;
}

function roomNote(rows: readonly Row[]): string {
  const roomNs = Math.max(...rows.map(({ account }) => account.clockRoomNs));
  return roomNs === 0 ? '' : ` Clocks of guest and host are known to ${formatDuration(roomNs)} of each other: so much may belong to the first part instead of the last ones, or the other way round.`;
}

function stacked(rows: readonly Row[], without: readonly AccountPart[]): Parameters<typeof figure>[1]['plot'] {
  return {
    kind: 'stacked',
    value: { label: 'mean time of a fault', quantity: 'ns' },
    parts: [...ACCOUNT_PARTS, 'unexplained'],
    rows: rows.map(({ name, account }) => ({ name, values: [...ACCOUNT_PARTS.map((part) => (without.includes(part) ? null : meanOf(account, part))), account.unexplainedNs] })),
  };
}

function meanOf({ parts }: FaultAccount, wanted: AccountPart): number | null {
  return parts.find(({ part }) => part === wanted)?.meanNs ?? null;
}

function costText({ parts }: FaultAccount, wanted: AccountPart): Markup {
  const cost = parts.find(({ part }) => part === wanted);
  if (cost === undefined) return html`-`;
  return html`${formatDuration(cost.meanNs)}<small>${formatDuration(cost.p50Ns)}, ${formatDuration(cost.p99Ns)}</small>`;
}
