/** What KVM says it can do, where hosts differ in it. */
import { isCoded } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { KVM_CPUID_FEATURES, KVM_X86_SW_PROTECTED_VM, PAGE_SIZE, PROT_READ, PROT_WRITE, capabilityTitle, findCpuid, gpa, type CapabilityName } from '../../uapi/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';

/** Those that a delivery mode or a proposal builds on, and those that are known to differ. Not NR_VCPUS, which counts the host's CPUs. */
const NAMES: readonly CapabilityName[] = [
  'ASYNC_PF',
  'ASYNC_PF_INT',
  'BINARY_STATS_FD',
  'DIRTY_LOG_RING',
  'DIRTY_LOG_RING_ACQ_REL',
  'ENFORCE_PV_FEATURE_CPUID',
  'EXCEPTION_PAYLOAD',
  'EXIT_HYPERCALL',
  'GUEST_MEMFD',
  'GUEST_MEMFD_FLAGS',
  'IMMEDIATE_EXIT',
  'IRQ_ROUTING',
  'MANUAL_DIRTY_LOG_PROTECT2',
  'MAX_VCPUS',
  'MAX_VCPU_ID',
  'MCE',
  'MEMORY_ATTRIBUTES',
  'MEMORY_FAULT_INFO',
  'MULTI_ADDRESS_SPACE',
  'NESTED_STATE',
  'NR_MEMSLOTS',
  'PRE_FAULT_MEMORY',
  'READONLY_MEM',
  'SPLIT_IRQCHIP',
  'SYNC_REGS',
  'TSC_CONTROL',
  'TSC_DEADLINE_TIMER',
  'USER_MEMORY2',
  'VM_TYPES',
  'X2APIC_API',
  'X86_APIC_BUS_CYCLES_NS',
  'X86_DISABLE_EXITS',
  'X86_MSR_FILTER',
  'X86_SMM',
  'X86_TRIPLE_FAULT_EVENT',
  'X86_USER_SPACE_MSR',
];

/** A VM may answer otherwise than /dev/kvm; where it does, both answers are the fact. */
function value(kvm: Kvm, name: CapabilityName): Finding {
  const vm = kvm.createVm();
  try {
    const [ofVm, ofDevice] = [vm.checkExtension(name), kvm.checkExtension(name)];
    return { answer: ofVm === ofDevice ? `${ofVm}` : `${ofVm} (/dev/kvm: ${ofDevice})` };
  } finally {
    vm.close();
  }
}

/** What a coded failure of the host's says, in one word. */
function outcome(action: () => void): Finding {
  try {
    action();
    return { answer: 'made' };
  } catch (error) {
    if (!isCoded(error) || !error.code.startsWith('KVM_E')) throw error;
    return { answer: error.code.slice('KVM_'.length) };
  }
}

function makeProtectedVm(kvm: Kvm): Finding {
  return outcome(() => kvm.createVm(KVM_X86_SW_PROTECTED_VM).close());
}

/** The file alone says little: some kernels make it for VMs that cannot use it. */
function makeGuestMemfdSlot(kvm: Kvm): Finding {
  const vm = kvm.createVm();
  const closers: (() => void)[] = [() => vm.close()];
  try {
    return outcome(() => {
      const guestMemfd = vm.createGuestMemfd(PAGE_SIZE);
      closers.unshift(() => guestMemfd.close());
      const mapping = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
      closers.unshift(() => mapping.close());
      vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes: PAGE_SIZE, mapping, guestMemfd });
    });
  } finally {
    for (const close of closers) close();
  }
}

const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}`;

/** See the module's comment. */
export const capabilities: ProbeGroup = {
  id: 'capabilities',
  title: 'What KVM offers',
  probes: [
    ...NAMES.map((name): Probe => ({ id: `cap-${name.toLowerCase().replaceAll('_', '-')}`, title: capabilityTitle(name), find: ({ kvm }) => value(kvm, name) })),
    { id: 'cpuid-features', title: 'CPUID 0x40000001, EAX', find: ({ kvm }) => ({ answer: hex(findCpuid(kvm.supportedCpuid(), KVM_CPUID_FEATURES)?.eax ?? 0) }) },
    { id: 'protected-vm', title: 'a VM of type KVM_X86_SW_PROTECTED_VM', find: ({ kvm }) => makeProtectedVm(kvm) },
    { id: 'guest-memfd-slot', title: 'a memory slot with guest_memfd in a default VM', find: ({ kvm }) => makeGuestMemfdSlot(kvm) },
  ],
};
