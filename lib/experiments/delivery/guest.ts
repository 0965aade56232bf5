/** A guest that knows KVM's own async page faults and notes what its handlers find: at which privilege level, with which token, when. */
import { FaultLabError } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import type { NativeMapping } from '../../native/index.js';
import { TinyGuest, addresses, describeEnd, patience } from '../../probes/index.js';
import {
  APF_WAKE_ALL_TOKEN,
  KVM_ASYNC_PF_ACK_READY,
  KVM_PV_REASON_PAGE_NOT_PRESENT,
  KVM_VCPUEVENT_VALID_SHADOW,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  MSR_X2APIC_EOI,
  MSR_X2APIC_SPURIOUS,
  PAGE_SIZE,
  RFLAGS_FIXED,
  RFLAGS_IF,
  VECTOR_PAGE_FAULT,
} from '../../uapi/index.js';
import { Assembler, type Gpr } from '../machine-code/assembler.js';
import { appendLogRoutine, clearLog, readRecords } from '../machine-code/event-log.js';
import type { TimelineEvent } from '../frame/timeline.js';
import type { DeliveryCase } from './cases.js';
import { AREA, DEADLINE, FLAGS_WORD, HANDLERS, HANDLERS_BYTES, LOG, READY_VECTOR, TOKEN_WORD, WOKEN } from './guest-memory.js';

const SPURIOUS_VECTOR_AND_ENABLE = 0x1ffn;
/** Longer than any wait of a case: the end of a slice would interrupt it. */
const SLICE_NS = 20e9;
const SAVED: readonly Gpr[] = ['rax', 'rcx', 'rdx', 'rsi'];
const FRAME_CS = { base: 'rsp', offset: SAVED.length * 8 + 16 } as const;
const FRAME_RFLAGS = { base: 'rsp', offset: SAVED.length * 8 + 24 } as const;
const CPL_MASK = 3;
const ERROR_CODE_BYTES = 8;
/** Cycles within which a page comes that was asked for before, as a term that fits into an instruction, and how many of them. */
const PATIENCE_CYCLES = 2_000_000_000;
const PATIENCE_TERMS = 3;

const KINDS = { notPresent: 1, interrupted: 2, ready: 3, slotFilled: 4, slotEmpty: 5 } as const;

/** What the guest saw of one run. */
export interface Sightings {
  /** Of each not-present event: its token, and what it interrupted. */
  readonly notPresent: readonly { readonly token: number; readonly cpl: 0 | 3; readonly interrupts: boolean }[];
  /** Tokens of ready events, wake-alls left out. */
  readonly ready: readonly number[];
  /** With IF=0 after a not-present event, the token word was filled; null where the guest did not look. */
  readonly filledWithInterruptsOff: boolean | null;
  readonly timeline: readonly TimelineEvent[];
}

/** How the handler of not-present events waits for its ready event: it sleeps, or it first looks for the token with interrupts off. */
export type NotPresentHandler = 'sleeps' | 'looks first';

/** Runs `body` with the guest of a case. Throws FaultLabError where KVM refuses the MSRs. */
export async function withDeliveryGuest<T>(kvm: Kvm, state: DeliveryCase, page: NativeMapping, handler: NotPresentHandler, body: (guest: TinyGuest) => Promise<T>): Promise<T> {
  const { cpl, code, interrupts, hltInGuest } = state;
  return TinyGuest.with(kvm, { cpl, code, interrupts, page, registers: { rbx: addresses.page }, apic: hltInGuest ? 'no-hlt-exits' : 'in-kernel', sliceNs: SLICE_NS }, async (guest) => {
    const handlers = assembleHandlers(guest.memory.handlerOf(VECTOR_PAGE_FAULT), handler);
    const { bytes, data } = guest.memory.ram;
    bytes.set(handlers.bytes, HANDLERS);
    guest.memory.setHandler(VECTOR_PAGE_FAULT, handlers.addressOf('pageFault'));
    guest.memory.setHandler(READY_VECTOR, handlers.addressOf('ready'));
    clearLog(data, LOG);
    if (state.enable !== 0) enable(guest, state.enable);
    clearLog(data, LOG);
    if (state.isHandlerStack) guest.memory.setHandlerStack(addresses.page + PAGE_SIZE);
    if (state.shadow !== 0) setShadow(guest, state.shadow);
    return body(guest);
  });
}

/**
 * What the handlers noted.
 * @param place - puts the times that they read on the timeline's scale
 */
