import { FaultLabError } from '../../lib/errors/index.js';
import { capabilities, type CapabilityName } from '../../lib/uapi/index.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';
import type { CapabilityValues, Observations, KvmObservations, Probed } from '../../lib/cli/doctor/observations.js';

/** Values of KVM_CHECK_EXTENSION: 1 for everything, but for what is given. */
export function capabilityValues(changes: Partial<Record<CapabilityName, number>> = {}): CapabilityValues {
  const all = Object.fromEntries(Object.keys(capabilities).map((name) => [name, 1])) as Record<CapabilityName, number>;
  return { ...all, X86_DISABLE_EXITS: 0xf, ...changes };
}

/** What a KVM with everything says. */
export function kvmObservations(changes: Partial<KvmObservations> = {}): Probed<KvmObservations> {
  return {
    found: true,
    value: {
      apiVersion: 12,
      device: capabilityValues(),
      vm: { found: true, value: capabilityValues() },
      pvFeatures: (1 << 4) | (1 << 10) | (1 << 14),
      ...changes,
    },
  };
}

/** Something that was looked for in vain. */
export function absent(code: string): { readonly found: false; readonly error: FaultLabError } {
  return { found: false, error: new FaultLabError(code, 'could not have it') };
}

/** A host on which everything works, but for what is given. */
export function observations(changes: Partial<Observations> = {}): Observations {
  return {
    host: { kind: 'SVM', kernelRelease: '6.12.0', cpuModel: 'AMD EPYC', cpuCount: 8, virtualized: false, emulated: false },
    node: { version: '20.20.2', napi: 9 },
    addon: { found: true, value: null },
    buildTools: [
      { program: 'g++', aptPackage: 'g++', present: true },
      { program: 'make', aptPackage: 'make', present: true },
      { program: 'python3', aptPackage: 'python3', present: true },
    ],
    guest: { path: '/somewhere/guest.elf', built: true },
    device: { found: true, value: null },
    kvm: kvmObservations(),
    uffd: { found: true, value: { features: ['MISSING_SHMEM', 'SIGBUS', 'THREAD_ID', 'MINOR_SHMEM', 'EXACT_ADDRESS', 'POISON'], way: 'userfaultfd(2)' } },
    proposals: { found: true, value: UAPI_NAMES.map((name) => ({ name, native: true, why: `this kernel has ${name}`, facts: [] })) },
    memory: { totalBytes: 8 * 2 ** 30, availableBytes: 4 * 2 ** 30 },
    ...changes,
  };
}
