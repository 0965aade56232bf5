/**
 * Makes the probes' tiny guest one that knows async page faults: a handler for not-present events that tries the instruction again, at once or when woken, one for
 * ready events that empties the token word, acknowledges and goes on, and counters in the guest's memory. It has no other task to turn
 * to: what is seen is the protocol, not what a guest gains by it.
 */
import type { Kvm } from '../../kvm/index.js';
import { TinyGuest, addresses, type TinyGuestOptions } from '../../probes/index.js';
import {
  KVM_ASYNC_PF_ACK_READY,
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  MSR_X2APIC_EOI,
  MSR_X2APIC_SPURIOUS,
  VECTOR_PAGE_FAULT,
} from '../../uapi/index.js';
import { increment, jump, placeHandler, word, writeMsr } from './handlers.js';

/** The shared area, then the guest's counters. */
const AREA = addresses.kernelData;
const NOT_PRESENT = AREA + 64;
const READY = AREA + 72;
const WAKE_ALL = AREA + 80;

const READY_VECTOR = 0xf3;
const SPURIOUS_VECTOR_AND_ENABLE = 0x1ffn;
/** Behind whatever code a guest at CPL0 has in the same page. */
const HANDLERS = addresses.kernelCode + 0x800;

/** Whether the task that waits has been woken. */
const WOKEN = AREA + 88;

/** How the guest is to behave. */
export interface AsyncPfGuestOptions extends Omit<TinyGuestOptions, 'apic' | 'interrupts'> {
  /** After a not-present event the task sleeps until a ready event comes, whichever it is; where left out it tries again at once. */
  readonly sleeps?: boolean;
  /** False leaves the MSRs alone: they are to be written by {@link enableAsyncPf}. */
  readonly enable?: boolean;
}

/** What the guest counted. */
export interface AsyncPfCounts {
  readonly notPresent: number;
  /** With an ordinary token. */
  readonly ready: number;
  readonly wakeAll: number;
}

const PUSH_RAX = [0x50];
const POP_RAX = [0x58];
const IRETQ = [0x48, 0xcf];
const moveToEax = (address: number): number[] => [0x8b, 0x04, 0x25, ...word(address)];
const clear = (address: number): number[] => [0xc7, 0x04, 0x25, ...word(address), ...word(0)];
const jumpIfZero = (over: readonly number[]): number[] => [0x74, over.length];

/**
 * Runs `body` with a guest that has enabled async page faults; `options.code` is started by it as in {@link TinyGuest}.
 * @throws FaultLabError where KVM refuses the MSRs
 */
export async function withAsyncPfGuest<T>(kvm: Kvm, options: AsyncPfGuestOptions, body: (guest: TinyGuest, counts: () => AsyncPfCounts) => T | Promise<T>): Promise<T> {
  return TinyGuest.with(kvm, { ...options, apic: 'in-kernel', interrupts: true }, (guest) => {
    install(guest, options.sleeps === true);
    if (options.enable !== false) enableAsyncPf(guest);
    return body(guest, () => readCounts(guest));
  });
}

/** Enables, or enables again, what {@link withAsyncPfGuest} enabled: KVM then sends the wake-all event. */
export function enableAsyncPf({ vcpu }: Pick<TinyGuest, 'vcpu'>): void {
  vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
  vcpu.setMsr(MSR_KVM_ASYNC_PF_INT, BigInt(READY_VECTOR));
  vcpu.setMsr(MSR_KVM_ASYNC_PF_EN, BigInt(AREA | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT));
}

function readCounts({ memory }: TinyGuest): AsyncPfCounts {
  const read = (at: number): number => Number(memory.ram.data.getBigUint64(at, true));
  const wakeAll = read(WAKE_ALL);
  return { notPresent: read(NOT_PRESENT), ready: read(READY) - wakeAll, wakeAll };
}

function install(guest: TinyGuest, sleeps: boolean): void {
  const end = placeHandler(guest, VECTOR_PAGE_FAULT, HANDLERS, (fallBack) => notPresentHandler(HANDLERS, fallBack, sleeps));
  placeHandler(guest, READY_VECTOR, end, () => readyHandler());
}

/** Until somebody wakes from now on: cmp dword [WOKEN],0; jne out; sti; hlt; cli; jmp back. */
const SLEEP = [...clear(WOKEN), 0x83, 0x3c, 0x25, ...word(WOKEN), 0x00, 0x75, 0x05, 0xfb, 0xf4, 0xfa, 0xeb, 0xf1];

/** A #PF that is no event goes where every #PF of the tiny guest goes: to the VMM. */
function notPresentHandler(at: number, fallBack: number, sleeps: boolean): number[] {
  const event = [...clear(AREA), ...increment(NOT_PRESENT), ...(sleeps ? SLEEP : []), ...POP_RAX, 0x48, 0x83, 0xc4, 8, ...IRETQ];
  const head = [...PUSH_RAX, ...moveToEax(AREA), 0x85, 0xc0, ...jumpIfZero(event), ...event, ...POP_RAX];
  return [...head, ...jump(at + head.length, fallBack)];
}

function readyHandler(): number[] {
  const noteWakeAll = increment(WAKE_ALL);
  return [
    ...PUSH_RAX, 0x51, 0x52,
    ...moveToEax(AREA + 4),
    ...clear(AREA + 4),
    ...increment(READY),
    ...increment(WOKEN),
    0x83, 0xf8, 0xff, 0x75, noteWakeAll.length, ...noteWakeAll,
    ...writeMsr(MSR_X2APIC_EOI, 0),
    ...writeMsr(MSR_KVM_ASYNC_PF_ACK, KVM_ASYNC_PF_ACK_READY),
    0x5a, 0x59, ...POP_RAX,
    ...IRETQ,
  ];
}