export function sightings({ memory }: TinyGuest, place: (readings: readonly bigint[]) => bigint[]): Sightings {
  const notPresent: { token: number; cpl: 0 | 3; interrupts: boolean }[] = [];
  const ready: number[] = [];
  const timeline: TimelineEvent[] = [];
  let filledWithInterruptsOff: boolean | null = null;
  let token = 0;
  const say = (tsc: bigint, what: string): void => {
    timeline.push({ tsc, side: 'guest', what });
  };
  const records = readRecords(memory.ram.data, LOG);
  const times = place(records.map(({ tsc }) => tsc));
  for (const [at, { kind, value }] of records.entries()) {
    const tsc = times[at];
    switch (kind) {
      case KINDS.notPresent:
        token = value;
        break;
      case KINDS.interrupted: {
        const event = { token, cpl: (value & CPL_MASK) === 0 ? 0 : 3, interrupts: (value & RFLAGS_IF) !== 0 } as const;
        notPresent.push(event);
        say(tsc, `not-present event, token ${hex(token)}; it interrupted CPL${event.cpl} with IF=${event.interrupts ? 1 : 0}`);
        break;
      }
      case KINDS.ready:
        if (value !== APF_WAKE_ALL_TOKEN) ready.push(value);
        say(tsc, value === APF_WAKE_ALL_TOKEN ? 'ready event for all, of the enabling' : `ready event, token ${hex(value)}`);
        break;
      case KINDS.slotFilled:
        filledWithInterruptsOff = true;
        say(tsc, `with IF=0: the token word holds ${hex(value)}`);
        break;
      case KINDS.slotEmpty:
        filledWithInterruptsOff = false;
        say(tsc, 'with IF=0: the token word stays empty');
        break;
      default:
    }
  }
  return { notPresent, ready, filledWithInterruptsOff, timeline };
}

/** Enables async page faults as the case has it, and lets the guest take the wake-all event of that, so that nothing is pending when its code begins. */
function enable(guest: TinyGuest, bits: number): void {
  const { vcpu } = guest;
  vcpu.setMsr(MSR_X2APIC_SPURIOUS, SPURIOUS_VECTOR_AND_ENABLE);
  vcpu.setMsr(MSR_KVM_ASYNC_PF_INT, BigInt(READY_VECTOR));
  vcpu.setMsr(MSR_KVM_ASYNC_PF_EN, BigInt(AREA | bits));
  const regs = vcpu.getRegs();
  regs.setNumber('rip', guest.endAddress);
  regs.setNumber('rflags', RFLAGS_FIXED | RFLAGS_IF);
  vcpu.setRegs(regs);
  const end = guest.run();
  if (end.kind !== 'end') throw new FaultLabError('DELIVERY_VOID', `the guest did not start: it ${describeEnd(end)}`);
  // The OUT by which it ended is completed before its registers are replaced.
  vcpu.exit.setImmediateExit(true);
  vcpu.run();
  vcpu.exit.setImmediateExit(false);
  guest.restart();
}

function setShadow({ vcpu }: TinyGuest, shadow: number): void {
  const events = vcpu.getEvents();
  events.setNumber('interrupt.shadow', shadow);
  events.setNumber('flags', (events.number('flags') | KVM_VCPUEVENT_VALID_SHADOW) >>> 0);
  vcpu.setEvents(events);
}

function note(code: Assembler, kind: number): Assembler {
  return code.set('rcx', kind).call('log');
}

/**
 * Makes the handlers.
 * @param fallBack - handler of a #PF that is no event
 */
function assembleHandlers(fallBack: number, handler: NotPresentHandler): ReturnType<Assembler['assemble']> {
  const code = new Assembler();
  code.label('pageFault').push(...SAVED).load32('rcx', FLAGS_WORD).compare('rcx', KVM_PV_REASON_PAGE_NOT_PRESENT).jump('event', 'equal');
  code.pop(...SAVED).jumpTo(fallBack);
  code.label('event').storeConstant32(FLAGS_WORD, 0).storeConstant(WOKEN, 0).readCr2('rsi');
  note(code, KINDS.notPresent);
  code.load('rax', FRAME_CS).mask('rax', CPL_MASK).load('rsi', FRAME_RFLAGS).mask('rsi', RFLAGS_IF).add('rsi', 'rax');
  note(code, KINDS.interrupted);
  if (handler === 'looks first') look(code);
  code.label('sleep').set('rax', 0).compareWith('rax', WOKEN).jump('return', 'notEqual').sti().hlt().cli().jump('sleep');
  code.label('return').pop(...SAVED).addTo('rsp', ERROR_CODE_BYTES).iretq();

  code.label('ready').push('rax', ...SAVED).load32('rsi', TOKEN_WORD).storeConstant32(TOKEN_WORD, 0);
  note(code, KINDS.ready);
  code.storeConstant(WOKEN, 1).writeMsr(MSR_X2APIC_EOI, 0).writeMsr(MSR_KVM_ASYNC_PF_ACK, KVM_ASYNC_PF_ACK_READY).jump('return');
  appendLogRoutine(code, LOG);
  return code.assemble(HANDLERS, HANDLERS_BYTES);
}

/** Looks for a token with interrupts off, for a while. */
function look(code: Assembler): void {
  code.readTsc();
  for (let term = 0; term < patience(PATIENCE_TERMS); term++) code.addTo('rax', PATIENCE_CYCLES);
  code.store(DEADLINE, 'rax');
  code.label('look').load32('rsi', TOKEN_WORD).compare('rsi', 0).jump('filled', 'notEqual').readTsc().compareWith('rax', DEADLINE).jump('tooLate', 'above').jump('look');
  code.label('tooLate');
  note(code, KINDS.slotEmpty).jump('sleep');
  code.label('filled');
  note(code, KINDS.slotFilled);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
