/**
 * Waits for pages that are expected sooner than telling the guest would pay, by what pages of the same class took so far: an exponentially
 * weighted mean for each class, and a band around the threshold in which the answer stays what it was.
 */
import { Resolution, type FaultFacts, type FaultPolicy, type PolicyMemory } from './fault-policy.js';

/** Classes told apart; higher ones share the last. */
export const MOST_PAGE_CLASSES = 16;
/** Weight of a new sample. */
const WEIGHT = 1 / 8;
/** What was sync becomes async again only beyond threshold times this. */
const HYSTERESIS = 1.25;

/** Options of {@link LatencyPolicy}. */
export interface LatencyPolicyOptions {
  /** Break-even: a page expected sooner than this is waited for, ns. */
  readonly thresholdNs: number;
}

/** See the module's comment. */
export class LatencyPolicy implements FaultPolicy {
  /** Mean by class, ns; 0 for a class of which nothing is known yet. One store each: a lost sample among many is no harm. */
  private readonly meanNs: Float64Array;
  /** Bit n: class n is waited for. */
  private readonly verdicts: Int32Array;

  constructor(
    private readonly options: LatencyPolicyOptions,
    memory: PolicyMemory,
  ) {
    this.meanNs = new Float64Array(memory, 0, MOST_PAGE_CLASSES);
    this.verdicts = new Int32Array(memory, MOST_PAGE_CLASSES * 8, 1);
  }

  get revision(): number {
    return Atomics.load(this.verdicts, 0);
  }

  /** What a page of this class is expected to take, ns; 0 when nothing is known. */
  expectedNs(pageClass: number): number {
    return this.meanNs[known(pageClass)];
  }

  decide(fault: Readonly<FaultFacts>): Resolution {
    return (Atomics.load(this.verdicts, 0) & (1 << known(fault.pageClass))) === 0 ? Resolution.ASYNC : Resolution.SYNC;
  }

  observe(_page: number, pageClass: number, elapsedNs: number): void {
    const at = known(pageClass);
    const before = this.meanNs[at];
    const mean = before === 0 ? elapsedNs : before + (elapsedNs - before) * WEIGHT;
    this.meanNs[at] = mean;
    const bit = 1 << at;
    if (mean < this.options.thresholdNs) {
      if ((Atomics.load(this.verdicts, 0) & bit) === 0) Atomics.or(this.verdicts, 0, bit);
    } else if (mean > this.options.thresholdNs * HYSTERESIS && (Atomics.load(this.verdicts, 0) & bit) !== 0) {
      Atomics.and(this.verdicts, 0, ~bit);
    }
  }
}

function known(pageClass: number): number {
  return pageClass < MOST_PAGE_CLASSES ? pageClass : MOST_PAGE_CLASSES - 1;
}
