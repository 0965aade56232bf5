/** Which instructions a vCPU must be able to execute, by its CPUID. */
import { hasCpuidBit, type CpuidEntry, type CpuidRegister } from '../../../lib/uapi/index.js';
import type { Feature } from './form.js';

const PLACES: Readonly<Record<Feature, readonly [leaf: number, register: CpuidRegister, bit: number]>> = {
  cmpxchg16b: [1, 'ecx', 13],
  movbe: [1, 'ecx', 22],
  popcnt: [1, 'ecx', 23],
  avx: [1, 'ecx', 28],
  avx2: [7, 'ebx', 5],
  avx512f: [7, 'ebx', 16],
  clzero: [0x8000_0008, 'ebx', 0],
  monitorx: [0x8000_0001, 'ecx', 29],
};

/** Features that CPUID does not show. A vCPU may have them all the same: not every KVM can keep an instruction from the guest. */
export function hiddenFeatures(cpuid: readonly CpuidEntry[], features: readonly Feature[]): Feature[] {
  return features.filter((feature) => !hasCpuidBit(cpuid, ...PLACES[feature]));
}
