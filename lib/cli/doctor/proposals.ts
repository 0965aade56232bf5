import type { UapiFact } from '../../kvm/index.js';
import { UAPI_NAMES, type UapiName } from '../../uapi/proposals/index.js';
import type { ModeStatus, ModeVerdict } from './modes.js';
import type { Observations } from './observations.js';

/** A uAPI profile and what this host makes of it. */
export interface ProposalVerdict {
  readonly name: UapiName;
  /** `native`: by the kernel's own ioctls. `emulated`: by this project, on a stock kernel. */
  readonly status: ModeStatus;
  readonly why: string;
  /** What the kernel was asked; empty where nobody could ask it. */
  readonly facts: readonly UapiFact[];
  /** Present where the status is `cannot`. */
  readonly remedy?: string;
}

/** The delivery mode whose machinery a profile's emulation uses. */
const EMULATED_LIKE = { stock: 'apf-kernel', userfault: 'sync-exit', 'async-pf-user-2024': 'apf-user', 'async-pf-userfault-2026': 'apf-user', 'sync-async-2bit': 'apf-user' } as const;

/** What this host makes of each uAPI profile, and why. */
export function proposalVerdicts({ proposals }: Observations, modes: readonly ModeVerdict[]): ProposalVerdict[] {
  return UAPI_NAMES.map((name) => {
    const support = proposals.found ? proposals.value.find((known) => known.name === name) : undefined;
    const like = modes.find(({ mode }) => mode === EMULATED_LIKE[name]);
    const facts = support?.facts ?? [];
    if (like?.status === 'cannot') return { name, status: 'cannot', why: `mode ${like.mode} cannot run here: ${like.why}`, facts, remedy: like.remedy ?? '' };
    if (support === undefined) return { name, status: 'cannot', why: 'KVM could not be asked', facts, remedy: proposals.found ? '' : (proposals.error.hint ?? proposals.error.message) };
    if (support.native) return { name, status: 'native', why: support.why, facts };
    // Every kernel has what `stock` is about, and there is nothing to emulate in its place.
    return name === 'stock' ? { name, status: 'cannot', why: support.why, facts, remedy: 'Use a kernel since 5.8.' } : { name, status: 'emulated', why: support.why, facts };
  });
}
