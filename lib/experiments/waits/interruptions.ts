/** Waits of several kinds, measured and put into rows. */
import type { Kvm } from '../../kvm/index.js';
import type { ExperimentContext } from '../frame/experiment.js';
import type { Row } from '../frame/report.js';
import { median, quantile } from '../frame/statistics.js';
import { TimingHelper } from '../helper/timing-helper.js';
import { measureWaits, type Access, type Wait, type Way } from './interrupted-wait.js';

/** All waits of one access in one way. */
export interface Waits {
  readonly access: Access;
  readonly way: Way;
  readonly waits: readonly Wait[];
}

/** Measures every pair; those that time does not allow are left out. */
export async function measureInterruptions(context: ExperimentContext, kvm: Kvm, pairs: readonly { readonly access: Access; readonly way: Way }[], count: number): Promise<Waits[]> {
  return TimingHelper.with(async (helper) => {
    const results: Waits[] = [];
    const isOver = (): boolean => context.interrupted() || context.remainingMs() === 0;
    for (const [done, { access, way }] of pairs.entries()) {
      if (isOver()) break;
      context.progress(`${access.title}, ${WAYS[way]}`, done, pairs.length);
      const waits = await measureWaits(kvm, helper, access, way, count, isOver);
      if (waits.length > 0) results.push({ access, way, waits });
    }
    return results;
  });
}

/** Ways, for people. */
export const WAYS: Readonly<Record<Way, string>> = {
  'kvm-told': 'KVM decides, the guest has enabled async page faults',
  'kvm-untold': 'KVM decides, the guest has no async page faults',
  'kvm-block': 'KVM must not halt the vCPU',
  exit: 'exit, and the VMM waits',
};

/** Waits with one outcome, of all; 0 for none. */
export function outcomeShare(waits: readonly Wait[], outcome: Wait['outcome']): number {
  return waits.length === 0 ? 0 : waits.filter((wait) => wait.outcome === outcome).length / waits.length;
}

/** Times from an interrupt to its handler, of the waits with one outcome, ns. */
export function interruptTimes(all: readonly Waits[], outcome: Wait['outcome'], access?: Access['id']): number[] {
  return all
    .filter((of) => access === undefined || of.access.id === access)
    .flatMap(({ waits }) => waits.filter((wait) => wait.outcome === outcome).flatMap(({ interruptNs }) => interruptNs ?? []));
}

/** A row for each pair. */
export function interruptionRows(all: readonly Waits[]): Row[] {
  return all.map(({ access, way, waits }): Row => {
    const times = waits.flatMap(({ interruptNs }) => interruptNs ?? []);
    const wakes = waits.map(({ wakeNs }) => wakeNs);
    return {
      access: access.title, way: WAYS[way], waits: waits.length,
      toldShare: outcomeShare(waits, 'told'), haltedShare: outcomeShare(waits, 'halted'), blockedShare: outcomeShare(waits, 'blocked'), exitedShare: outcomeShare(waits, 'exited'),
      tookInterruptShare: waits.filter(({ tookIt }) => tookIt).length / waits.length,
      interruptP50Ns: times.length === 0 ? null : median(times), interruptP90Ns: times.length === 0 ? null : quantile(times, 0.9), wakeP50Ns: median(wakes), wakeP90Ns: quantile(wakes, 0.9),
    };
  });
}
