import type { Host } from '../../kvm/index.js';
import type { Check } from './check.js';
import { checksOf } from './checks.js';
import { gatherFacts, type DoctorFacts } from './facts.js';
import { modeVerdicts, type ModeVerdict } from './modes.js';

/** What the doctor found. Plain data: `--json` prints it as it is. */
export interface DoctorReport {
  readonly host: Host;
  readonly checks: readonly Check[];
  readonly modes: readonly ModeVerdict[];
}

/** Runs every check on this host, or on made-up facts. Never throws. */
export function probe(facts: DoctorFacts = gatherFacts()): DoctorReport {
  return { host: facts.host, checks: checksOf(facts), modes: modeVerdicts(facts) };
}
