/** Where a vCPU's time went, for people: a line a part, a column a run. */
import Table from 'cli-table3';
import { VCPU_PARTS, type VcpuPart } from '../account/index.js';
import { KVM_COUNTS } from '../../machine/index.js';
import { formatDuration } from '../duration.js';
import type { VcpuTime } from './work-kept.js';

/** What each part is, in a few words. */
export const VCPU_PART_MEANINGS: Readonly<Record<VcpuPart, string>> = {
  work: 'work, at what it takes without faults',
  slowed: 'the same work, slower by caches and TLBs',
  pages: 'fault tasks go through their pages',
  handlers: "the guest's own handlers",
  return: 'out of handlers',
  map: 'the access once more: KVM maps its page',
  fault: 'KVM: from the access to the VMM, or to the handler',
  vmm: 'the VMM, outside KVM_RUN',
  inject: 'KVM: from KVM_RUN to the not-present handler',
  deliver: 'KVM: interrupts, until their handler begins',
  wait: 'asleep or halted for a page',
  cpu: 'another thread had the CPU',
  away: 'interrupts and exits that the guest does not see',
};

/** Shares of the time, and time a page: several lines. */
export function vcpuTimeTable(times: readonly VcpuTime[], color: boolean): string[] {
  const table = new Table({
    head: ["the vCPU's time while paging", ...times.map(({ figure, mode }) => (figure.endsWith(mode) ? figure : `${figure}, ${mode}`))],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', ...times.map(() => 'right' as const)],
  });
  const cell = (ns: number, { account }: VcpuTime): string => `${((ns / account.wallNs) * 100).toFixed(1)} % (${formatDuration(ns / Math.max(1, account.pages))})`;
  for (const part of VCPU_PARTS) {
    if (times.some(({ account }) => account.parts[part] > 0)) table.push([`${part}: ${VCPU_PART_MEANINGS[part]}`, ...times.map((time) => cell(time.account.parts[part], time))]);
  }
  table.push(['unexplained', ...times.map((time) => cell(time.account.unexplainedNs, time))], ['sum', ...times.map((time) => cell(time.account.wallNs, time))]);
  for (const name of KVM_COUNTS) {
    if (times.some(({ account }) => (account.kvm[name] ?? 0) > 0)) table.push([`a page, by KVM's own count: ${name}`, ...times.map(({ account }) => countText(account.kvm[name], account.pages))]);
  }
  return [
    ...table.toString().split('\n'),
    'Of one run each, with time stamps, which make events a little slower; in brackets a page.',
    ...times.flatMap(({ figure, mode, account: { missing, threads, wallNs, parts } }) => [
      ...missing.map(({ part, why }) => `${figure}, ${mode}: ${part} is not known: ${why}`),
      ...(threads !== null && threads.runDelayNs > parts.cpu + NOISY_SHARE * wallNs
        ? [`${figure}, ${mode}: another thread had the CPU for ${((threads.runDelayNs / wallNs) * 100).toFixed(1)} % of the time, most of it in the midst of other parts: these are too long by so much`]
        : []),
    ]),
  ];
}

function countText(count: number | undefined, pages: number): string {
  return count === undefined ? '-' : (count / Math.max(1, pages)).toFixed(2);
}

const NOISY_SHARE = 0.02;
