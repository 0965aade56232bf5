/** What the models' tests have in common: a guest that enables delivery, and contexts in which a vCPU faults. */
import {
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  KVM_ASYNC_PF_SEND_ALWAYS,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  type FaultContext,
} from '../../../lib/uapi/index.js';
import { ItemState, type ApfQueue, type ProposalModel } from '../../../lib/uapi/proposals/index.js';

/** Where the guest's area is, in bytes. */
export const AREA = 0x1000;
/** Where the slot starts, in bytes. */
export const BASE = 0x10_0000;

/** A task of the guest faults. */
export const USER: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };
/** The guest's kernel faults. */
export const KERNEL: FaultContext = { cpl: 0, interruptsEnabled: true, eventPending: false };
/** States of a vCPU that could take no interrupt. */
export const UNINTERRUPTIBLE: readonly FaultContext[] = [
  { cpl: 3, interruptsEnabled: false, eventPending: false },
  { cpl: 3, interruptsEnabled: true, eventPending: true },
  { cpl: 0, interruptsEnabled: false, eventPending: true },
];

/** The guest turns delivery on, or off; nothing is told yet, and `true` lets the wake-all event out. */
export function enable(queue: ApfQueue | ProposalModel, vcpu = 0, { always = false, tellWakeAll = true } = {}): void {
  const target = 'queues' in queue ? queue.queues[vcpu] : queue;
  const flags = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT | (always ? KVM_ASYNC_PF_SEND_ALWAYS : 0);
  target.writeMsr(MSR_KVM_ASYNC_PF_INT, 0xec, 0, () => true);
  target.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | flags, 0, () => true);
  if (tellWakeAll) target.takeReady(true);
}

/** The guest turns delivery off. */
export function disable(queue: ApfQueue | ProposalModel, vcpu = 0): void {
  const target = 'queues' in queue ? queue.queues[vcpu] : queue;
  target.writeMsr(MSR_KVM_ASYNC_PF_EN, 0, 0, () => true);
}

/** {@link ItemState} of the item that a vCPU has for a page. */
export function stateOf(model: ProposalModel, vcpu: number, page: number): number {
  const queue = model.queues[vcpu];
  const slot = queue.find(page);
  return slot < 0 ? ItemState.FREE : queue.state(slot);
}

/** Copies of all arrays in which two states can differ. */
export function snapshot(model: ProposalModel): number[][] {
  return model.state.map((words) => [...words]);
}
