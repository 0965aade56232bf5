import type { CapabilityNumbers } from '../../kvm/index.js';
import { collectFacts } from '../../probes/index.js';
import { observeHost } from './observations.js';
import { layoutFor, type DoctorOutput } from './output.js';
import { render } from './render.js';
import { examine, type DoctorReport } from './report.js';

export type { Check, CheckStatus } from './check.js';
export { runComparison, tableShape, type ComparisonOptions } from './compare/index.js';
export type { Observations } from './observations.js';
export type { ModeStatus, ModeVerdict } from './modes.js';
export type { ProposalVerdict } from './proposals.js';
export type { DoctorOutput } from './output.js';
export { render, type RenderOptions } from './render.js';
export { DOCTOR_VERSION, examine, type DoctorReport } from './report.js';

/** Options of `kvm-faultlab doctor`. */
export interface DoctorOptions {
  /** The report as JSON in place of a table. */
  readonly json?: boolean;
  /** Show what experiments find as well; JSON always holds it. */
  readonly facts?: boolean;
  /** Capability numbers of proposals where they are not the profiles' own. */
  readonly numbers?: CapabilityNumbers;
  readonly output?: DoctorOutput;
  /** A report made elsewhere; this host's where left out. */
  readonly report?: DoctorReport;
}

/**
 * `kvm-faultlab doctor`: prints what this host offers, line by line, and what to do where something is missing. Exit code 0
 * when every delivery mode works here, 1 when one cannot.
 */
export async function runDoctor({ json = false, facts = false, numbers = {}, output = process.stdout, report: given }: DoctorOptions = {}): Promise<number> {
  const report = given ?? (await reportOf(numbers, json || facts));
  output.write(json ? `${JSON.stringify(report, null, 2)}\n` : render(report, layoutFor(output)));
  return report.modes.every(({ status }) => status !== 'cannot') ? 0 : 1;
}

async function reportOf(numbers: CapabilityNumbers, withFacts: boolean): Promise<DoctorReport> {
  const report = examine(observeHost('/dev/kvm', numbers));
  return withFacts ? { ...report, facts: await collectFacts() } : report;
}
