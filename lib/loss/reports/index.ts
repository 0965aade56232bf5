/** Reports of lost memory, by name. */
import { FaultLabError } from '../../errors/index.js';
import type { LossReport } from '../report.js';
import { asyncPfError } from './async-pf-error.js';
import { exit } from './exit.js';
import { mce } from './machine-check.js';
import { veResolve } from './resolving.js';
import { ve } from './virtualization.js';

/** All of them, in the order of the comparison. */
export const LOSS_REPORTS: readonly LossReport[] = [exit, asyncPfError, mce, ve, veResolve];

/**
 * The report of this name.
 * @throws FaultLabError `BAD_OPTION`
 */
export function lossReport(name: string): LossReport {
  const report = LOSS_REPORTS.find((candidate) => candidate.name === name);
  if (report === undefined) throw new FaultLabError('BAD_OPTION', `there is no report '${name}' of lost memory`, { hint: `reports are ${LOSS_REPORTS.map((known) => known.name).join(', ')}` });
  return report;
}
