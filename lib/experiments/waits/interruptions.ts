/** Waits of several kinds, measured and put into rows. */
import type { Kvm } from '../../kvm/index.js';
import type { ExperimentContext } from '../frame/experiment.js';
import type { Row } from '../frame/report.js';
import { estimate, median, quantile, type Estimate } from '../frame/statistics.js';
import { TimingHelper } from '../helper/timing-helper.js';
import { perRound } from '../workload/rounds.js';
import { measureWaits, type Access, type Wait, type Way } from './interrupted-wait.js';

/** A wait and the round that it was made in, with a new machine. */
export interface RoundWait extends Wait {
  readonly round: number;
}

/** All waits of one access in one way. */
export interface Waits {
  readonly access: Access;
  readonly way: Way;
  readonly waits: readonly RoundWait[];
}

/** Which waits to measure. */
export interface WaitPair {
  readonly access: Access;
  readonly way: Way;
}

/** Waits of every pair, which grow by the round. */
export class Interruptions {
  private readonly waits = new Map<WaitPair, RoundWait[]>();

  /** @param count - waits of each pair a round */
  constructor(private readonly context: ExperimentContext, private readonly kvm: Kvm, private readonly pairs: readonly WaitPair[], private readonly count: number) {}

  /** A round: a new machine for every pair. Pairs that time does not allow are left out. */
  async measure(round: number): Promise<void> {
    await TimingHelper.with(async (helper) => {
      for (const [done, pair] of this.pairs.entries()) {
        if (this.context.interrupted()) break;
        this.context.progress(`round ${round + 1}: ${pair.access.title}, ${WAYS[pair.way]}`, done, this.pairs.length);
        const waits = await measureWaits(this.kvm, helper, pair.access, pair.way, this.count, () => this.context.interrupted());
        this.waits.set(pair, [...(this.waits.get(pair) ?? []), ...waits.map((wait) => ({ ...wait, round }))]);
      }
    });
  }

  /** All that were made. */
  get results(): Waits[] {
    return [...this.waits].flatMap(([pair, waits]) => (waits.length === 0 ? [] : [{ ...pair, waits }]));
  }
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

/** From an interrupt to its handler, of the waits with one outcome, ns: one value a round, the middle one of its machines. Of nothing: NaN, of no rounds. */
export function interruptNs(all: readonly Waits[], outcome: Wait['outcome'], access?: Access['id']): Estimate {
  const waits = all.filter((of) => access === undefined || of.access.id === access).flatMap((of) => of.waits.filter((wait) => wait.outcome === outcome && wait.interruptNs !== null));
  return estimate(perRound(waits, (ofRound) => median(ofRound.map((wait) => wait.interruptNs ?? NaN))));
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
