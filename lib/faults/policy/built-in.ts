/** The policies that have a name. */
import { FaultLabError } from '../../errors/index.js';
import { FixedPolicy, StatePolicy } from './fixed-policy.js';
import { Resolution, type FaultPolicy, type FaultPolicyModule, type PolicyMemory } from './fault-policy.js';
import { LatencyPolicy } from './latency-policy.js';

/** Names of the policies of this project, in the order help shows them. */
export const POLICY_NAMES = ['always-async', 'always-sync', 'latency', 'state'] as const;

/** Name of a policy of this project. */
export type PolicyName = (typeof POLICY_NAMES)[number];

/** Break-even that `latency` takes when none is given, ns: what two events cost on hosts where the guest kernel runs natively. */
export const DEFAULT_THRESHOLD_NS = 30_000;

/** A policy of this project as plain data. */
export type BuiltInPolicy = { readonly name: 'always-async' | 'always-sync' | 'state' } | { readonly name: 'latency'; readonly thresholdNs: number };

/** Names a policy of this project to Workers. */
export function builtInPolicy(policy: BuiltInPolicy): FaultPolicyModule {
  return { module: import.meta.url, options: policy };
}

/** Entry point for Workers. */
export function openFaultPolicy(options: unknown, memory: PolicyMemory): FaultPolicy {
  const policy = options as BuiltInPolicy;
  switch (policy.name) {
    case 'always-async':
      return new FixedPolicy(Resolution.ASYNC);
    case 'always-sync':
      return new FixedPolicy(Resolution.SYNC);
    case 'latency':
      return new LatencyPolicy(policy, memory);
    case 'state':
      return new StatePolicy();
    default:
      throw new FaultLabError('BAD_OPTION', `unknown policy '${String((policy as { name: unknown }).name)}'`, { hint: `policies are ${POLICY_NAMES.join(', ')}` });
  }
}
