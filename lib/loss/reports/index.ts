/** Reports of lost memory, by name. */
import { FaultLabError } from '../../errors/index.js';
import type { LossReport } from '../report.js';
import { asyncPfError } from './async-pf-error.js';
import { exit } from './exit.js';
import { lease } from './lease.js';
import { loop } from './loop.js';
import { mce } from './machine-check.js';
import { reflectPolicy } from './reflect-policy.js';
import { veResolve } from './resolving.js';
import { ve } from './virtualization.js';

export { leaseReport, type LeaseEvent, type LeaseOptions } from './lease.js';
export { loopReport } from './loop.js';
export { reflectReport, type ReflectOptions } from './reflect-policy.js';

/** All of them, in the order of the comparison. */
export const LOSS_REPORTS: readonly LossReport[] = [exit, loop, asyncPfError, mce, ve, veResolve, lease, reflectPolicy];

/**
 * The report of this name.
 * @throws FaultLabError `BAD_OPTION`
 */
export function lossReport(name: string): LossReport {
  const report = LOSS_REPORTS.find((candidate) => candidate.name === name);
  if (report === undefined) throw new FaultLabError('BAD_OPTION', `there is no report '${name}' of lost memory`, { hint: `reports are ${LOSS_REPORTS.map((known) => known.name).join(', ')}` });
  return report;
}
