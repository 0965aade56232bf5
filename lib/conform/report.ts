/** Results for a program. */
import type { Host } from '../kvm/index.js';
import type { UapiProfile } from '../uapi/proposals/index.js';
import type { CaseResult } from './suite.js';
import type { ChosenTarget } from './targets/choose-target.js';

/** Changes whenever a reader of the former one would be wrong. */
const VERSION = 1;

/** What `conform --json` writes. */
export interface ConformReport {
  readonly format: 'kvm-faultlab-conform';
  readonly version: typeof VERSION;
  readonly uapi: string;
  readonly target: 'native' | 'emulated';
  /** Why this target. */
  readonly why: string;
  readonly host: Host;
  /** Numbers under which capabilities were asked for, by option name. */
  readonly capabilities: Readonly<Record<string, number>>;
  readonly counts: { readonly ok: number; readonly notOk: number; readonly skip: number };
  readonly cases: readonly {
    readonly id: string;
    readonly sentence: string;
    readonly source: string;
    readonly outcome: CaseResult['outcome'];
    readonly reason?: string;
    readonly diagnostics: readonly string[];
    readonly durationMs: number;
  }[];
  /** Emulated: what the emulation cannot show. */
  readonly notReproduced: readonly string[];
}

/** Puts a report together. */
export function conformReport(profile: UapiProfile, { target, why }: ChosenTarget, host: Host, results: readonly CaseResult[]): ConformReport {
  const count = (outcome: CaseResult['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  return {
    format: 'kvm-faultlab-conform',
    version: VERSION,
    uapi: profile.name,
    target: target.kind,
    why,
    host,
    capabilities: Object.fromEntries(profile.capabilities.map(({ option, number }) => [option, number])),
    counts: { ok: count('ok'), notOk: count('not ok'), skip: count('skip') },
    cases: results.map(({ rule: { id, sentence, source }, outcome, reason, diagnostics, durationMs }) => ({
      id,
      sentence,
      source,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      diagnostics,
      durationMs,
    })),
    notReproduced: target.kind === 'emulated' ? profile.notReproduced : [],
  };
}
