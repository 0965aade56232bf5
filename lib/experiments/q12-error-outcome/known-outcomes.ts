/** Outcomes as measured on hosts that we have. A kernel that does otherwise has changed: the experiment says where. */
import type { Host } from '../../kvm/index.js';
import type { OutcomeRow } from './outcome-rows.js';

/** What a host is known by. */
type HostId = Pick<Host, 'kind' | 'kernelRelease'>;

/** What was measured on one kind of host. */
export interface KnownHost {
  /** In words, for whoever compares. */
  readonly title: string;
  readonly is: (host: HostId) => boolean;
  /** Memory that could not be tried there has no rows. */
  readonly rows: readonly OutcomeRow[];
}

const row = (memory: string, cpl: 0 | 3, asyncPageFaults: string, access: string, outcome: string): OutcomeRow => ({ memory, cpl, asyncPageFaults, access, outcome });

/** The kernel of docs/LAB-KERNEL.md, which fills the memory-fault exit. */
const isOwn = (kernelRelease: string): boolean => kernelRelease.includes('-faultlab');

/** See the module's comment. */
export const KNOWN_HOSTS: readonly KnownHost[] = [
  {
    title: 'a PVM host with Linux 6.18',
    is: ({ kind }) => kind === 'PVM',
    rows: [
      row('present', 3, 'all', 'all', 'runs'),
      row('present', 0, 'all', 'all', 'runs'),
      row('sigbus', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('sigbus', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('sigbus', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('sigbus', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('sigbus', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('truncated', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('truncated', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated-file', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated-file', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('truncated-file', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('truncated-file', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated-file', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('munmap', 3, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('munmap', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('munmap', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('prot-none', 3, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('prot-none', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('prot-none', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('poison', 3, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('poison', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('poison', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
      row('memfd-hole', 3, 'all', 'load', 'runs, and loads other contents'),
      row('memfd-hole', 3, 'all', 'store', 'runs'),
      row('memfd-hole', 3, 'all', 'fetch', 'runs, and fetches other contents'),
      row('memfd-hole', 0, 'all', 'load', 'runs, and loads other contents'),
      row('memfd-hole', 0, 'all', 'store', 'runs'),
      row('memfd-hole', 0, 'all', 'fetch', 'runs, and fetches other contents'),
      row('memfd-shared', 3, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('memfd-shared', 0, 'all', 'load, store', 'KVM_EXIT_MMIO; names the gpa'),
      row('memfd-shared', 0, 'all', 'fetch', 'KVM_INTERNAL_ERROR_EMULATION'),
    ],
  },
  {
    title: 'an emulated SVM host with the lab\'s own kernel, Linux 6.12',
    is: ({ kind, kernelRelease }) => kind === 'SVM' && isOwn(kernelRelease),
    rows: [
      row('present', 3, 'all', 'all', 'runs'),
      row('present', 0, 'all', 'all', 'runs'),
      row('sigbus', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('sigbus', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('sigbus', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('sigbus', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('sigbus', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('truncated', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('truncated', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated-file', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('truncated-file', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('truncated-file', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated-file', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated-file', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('munmap', 3, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('munmap', 0, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('prot-none', 3, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('prot-none', 0, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('poison', 3, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('poison', 0, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('hwpoison', 3, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('hwpoison', 0, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('memfd-shared', 3, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('memfd-shared', 0, 'all', 'all', 'EFAULT, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('memfd-private-hole', 3, 'all', 'load', 'runs, and loads other contents'),
      row('memfd-private-hole', 3, 'all', 'store', 'runs'),
      row('memfd-private-hole', 3, 'all', 'fetch', 'runs, and fetches other contents'),
      row('memfd-private-hole', 0, 'all', 'load', 'runs, and loads other contents'),
      row('memfd-private-hole', 0, 'all', 'store', 'runs'),
      row('memfd-private-hole', 0, 'all', 'fetch', 'runs, and fetches other contents'),
      row('memfd-poison', 3, 'all', 'all', 'EHWPOISON, KVM_EXIT_MEMORY_FAULT; names the gpa'),
      row('memfd-poison', 0, 'all', 'all', 'EHWPOISON, KVM_EXIT_MEMORY_FAULT; names the gpa'),
    ],
  },
  {
    title: 'an emulated SVM host with a stock kernel, Linux 6.12',
    is: ({ kind, kernelRelease }) => kind === 'SVM' && !isOwn(kernelRelease),
    rows: [
      row('present', 3, 'all', 'all', 'runs'),
      row('present', 0, 'all', 'all', 'runs'),
      row('sigbus', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('sigbus', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('sigbus', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('sigbus', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('sigbus', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('truncated-file', 3, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated-file', 0, 'no APIC, no HLT exits', 'all', 'EFAULT, exit_reason 0'),
      row('truncated-file', 3, 'APF off', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated-file', 0, 'APF off, APF on', 'all', 'KVM_RUN does not return (retries); endless'),
      row('truncated-file', 3, 'APF on', 'all', 'not present, ready, not present, ...: KVM_RUN never fails'),
      row('munmap', 3, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('munmap', 0, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('prot-none', 3, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('prot-none', 0, 'all', 'all', 'EFAULT, exit_reason 0'),
      row('poison', 3, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('poison', 0, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('hwpoison', 3, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
      row('hwpoison', 0, 'all', 'all', 'KVM_EXIT_INTR; SIGBUS, BUS_MCEERR_AR; names the hva'),
    ],
  },
];

/** What is known of hosts of this kind; undefined where nothing is. */
export function knownHostOf(host: HostId): KnownHost | undefined {
  return KNOWN_HOSTS.find(({ is }) => is(host));
}
