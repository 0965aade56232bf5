/** How rules are written down. */
import type { RuleObservable, UapiRule } from './profile.js';

/** A rule that something outside KVM shows. */
export function rule(id: string, observable: Exclude<RuleObservable, 'kernel-only'>, sentence: string, source: string): UapiRule {
  return { id, sentence, source, observable };
}

/** A rule that nothing outside KVM shows, and why. */
export function unseenRule(id: string, sentence: string, source: string, unseenBecause: string): UapiRule {
  return { id, sentence, source, observable: 'kernel-only', unseenBecause };
}
