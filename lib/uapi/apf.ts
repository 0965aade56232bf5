import { structLayout } from './layout.js';

/**
 * The guest/host interface of KVM's async page faults (Documentation/virt/kvm/x86/msr.rst): bits of the MSRs, the
 * shared area, tokens.
 */

/** struct kvm_vcpu_pv_apf_data: 64 bytes of guest memory, 64-byte aligned, one for each vCPU. */
export const kvmVcpuPvApfDataLayout = structLayout('kvm_vcpu_pv_apf_data', 64, {
  flags: [0, 4],
  token: [4, 4],
});

/** MSR_KVM_ASYNC_PF_EN: bits 63:6 are the gpa of the shared area; bits 5:4 are reserved. */
export const KVM_ASYNC_PF_ENABLED = 1 << 0;
/** Not-present events at CPL0 too. */
export const KVM_ASYNC_PF_SEND_ALWAYS = 1 << 1;
/** Not-present events of a nested guest reach its hypervisor as #PF VM exits. Needs KVM_FEATURE_ASYNC_PF_VMEXIT. */
export const KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT = 1 << 2;
/** Ready events come as an interrupt. Needs KVM_FEATURE_ASYNC_PF_INT; without it nothing is delivered. */
export const KVM_ASYNC_PF_DELIVERY_AS_INT = 1 << 3;
/** Bits 5:4: a guest that sets one gets #GP. */
export const KVM_ASYNC_PF_RESERVED = 0x30;
/** Bits 5:0 of the MSR: all that is no address. */
export const KVM_ASYNC_PF_FLAG_MASK = 0x3f;
/** MSR_KVM_ASYNC_PF_INT: bits 7:0 are the vector of ready events, the others are reserved. */
export const KVM_ASYNC_PF_VEC_MASK = 0xff;
/** MSR_KVM_ASYNC_PF_ACK: the guest is ready for the next ready event. */
export const KVM_ASYNC_PF_ACK_READY = 1;

/** kvm_vcpu_pv_apf_data.flags while a #PF is a not-present event. The guest clears it. */
export const KVM_PV_REASON_PAGE_NOT_PRESENT = 1;
/** Legacy reason of ready events by #PF, before they were interrupts. */
export const KVM_PV_REASON_PAGE_READY = 2;

/** Token of the ready event that wakes every waiter: sent whenever the guest enables async page faults. */
export const APF_WAKE_ALL_TOKEN = 0xffff_ffff;
/** Most async page faults a vCPU has outstanding (ASYNC_PF_PER_VCPU). */
export const ASYNC_PF_PER_VCPU = 64;
/** Bits of a token that hold the vCPU's id. */
export const APF_TOKEN_VCPU_BITS = 12;

/** What the guest's access of an MSR of the protocol came to. */
export type MsrOutcome =
  | { readonly kind: 'done' }
  /** The guest gets #GP. */
  | { readonly kind: 'refused' }
  /** Delivery was enabled: a wake-all is due. `areaGpa` in bytes. */
  | { readonly kind: 'enabled'; readonly areaGpa: number; readonly vector: number }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'vector'; readonly vector: number }
  | { readonly kind: 'acknowledged' };

/** A vCPU's state when it faulted. */
export interface FaultContext {
  /** Current privilege level. */
  cpl: number;
  /** RFLAGS.IF. */
  interruptsEnabled: boolean;
  /** An exception, interrupt or NMI is already being delivered, or an STI / MOV SS shadow is open. */
  eventPending: boolean;
}

const SEQUENCE_MASK = 0xf_ffff;
const VCPU_MASK = (1 << APF_TOKEN_VCPU_BITS) - 1;

/**
 * The token KVM makes for the `sequence`th fault of a vCPU: (sequence << 12) | vCPU id, modulo 2^32. Throws RangeError
 * for a vCPU id of more than 12 bits. Never the wake-all token's or 0: see `nextApfSequence`.
 */
export function apfToken(sequence: number, vcpuId: number): number {
  if (!Number.isInteger(vcpuId) || vcpuId < 0 || vcpuId > VCPU_MASK) throw new RangeError(`vCPU id ${vcpuId} does not fit into a token`);
  return (((sequence & SEQUENCE_MASK) << APF_TOKEN_VCPU_BITS) | vcpuId) >>> 0;
}

/** The vCPU id in a token. */
export function apfTokenVcpuId(token: number): number {
  return token & VCPU_MASK;
}

/** The sequence number in a token. */
export function apfTokenSequence(token: number): number {
  return token >>> APF_TOKEN_VCPU_BITS;
}

/** The sequence number after `sequence`: wraps past the values whose token could be 0 or the wake-all token. */
export function nextApfSequence(sequence: number): number {
  const next = (sequence + 1) & SEQUENCE_MASK;
  return next === 0 || next === SEQUENCE_MASK ? 1 : next;
}
