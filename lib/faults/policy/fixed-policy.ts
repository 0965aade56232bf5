/** Policies that learn nothing: the same answer for every fault, or one by where the page stands. */
import { PageState } from '../page-states.js';
import { Resolution, type FaultFacts, type FaultPolicy } from './fault-policy.js';

/** Every fault the same way. */
export class FixedPolicy implements FaultPolicy {
  constructor(private readonly resolution: Resolution) {}

  decide(): Resolution {
    return this.resolution;
  }
}

/** Waits for what is under way or there already, since it will not take its full time any more; leaves the rest to the guest. */
export class StatePolicy implements FaultPolicy {
  decide(fault: Readonly<FaultFacts>): Resolution {
    return fault.state === PageState.MISSING ? Resolution.ASYNC : Resolution.SYNC;
  }
}
