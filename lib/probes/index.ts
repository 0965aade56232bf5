/**
 * Host facts that only an experiment shows: small guests on the real KVM, each asking one question. `collectFacts` runs all of them.
 */
export { catalogue } from './catalogue.js';
export { collectFacts, type CollectOptions } from './collect-facts.js';
export { kernelInstructionCode } from './experiments/kernel-instructions.js';
export { userInstructionCode } from './experiments/user-instructions.js';
export type { Fact, Finding, Probe, ProbeContext, ProbeGroup } from './probe.js';
export { HelperThread, type FaultingThread } from './helper/index.js';
export { patience } from './patience.js';
export { TinyGuest, addresses, describeEnd, describeVector, type ApicKind, type GuestEnd, type PageMemory, type TinyGuestOptions } from './tiny-guest/index.js';
