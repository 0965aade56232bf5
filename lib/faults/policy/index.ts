/** Who decides whether a vCPU waits for its page: policies, and how they are named to Workers. */
export { DEFAULT_THRESHOLD_NS, POLICY_NAMES, builtInPolicy, type BuiltInPolicy, type PolicyName } from './built-in.js';
export { POLICY_MEMORY_BYTES, Resolution, type FaultFacts, type FaultPolicy, type FaultPolicyExports, type FaultPolicyModule, type PolicyMemory } from './fault-policy.js';
export { FixedPolicy, StatePolicy } from './fixed-policy.js';
export { loadFaultPolicy } from './load-policy.js';
export { LatencyPolicy, MOST_PAGE_CLASSES, type LatencyPolicyOptions } from './latency-policy.js';
