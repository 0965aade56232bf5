/**
 * A region that N vCPUs page in as fast as they can: pages/s by how faults reach user space and by how many readers serve them. The shape is that of
 * the demand paging test among the kernel's KVM selftests.
 */
import type { RowChoice, Workload, WorkloadRow } from './workload.js';

/** See the module's comment. */
export const demandPaging: Workload = {
  summary: 'vCPUs page in a region as fast as they can: pages/s by how faults reach user space, and by readers',
  rowsAre: 'ways of paging in: none (all pages in place), one userfaultfd with one reader and with one a vCPU, one userfaultfd a vCPU, exits with one resolver and with one a vCPU',
  defaults: { faultTasks: 1, workTasks: 0, controlNs: 0 },
  rows,
};

function rows({ settings: { vcpus }, modes }: RowChoice): WorkloadRow[] {
  const several = vcpus > 1;
  const all: WorkloadRow[] = [
    { name: 'none', mode: 'sync-uffd', populate: true },
    { name: 'uffd-1', mode: 'sync-uffd', resolvers: 1 },
    ...(several
      ? ([
          { name: 'uffd-n', mode: 'sync-uffd', resolvers: vcpus },
          { name: 'uffd-per-vcpu', mode: 'sync-uffd', resolvers: vcpus, userfaultfds: 'per-resolver' },
        ] as const)
      : []),
    { name: 'exit-1', mode: 'sync-exit', resolvers: 1 },
    ...(several ? [{ name: 'exit-n', mode: 'sync-exit', resolvers: vcpus } as const] : []),
  ];
  return all.filter(({ mode, populate }) => populate === true || modes.includes(mode));
}
