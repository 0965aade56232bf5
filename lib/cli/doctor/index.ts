import { probe, type DoctorReport } from './probe.js';
import { render } from './render.js';

export type { Check, CheckStatus } from './check.js';
export type { DoctorFacts } from './facts.js';
export type { ModeStatus, ModeVerdict } from './modes.js';
export { probe, type DoctorReport } from './probe.js';
export { render, type RenderOptions } from './render.js';

/** Where the report goes: process.stdout, or anything that takes text. */
export interface DoctorOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Options of `kvm-faultlab doctor`. */
export interface DoctorOptions {
  /** The report as JSON in place of a table. */
  readonly json?: boolean;
  readonly output?: DoctorOutput;
  /** A report made elsewhere; this host's where left out. */
  readonly report?: DoctorReport;
}

const WIDTH_WITHOUT_TERMINAL = 120;
const WIDEST = 160;

/**
 * `kvm-faultlab doctor`: prints what this host offers, line by line, and what to do where something is missing. Exit code 0
 * when every delivery mode works here, 1 when one cannot.
 */
export function runDoctor({ json = false, output = process.stdout, report = probe() }: DoctorOptions = {}): Promise<number> {
  const terminal = output.isTTY === true;
  const width = Math.min(WIDEST, terminal ? (output.columns ?? WIDTH_WITHOUT_TERMINAL) : WIDTH_WITHOUT_TERMINAL);
  output.write(json ? `${JSON.stringify(report, null, 2)}\n` : render(report, { colors: terminal && process.env['NO_COLOR'] === undefined, width }));
  return Promise.resolve(report.modes.every(({ status }) => status !== 'cannot') ? 0 : 1);
}
