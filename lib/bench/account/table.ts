/** Accounts for people: a line a part, a column a row of the bench. */
import Table from 'cli-table3';
import { formatDuration } from '../duration.js';
import { ACCOUNT_PARTS, type FaultAccount } from './account.js';

/** An account with what it is of. */
export interface TitledAccount {
  readonly title: string;
  readonly account: FaultAccount;
}

/** Means and medians of all parts, the sum of the means, and what that leaves out: several lines. */
export function accountTable(accounts: readonly TitledAccount[], color: boolean): string[] {
  const table = new Table({
    head: ['a fault: mean (median)', ...accounts.map(({ title }) => title)],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', ...accounts.map(() => 'right' as const)],
  });
  for (const part of ACCOUNT_PARTS) {
    const costs = accounts.map(({ account }) => account.parts.find((cost) => cost.part === part));
    if (costs.some((cost) => cost !== undefined)) table.push([part, ...costs.map((cost) => (cost === undefined ? '-' : `${formatDuration(cost.meanNs)} (${formatDuration(cost.p50Ns)})`))]);
  }
  table.push(
    ['unexplained', ...accounts.map(({ account }) => formatDuration(account.unexplainedNs))],
    ['sum: latency by the guest', ...accounts.map(({ account }) => formatDuration(account.latencyNs))],
    ['faults / left out', ...accounts.map(({ account }) => `${account.faults} / ${account.leftOut}`)],
  );
  const floorNs = Math.max(...accounts.map(({ account }) => account.floorNs));
  const roomNs = Math.max(...accounts.map(({ account }) => account.clockRoomNs));
  return [
    ...table.toString().split('\n'),
    `two readings of the clock take ${formatDuration(floorNs)}` + (roomNs > 0 ? `; guest and host clocks are known to ${formatDuration(roomNs)} of each other` : ''),
  ];
}

/** One line: the parts that matter, the largest first. */
export function accountLine({ parts, unexplainedNs, latencyNs }: FaultAccount): string {
  const sorted: { part: string; meanNs: number }[] = [...parts.map(({ part, meanNs }) => ({ part, meanNs })), { part: 'unexplained', meanNs: unexplainedNs }].sort((a, b) => b.meanNs - a.meanNs);
  return `${formatDuration(latencyNs)} = ${sorted.map(({ part, meanNs }) => `${part} ${formatDuration(meanNs)}`).join(' + ')}`;
}
