import { packageVersion } from '../../bench/index.js';
import type { Host } from '../../kvm/index.js';
import type { Fact } from '../../probes/index.js';
import type { Check } from './check.js';
import { checksOf } from './checks.js';
import { observeHost, type Observations } from './observations.js';
import { modeVerdicts, type ModeVerdict } from './modes.js';
import { proposalVerdicts, type ProposalVerdict } from './proposals.js';

/** Raised when a field of the report changes its meaning or goes away. */
export const DOCTOR_VERSION = 1;

/** What the doctor found. Plain data: `--json` prints it as it is. */
export interface DoctorReport {
  readonly doctorVersion: number;
  readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
  readonly host: Host;
  readonly checks: readonly Check[];
  readonly modes: readonly ModeVerdict[];
  /** How each uAPI profile runs here. */
  readonly proposals: readonly ProposalVerdict[];
  /** What experiments showed (`collectFacts`); absent where none were made. */
  readonly facts?: readonly Fact[];
}

/** Runs every check on this host, or on made-up observations; no experiments. Never throws. */
export function examine(observed: Observations = observeHost()): DoctorReport {
  const modes = modeVerdicts(observed);
  return {
    doctorVersion: DOCTOR_VERSION,
    tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
    host: observed.host,
    checks: checksOf(observed),
    modes,
    proposals: proposalVerdicts(observed, modes),
  };
}
