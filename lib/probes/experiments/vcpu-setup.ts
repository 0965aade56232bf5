/** What KVM takes before a vCPU has run, and what it makes of a new one. */
import type { Kvm, Vm } from '../../kvm/index.js';
import { setLongMode } from '../../guest/index.js';
import { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED } from '../../uapi/index.js';
import { isCoded } from '../../errors/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';
import { addresses } from '../tiny-guest/index.js';

function withVm<T>(kvm: Kvm, body: (vm: Vm) => T): T {
  const vm = kvm.createVm();
  try {
    return body(vm);
  } finally {
    vm.close();
  }
}

/** KVM checks EFER.LME against the vCPU's CPUID, where it checks at all. */
function longModeWithoutCpuid(vm: Vm): Finding {
  const vcpu = vm.createVcpu(0);
  try {
    const sregs = vcpu.getSregs();
    setLongMode(sregs, { root: 0, descriptors: addresses.descriptors, idt: addresses.idt, cpl: 0, isFirst: true });
    sregs.set('apic_base', vcpu.getSregs().get('apic_base'));
    vcpu.setSregs(sregs);
    return { answer: 'accepted' };
  } catch (error) {
    if (!isCoded(error) || error.code !== 'KVM_EINVAL') throw error;
    return { answer: 'EINVAL' };
  } finally {
    vcpu.close();
  }
}

const MP_STATE_NAMES: Readonly<Record<number, string>> = { [KVM_MP_STATE_RUNNABLE]: 'runnable', [KVM_MP_STATE_UNINITIALIZED]: 'waits for INIT' };

function stateOfVcpu(vm: Vm, id: number): Finding {
  vm.enableSplitIrqchip();
  const vcpu = vm.createVcpu(id);
  try {
    const state = vcpu.getMpState();
    return { answer: MP_STATE_NAMES[state] ?? `MP state ${state}` };
  } finally {
    vcpu.close();
  }
}

const PROBES: readonly Probe[] = [
  { id: 'setup-long-mode-without-cpuid', title: 'EFER.LME by KVM_SET_SREGS before KVM_SET_CPUID2', find: ({ kvm }) => withVm(kvm, longModeWithoutCpuid) },
  { id: 'setup-first-vcpu', title: 'new vCPU 0, APIC in KVM', find: ({ kvm }) => withVm(kvm, (vm) => stateOfVcpu(vm, 0)) },
  { id: 'setup-second-vcpu', title: 'new vCPU 1, APIC in KVM', find: ({ kvm }) => withVm(kvm, (vm) => stateOfVcpu(vm, 1)) },
];

/** See the module's comment. */
export const vcpuSetup: ProbeGroup = { id: 'setup', title: 'A vCPU before its first run', probes: PROBES };
