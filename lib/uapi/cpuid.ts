import { structLayout } from './layout.js';

/** struct kvm_cpuid_entry2: one CPUID leaf as the guest will see it (api.rst, KVM_SET_CPUID2). */
export const kvmCpuidEntry2Layout = structLayout('kvm_cpuid_entry2', 40, {
  function: [0, 4],
  index: [4, 4],
  flags: [8, 4],
  eax: [12, 4],
  ebx: [16, 4],
  ecx: [20, 4],
  edx: [24, 4],
});

const { fields, size: ENTRY_SIZE } = kvmCpuidEntry2Layout;

/** kvm_cpuid_entry2.flags: `index` matters, the leaf has subleaves. */
export const KVM_CPUID_FLAG_SIGNIFICANT_INDEX = 1 << 0;

/** Leaf with KVM's signature ("KVMKVMKVM" in EBX, ECX, EDX) and the highest paravirtual leaf in EAX. */
export const KVM_CPUID_SIGNATURE = 0x4000_0000;
/** Leaf with the KVM_FEATURE_ bits in EAX. */
export const KVM_CPUID_FEATURES = 0x4000_0001;

/** Bit numbers in EAX of leaf KVM_CPUID_FEATURES (Documentation/virt/kvm/x86/cpuid.rst). */
export const KVM_FEATURE_CLOCKSOURCE2 = 3;
export const KVM_FEATURE_ASYNC_PF = 4;
export const KVM_FEATURE_STEAL_TIME = 5;
export const KVM_FEATURE_PV_EOI = 6;
export const KVM_FEATURE_ASYNC_PF_VMEXIT = 10;
export const KVM_FEATURE_ASYNC_PF_INT = 14;
export const KVM_FEATURE_MSI_EXT_DEST_ID = 15;

/** Bit numbers of ordinary leaves that this project sets or reads (SDM volume 2, CPUID). */
export const CPUID_1_ECX_X2APIC = 21;
export const CPUID_1_ECX_TSC_DEADLINE = 24;
export const CPUID_1_ECX_HYPERVISOR = 31;

/** An output register of CPUID. */
export type CpuidRegister = 'eax' | 'ebx' | 'ecx' | 'edx';

/** One leaf (and subleaf, where `flags` says that `index` matters). Registers are unsigned 32-bit. */
export interface CpuidEntry {
  function: number;
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** Reads a kvm_cpuid_entry2 array. Throws RangeError where the bytes are no whole number of entries. */
export function decodeCpuid(bytes: Uint8Array): CpuidEntry[] {
  if (bytes.byteLength % ENTRY_SIZE !== 0) throw new RangeError(`${bytes.byteLength} bytes are no whole number of kvm_cpuid_entry2 (${ENTRY_SIZE} bytes)`);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / ENTRY_SIZE }, (_, entry) => {
    const read = (field: keyof CpuidEntry): number => data.getUint32(entry * ENTRY_SIZE + fields[field].offset, true);
    return {
      function: read('function'),
      index: read('index'),
      flags: read('flags'),
      eax: read('eax'),
      ebx: read('ebx'),
      ecx: read('ecx'),
      edx: read('edx'),
    };
  });
}

/** Writes a kvm_cpuid_entry2 array: what KVM_SET_CPUID2 takes. */
export function encodeCpuid(entries: readonly CpuidEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * ENTRY_SIZE);
  const data = new DataView(bytes.buffer);
  entries.forEach((entry, at) => {
    for (const field of Object.keys(fields) as (keyof CpuidEntry)[]) data.setUint32(at * ENTRY_SIZE + fields[field].offset, entry[field], true);
  });
  return bytes;
}

/** The entry that answers CPUID with EAX = `leaf` and ECX = `subleaf`; undefined where there is none. */
export function findCpuid(entries: readonly CpuidEntry[], leaf: number, subleaf = 0): CpuidEntry | undefined {
  return entries.find(
    (entry) => entry.function === leaf >>> 0 && ((entry.flags & KVM_CPUID_FLAG_SIGNIFICANT_INDEX) === 0 || entry.index === subleaf),
  );
}

/** True where feature bit `bit` of a leaf's register is set; false where the leaf is absent. */
export function hasCpuidBit(entries: readonly CpuidEntry[], leaf: number, register: CpuidRegister, bit: number): boolean {
  return (((findCpuid(entries, leaf)?.[register] ?? 0) >>> bit) & 1) === 1;
}

/** Sets or clears a feature bit in place. A leaf that is absent is added when a bit is to be set. */
export function setCpuidBit(entries: CpuidEntry[], leaf: number, register: CpuidRegister, bit: number, on = true): void {
  let entry = findCpuid(entries, leaf);
  if (entry === undefined) {
    if (!on) return;
    entry = { function: leaf >>> 0, index: 0, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0 };
    entries.push(entry);
  }
  entry[register] = (on ? entry[register] | (1 << bit) : entry[register] & ~(1 << bit)) >>> 0;
}

/** The twelve-byte signature of a leaf such as KVM_CPUID_SIGNATURE or 0 (there EBX, EDX, ECX), as text without NULs. */
export function cpuidSignature(entry: CpuidEntry, order: readonly CpuidRegister[] = ['ebx', 'ecx', 'edx']): string {
  const bytes = order.flatMap((register) => [0, 8, 16, 24].map((shift) => (entry[register] >>> shift) & 0xff));
  return String.fromCharCode(...bytes).replace(/\0+$/, '');
}
