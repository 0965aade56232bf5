/**
 * The CPUID leaves a vCPU shows: what KVM supports, this vCPU's APIC id, and whether the guest is offered async page faults.
 */
import {
  CPUID_1_ECX_HYPERVISOR,
  CPUID_1_ECX_X2APIC,
  KVM_CPUID_FEATURES,
  KVM_FEATURE_ASYNC_PF,
  KVM_FEATURE_ASYNC_PF_INT,
  KVM_FEATURE_ASYNC_PF_VMEXIT,
  setCpuidBit,
  type CpuidEntry,
} from '../uapi/index.js';

/** Leaves with the x2APIC id in EDX. */
const TOPOLOGY_LEAVES = [0x0b, 0x1f];

/**
 * Makes the CPUID table of one vCPU.
 * @param supported - KVM_GET_SUPPORTED_CPUID's entries
 * @param apicId - below 255
 * @param offerAsyncPf - show the async page fault features, exactly the same whoever implements them
 * @returns what KVM_SET_CPUID2 takes; `supported` stays as it is
 */
export function guestCpuid(supported: readonly CpuidEntry[], apicId: number, offerAsyncPf: boolean): CpuidEntry[] {
  const entries = supported.map((entry) => ({ ...entry }));
  setCpuidBit(entries, 1, 'ecx', CPUID_1_ECX_X2APIC);
  setCpuidBit(entries, 1, 'ecx', CPUID_1_ECX_HYPERVISOR);
  for (const entry of entries) {
    if (entry.function === 1) entry.ebx = ((entry.ebx & 0x00ffffff) | (apicId << 24)) >>> 0;
    if (TOPOLOGY_LEAVES.includes(entry.function)) entry.edx = apicId;
  }
  setCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF, offerAsyncPf);
  setCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT, offerAsyncPf);
  // Only nested guests need it, and the VMM's own end does not offer it.
  setCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_VMEXIT, false);
  return entries;
}
