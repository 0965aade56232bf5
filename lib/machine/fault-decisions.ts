/** Asks the machine's policy about a fault, from a vCPU Worker or a resolver Worker. */
import { FaultLabError, isCoded } from '../errors/index.js';
import { Resolution, type FaultFacts, type FaultPolicy, type PageLatency, type PageStates } from '../faults/index.js';

/** See the module's comment. One for each Worker. */
export class FaultDecisions {
  private readonly facts: FaultFacts;

  /** @param vcpu - the Worker's; -1 in a resolver */
  constructor(
    private readonly policy: FaultPolicy,
    private readonly latency: PageLatency,
    private readonly states: PageStates,
    vcpu: number,
  ) {
    this.facts = { page: 0, pageClass: 0, state: 0, vcpu, told: false };
  }

  /** {@inheritDoc FaultPolicy.revision} */
  get revision(): number {
    return this.policy.revision ?? 0;
  }

  /**
   * What is to become of a fault.
   * @param told - the guest was told already
   * @throws FaultLabError `POLICY_FAILED` when the policy throws, or answers something else
   */
  decide(page: number, told: boolean): Resolution {
    this.facts.page = page;
    this.facts.pageClass = this.latency.classOf(page);
    this.facts.state = this.states.get(page);
    this.facts.told = told;
    // A user's own policy may answer anything.
    let resolution: number;
    try {
      resolution = this.policy.decide(this.facts);
    } catch (error) {
      this.refuse('the fault', page, error);
    }
    if (resolution === Resolution.SYNC || resolution === Resolution.ASYNC) return resolution;
    return this.refuse('the fault', page, new TypeError(`it answered '${String(resolution)}'`));
  }

  /**
   * A page came, `elapsedNs` after it was asked for.
   * @throws FaultLabError `POLICY_FAILED` when the policy throws
   */
  observe(page: number, elapsedNs: number): void {
    try {
      this.policy.observe?.(page, this.latency.classOf(page), elapsedNs);
    } catch (error) {
      this.refuse('the arrival', page, error);
    }
  }

  private refuse(what: string, page: number, error: unknown): never {
    if (isCoded(error)) throw error;
    throw new FaultLabError('POLICY_FAILED', `the policy failed at ${what} of page ${page}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
