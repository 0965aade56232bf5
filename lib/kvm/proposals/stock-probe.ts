import { findCpuid, hasCpuidBit, KVM_CPUID_FEATURES, KVM_FEATURE_ASYNC_PF, KVM_FEATURE_ASYNC_PF_INT, type CpuidEntry } from '../../uapi/index.js';
import type { Kvm } from '../kvm.js';
import type { ScratchVm } from './scratch-vm.js';
import { FactList, type UapiSupport } from './uapi-support.js';
import { verdict } from './userfault-probe.js';

/** What a kernel answers about its own async page faults. */
export interface StockAnswers {
  readonly asyncPf: number;
  readonly asyncPfInt: number;
  /** KVM_GET_SUPPORTED_CPUID. */
  readonly cpuid: readonly CpuidEntry[];
}

/** Asks a kernel for its own async page faults. */
export function askStock(kvm: Kvm, { vm }: ScratchVm): StockAnswers {
  return { asyncPf: vm.checkExtension('ASYNC_PF'), asyncPfInt: vm.checkExtension('ASYNC_PF_INT'), cpuid: kvm.supportedCpuid() };
}

/** The verdict about KVM's own async page faults from what a kernel answered. */
export function stockSupport({ asyncPf, asyncPfInt, cpuid }: StockAnswers): UapiSupport {
  const list = new FactList();
  const bit = (name: string, number: number): boolean => {
    const set = hasCpuidBit(cpuid, KVM_CPUID_FEATURES, 'eax', number);
    return list.add(`bit ${number} (${name}) of CPUID 0x40000001 as KVM supports it`, set ? 'set' : 'clear', set);
  };
  const held = [
    list.add('KVM_CHECK_EXTENSION of 59 (KVM_CAP_ASYNC_PF)', String(asyncPf), asyncPf > 0),
    list.add('KVM_CHECK_EXTENSION of 183 (KVM_CAP_ASYNC_PF_INT)', String(asyncPfInt), asyncPfInt > 0),
    bit('KVM_FEATURE_ASYNC_PF', KVM_FEATURE_ASYNC_PF),
    bit('KVM_FEATURE_ASYNC_PF_INT', KVM_FEATURE_ASYNC_PF_INT),
  ];
  const problem = held.every((holds) => holds) ? undefined : findCpuid(cpuid, KVM_CPUID_FEATURES) === undefined ? 'no guest can see it in CPUID' : 'a part of it is missing';
  return verdict('stock', "async page faults of KVM's own that become ready by interrupt", problem, list);
}
