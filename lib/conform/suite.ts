/** Runs the cases of a profile against a target, one after the other. */
import { FaultLabError, describeError } from '../errors/index.js';
import type { UapiProfile, UapiRule } from '../uapi/proposals/index.js';
import { CaseContext, CaseFailure, CaseSkip, type ConformanceCase } from './case.js';
import { casesOf } from './cases/index.js';
import type { ConformanceTarget } from './vm.js';

/** What a case came to. */
export interface CaseResult {
  readonly rule: UapiRule;
  readonly outcome: 'ok' | 'not ok' | 'skip';
  /** Why it was skipped; undefined for others. */
  readonly reason?: string;
  /** What was done, expected and found, for one that failed. */
  readonly diagnostics: readonly string[];
  readonly durationMs: number;
}

/** A rule and the case that holds a kernel to it; a rule that nothing outside KVM shows has none. */
export interface PlannedCase {
  readonly rule: UapiRule;
  readonly case: ConformanceCase | undefined;
}

/**
 * The rules of a profile with their cases, in order.
 * @param only - ids of rules; all where left out
 * @throws FaultLabError `BAD_OPTION` for an id that no rule of the profile has
 */
export function planCases(profile: UapiProfile, only?: readonly string[]): PlannedCase[] {
  const unknown = only?.filter((id) => !profile.rules.some((rule) => rule.id === id)) ?? [];
  if (unknown.length > 0) {
    throw new FaultLabError('BAD_OPTION', `${profile.name} has no rule ${unknown.join(', ')}`, { hint: `conform --uapi ${profile.name} --list shows all of them` });
  }
  const byRule = new Map(casesOf(profile.name).map((one) => [one.rule, one]));
  return profile.rules.filter(({ id }) => only?.includes(id) ?? true).map((rule) => ({ rule, case: byRule.get(rule.id) }));
}

/** Runs one case. Never throws: what goes wrong on the way is a failure of the case. */
export async function runCase({ rule, case: one }: PlannedCase, target: ConformanceTarget, profile: UapiProfile): Promise<CaseResult> {
  const start = performance.now();
  const result = (outcome: CaseResult['outcome'], more: { readonly reason?: string; readonly diagnostics?: readonly string[] } = {}): CaseResult => ({
    rule,
    outcome,
    diagnostics: [],
    durationMs: performance.now() - start,
    ...more,
  });
  if (rule.observable === 'kernel-only') return result('skip', { reason: `nothing outside KVM shows it: ${rule.unseenBecause ?? 'no reason is given'}` });
  if (one === undefined) return result('not ok', { diagnostics: ['the suite has no case for this rule'] });
  const context = new CaseContext(target, profile.name);
  try {
    for (const need of one.needs ?? []) {
      const reason = target.lacks(need);
      if (reason !== undefined) return result('skip', { reason });
    }
    await one.run(context);
    return result('ok');
  } catch (error) {
    if (error instanceof CaseSkip) return result('skip', { reason: error.message });
    return result('not ok', { diagnostics: error instanceof CaseFailure ? error.diagnostics : describeError(error).split('\n') });
  } finally {
    context.close();
  }
}
