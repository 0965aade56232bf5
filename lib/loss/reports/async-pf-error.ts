/**
 * `apf-error`: the proposal of June 2020. The page is not present; then it is ready, with a word that says that it never will be. The VMM plays KVM's part: the
 * guest's accesses of the MSRs come to it by the filter.
 */
import { AsyncPfHost, type WaitReason } from '../../asyncpf/index.js';
import type { LostAccess } from '../../faults/index.js';
import { APF_WAKE_ALL_TOKEN, MSR_KVM_ASYNC_PF_EN, PAGE_SIZE, StructView } from '../../uapi/index.js';
import { APF_NOT_PRESENT, APF_READY_ERROR, apfAreaLayout, LOSS_WINDOW_BASE } from '../abi.js';
import { describeLostAccess } from '../describe.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession } from '../report.js';

/** Bit of the MSR by which a guest asks for errors: KVM_ASYNC_PF_SEND_ERROR of the proposal. */
const SEND_ERROR = 1 << 4;

const WHY: Readonly<Record<WaitReason, string>> = {
  'not-enabled': 'the guest has not enabled async page faults',
  'not-deliverable': 'a not-present event cannot be delivered at CPL0, with interrupts off, or beside another event',
  'in-flight': 'an event for this page is under way',
  'too-many': 'too many events are under way',
};

/** See the module's comment. */
export const asyncPfError: LossReport = {
  name: 'apf-error',
  title: 'async page fault, the ready event with an error flag',
  setup: { asyncPf: 'emulated', haltExits: false, features: 1, asyncPfErrors: true, asksForPages: true },
  start: (machine) => new AsyncPfErrors(machine),
};

interface Ready {
  readonly token: number;
  readonly flags: number;
}

class AsyncPfErrors implements ReportSession {
  private readonly host: AsyncPfHost;
  private readonly area: StructView<keyof typeof apfAreaLayout.fields>;
  private readonly queue: Ready[] = [];
  private vector = 0;
  private sendsErrors = false;

  constructor(private readonly machine: ReportMachine) {
    // The guest has one area, and it is where it says.
    this.host = new AsyncPfHost(machine.vcpu.id, (gpa) => gpa === machine.apfArea);
    this.area = new StructView(apfAreaLayout, machine.ram.data, machine.apfArea);
  }

  lost(access: LostAccess): ReportAnswer {
    const { events } = this.machine.vcpu.syncRegs;
    const page = Math.floor((Number(access.gpa) - LOSS_WINDOW_BASE) / PAGE_SIZE);
    const eventPending = events.isBusy() || events.number('interrupt.shadow') !== 0;
    const token = this.host.fault(page, { cpl: access.cpl, interruptsEnabled: access.interrupts, eventPending }, this.queue.length);
    // As KVM does: who cannot be told waits, in the middle of the access.
    if (token === 0 && this.machine.resolve(page * PAGE_SIZE)) return RESUME;
    if (token === 0) return { kind: 'die', why: `${describeLostAccess(access)}; ${WHY[this.host.waitReason]}, so that no ready event can carry the error` };
    this.area.setNumber('flags', APF_NOT_PRESENT);
    this.machine.injectPageFault(token, 0);
    this.machine.note(`not present, token 0x${token.toString(16)}`);
    this.machine.request(page * PAGE_SIZE, (came) => {
      this.host.resolved(page);
      this.ready({ token, flags: !came && this.sendsErrors ? APF_READY_ERROR : 0 });
    });
    return RESUME;
  }

  writeMsr(index: number, value: bigint): boolean {
    const low = Number(BigInt.asUintN(32, value));
    const isEnable = index === MSR_KVM_ASYNC_PF_EN;
    const outcome = this.host.writeMsr(index, isEnable ? low & ~SEND_ERROR : low, Number(value >> 32n));
    switch (outcome.kind) {
      case 'refused':
        return false;
      case 'enabled':
        this.vector = outcome.vector;
        this.sendsErrors = (low & SEND_ERROR) !== 0;
        this.ready({ token: APF_WAKE_ALL_TOKEN, flags: 0 });
        return true;
      case 'disabled':
        this.queue.length = 0;
        return true;
      case 'vector':
        this.vector = outcome.vector;
        return true;
      case 'acknowledged':
      case 'done':
        this.deliver();
        return true;
    }
  }

  private ready(event: Ready): void {
    this.queue.push(event);
    this.deliver();
  }

  /** One event at a time: the token word must be free. */
  private deliver(): void {
    if (this.area.low('token') !== 0) return;
    const event = this.queue.shift();
    if (event === undefined) return;
    this.area.setNumber('ready_flags', event.flags);
    this.area.setNumber('token', event.token);
    this.machine.note(`ready, token 0x${event.token.toString(16)}${event.flags === 0 ? '' : ', with error'}`);
    this.machine.raise(this.vector);
  }
}
