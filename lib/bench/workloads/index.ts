/** What a bench can have the guest do. */
import { demandPaging } from './demand-paging.js';
import { faultAndWork, twoSpeed } from './fault-and-work.js';
import { restore } from './restore.js';
import type { Workload } from './workload.js';

export { workingSetPages } from './restore.js';
export type { RowChoice, Workload, WorkloadRow } from './workload.js';

/** Every workload by the name that `--workload` takes. */
export const WORKLOADS = {
  'fault-and-work': faultAndWork,
  'two-speed': twoSpeed,
  'demand-paging': demandPaging,
  restore,
} as const satisfies Readonly<Record<string, Workload>>;

/** The name of a workload. */
export type WorkloadName = keyof typeof WORKLOADS;

/** {@link WorkloadName}s in the order in which help shows them. */
export const WORKLOAD_NAMES = Object.keys(WORKLOADS) as readonly WorkloadName[];

/** True for the name of a workload. */
export function isWorkloadName(name: string): name is WorkloadName {
  return Object.hasOwn(WORKLOADS, name);
}
