/** Policies by their modules: this project's own, and anybody's. */
import { FaultLabError, isCoded } from '../../errors/index.js';
import { builtInPolicy, openFaultPolicy } from './built-in.js';
import type { FaultPolicy, FaultPolicyExports, FaultPolicyModule, PolicyMemory } from './fault-policy.js';

/**
 * Loads a policy in this Worker.
 * @throws FaultLabError: `POLICY_UNUSABLE` for a module that cannot be loaded or is none of a policy, `POLICY_FAILED` when its `openFaultPolicy` throws
 */
export async function loadFaultPolicy(named: FaultPolicyModule, memory: PolicyMemory): Promise<FaultPolicy> {
  const { openFaultPolicy: open } = await importPolicy(named.module);
  if (typeof open !== 'function') throw unusable(named.module, 'it does not export openFaultPolicy(options, memory)');
  // A user's own module may return anything.
  let policy: unknown;
  try {
    policy = await open(named.options, memory);
  } catch (error) {
    if (isCoded(error)) throw error;
    throw new FaultLabError('POLICY_FAILED', `the policy ${named.module} failed when it was opened: ${wordsOf(error)}`, { cause: error });
  }
  if (!isPolicy(policy)) throw unusable(named.module, 'what its openFaultPolicy() returns has no decide()');
  return policy;
}

function isPolicy(value: unknown): value is FaultPolicy {
  return typeof value === 'object' && value !== null && typeof (value as Partial<FaultPolicy>).decide === 'function';
}

async function importPolicy(module: string): Promise<Partial<FaultPolicyExports>> {
  // Those of this project are here already; a file of their own would be read and compiled once more.
  if (module === builtInPolicy({ name: 'always-sync' }).module) return { openFaultPolicy };
  try {
    return (await import(module)) as Partial<FaultPolicyExports>;
  } catch (error) {
    throw unusable(module, wordsOf(error), error);
  }
}

function unusable(module: string, why: string, cause?: unknown): FaultLabError {
  return new FaultLabError('POLICY_UNUSABLE', `the policy ${module} cannot be used: ${why}`, { ...(cause === undefined ? {} : { cause }) });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
