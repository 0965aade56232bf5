import {
  hasCpuidBit,
  KVM_CPUID_FEATURES,
  KVM_FEATURE_ASYNC_PF,
  KVM_FEATURE_ASYNC_PF_INT,
  KVM_FEATURE_ASYNC_PF_VMEXIT,
  KVM_X86_DISABLE_EXITS_HLT,
  type CapabilityName,
} from '../../uapi/index.js';
import type { Check } from './check.js';
import type { KvmObservations } from './observations.js';

/** A capability worth a line: what it is for, and whether a delivery mode needs it. */
interface CapabilityLine {
  readonly name: CapabilityName;
  readonly needed: boolean;
  /** Bits its value must have; any value above 0 will do where left out. */
  readonly bits?: number;
  readonly meaning: string;
  /** First kernel that has it on x86, for the remedy. */
  readonly since: string;
}

const LINES: readonly CapabilityLine[] = [
  { name: 'SPLIT_IRQCHIP', needed: true, since: '4.4', meaning: 'local APIC in the kernel: timer, ready interrupts' },
  { name: 'SYNC_REGS', needed: true, since: '4.17', meaning: 'registers travel with KVM_RUN, no ioctl for them' },
  { name: 'IMMEDIATE_EXIT', needed: true, since: '4.11', meaning: 'a running vCPU can be stopped without a race' },
  { name: 'X86_DISABLE_EXITS', needed: true, bits: KVM_X86_DISABLE_EXITS_HLT, since: '4.17', meaning: 'HLT (2) left to the guest: KVM never halts a vCPU for a slow page' },
  { name: 'ASYNC_PF', needed: true, since: '2.6.38', meaning: 'async page faults by KVM itself' },
  { name: 'ASYNC_PF_INT', needed: true, since: '5.8', meaning: 'their ready events come as an interrupt' },
  { name: 'X86_USER_SPACE_MSR', needed: true, since: '5.10', meaning: 'MSR accesses can leave to the VMM' },
  { name: 'X86_MSR_FILTER', needed: true, since: '5.10', meaning: 'and the VMM chooses which: the async page fault MSRs' },
  { name: 'EXCEPTION_PAYLOAD', needed: true, since: '4.20', meaning: 'an injected #PF can bring its address along' },
  { name: 'MEMORY_FAULT_INFO', needed: false, since: '6.8', meaning: 'fault exits say where, for guest_memfd and poison' },
  { name: 'USER_MEMORY2', needed: false, since: '6.8', meaning: 'memory slots with guest_memfd' },
  { name: 'GUEST_MEMFD', needed: false, since: '6.8', meaning: 'guest memory without a host mapping' },
  { name: 'GUEST_MEMFD_FLAGS', needed: false, since: '6.18', meaning: 'guest_memfd that the host can map (1) and share (2)' },
  { name: 'MEMORY_ATTRIBUTES', needed: false, since: '6.8', meaning: 'private and shared pages' },
  { name: 'VM_TYPES', needed: false, since: '6.8', meaning: 'a bit for each type of VM' },
  { name: 'PRE_FAULT_MEMORY', needed: false, since: '6.11', meaning: 'stage-2 mappings made ahead; needs two-dimensional paging' },
  { name: 'DIRTY_LOG_RING', needed: false, since: '5.11', meaning: 'dirty pages through a ring' },
];

/** The value as it counts: a VM's answer, /dev/kvm's where no VM could be made. */
function capabilityValue(kvm: KvmObservations, name: CapabilityName): number {
  return kvm.vm.found ? kvm.vm.value[name] : kvm.device[name];
}

/** True where the capability is there, with all of `bits`. */
export function hasCapability(kvm: KvmObservations, name: CapabilityName, bits = 0): boolean {
  const value = capabilityValue(kvm, name);
  return value > 0 && (value & bits) === bits;
}

function capabilityCheck(kvm: KvmObservations, { name, needed, bits, meaning, since }: CapabilityLine): Check {
  const value = capabilityValue(kvm, name);
  const device = kvm.device[name];
  const base = { id: `cap-${name.toLowerCase().replaceAll('_', '-')}`, title: `KVM_CAP_${name}`, meaning };
  const found = device === value ? String(value) : `VM ${value}, /dev/kvm ${device}`;
  if (hasCapability(kvm, name, bits)) return { ...base, status: 'ok', found };
  return {
    ...base,
    status: needed ? 'missing' : 'warn',
    found,
    remedy: `In kernels since ${since}, where the CPU and the module allow it.`,
  };
}

function pvFeatureCheck(kvm: KvmObservations): Check {
  const leaf = [{ function: KVM_CPUID_FEATURES, index: 0, flags: 0, eax: kvm.pvFeatures, ebx: 0, ecx: 0, edx: 0 }];
  const bits = [
    ['ASYNC_PF', KVM_FEATURE_ASYNC_PF],
    ['ASYNC_PF_INT', KVM_FEATURE_ASYNC_PF_INT],
    ['ASYNC_PF_VMEXIT', KVM_FEATURE_ASYNC_PF_VMEXIT],
  ] as const;
  const present = bits.filter(([, bit]) => hasCpuidBit(leaf, KVM_CPUID_FEATURES, 'eax', bit)).map(([name]) => name);
  const base = {
    id: 'cpuid-async-pf',
    title: 'CPUID 0x40000001',
    found: present.length === 0 ? 'no async page fault bits' : present.join(', '),
    meaning: 'what a guest may be told about async page faults',
  };
  if (hasAsyncPfBits(kvm)) return { ...base, status: 'ok' };
  return { ...base, status: 'missing', remedy: 'Without ASYNC_PF and ASYNC_PF_INT, KVM delivers nothing: use a kernel since 5.8.' };
}

/** True where KVM can tell a guest about async page faults that become ready by interrupt. */
export function hasAsyncPfBits(kvm: KvmObservations): boolean {
  const wanted = (1 << KVM_FEATURE_ASYNC_PF) | (1 << KVM_FEATURE_ASYNC_PF_INT);
  return (kvm.pvFeatures & wanted) === wanted;
}

/** A line for each capability that matters, and one for the paravirtual CPUID leaf. */
export function capabilityChecks(kvm: KvmObservations): Check[] {
  return [...LINES.map((line) => capabilityCheck(kvm, line)), pvFeatureCheck(kvm)];
}
