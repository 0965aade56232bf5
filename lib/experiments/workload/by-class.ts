/** The choice that two bits a page are for: what is at hand is waited for, what is far away is left to the guest. User space knows which is which. */
import { QUICK_CLASS, Resolution, type FaultPolicy, type FaultPolicyModule } from '../../faults/index.js';

/** Names the policy to Workers. */
export const BY_CLASS: FaultPolicyModule = { module: import.meta.url, options: null };

/** Entry point for Workers. */
export function openFaultPolicy(): FaultPolicy {
  return { decide: ({ pageClass }) => (pageClass === QUICK_CLASS ? Resolution.SYNC : Resolution.ASYNC) };
}
