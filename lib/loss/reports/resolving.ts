/**
 * `ve-resolve`: a page that may come back is told by #VE too. The guest asks for it by hypercall: in a state in which it can go on, the task sleeps, others run,
 * and an ordinary interrupt says when the page is there; otherwise the call itself takes as long as the page.
 */
import type { LostAccess } from '../../faults/index.js';
import { FEATURE_CAN_CONTINUE, FEATURE_VE_HYPERCALL, HYPERCALL_RESOLVE, LOSS_WINDOW_BASE, RESOLVE_DONE, RESOLVE_LOST, RESOLVE_PENDING, VECTOR_RESOLVED } from '../abi.js';
import { VeInformationArea } from '../../ve/index.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession } from '../report.js';
import { VirtualizationExceptions } from './virtualization.js';

/** See the module's comment. */
export const veResolve: LossReport = {
  name: 've-resolve',
  title: '#VE, then a hypercall that brings the page back',
  setup: { asyncPf: 'none', haltExits: false, features: FEATURE_VE_HYPERCALL | FEATURE_CAN_CONTINUE, asksForPages: true },
  start: (machine) => new Resolving(machine),
};

interface WakeUp {
  readonly token: number;
  readonly result: number;
}

class Resolving implements ReportSession {
  private readonly exceptions: VirtualizationExceptions;
  private readonly area: VeInformationArea;
  private readonly wakeUps: WakeUp[] = [];

  constructor(private readonly machine: ReportMachine) {
    this.exceptions = new VirtualizationExceptions(machine);
    this.area = new VeInformationArea(machine.ram.data, machine.veInformation);
  }

  lost(access: LostAccess): ReportAnswer {
    if (this.exceptions.refusal() === null) return this.exceptions.deliver(access, true);
    // As today: the vCPU stands still until the page is there. What cannot come back cannot be told either.
    this.machine.note('#VE cannot be delivered: the vCPU waits for the page');
    return this.resolve(Number(access.gpa)) ? RESUME : this.exceptions.deliver(access, false);
  }

  hypercall(number: number, [canContinue, gpa, token]: readonly [number, number, number]): number | ReportAnswer {
    if (number !== HYPERCALL_RESOLVE) return RESOLVE_LOST;
    if (canContinue === 0) {
      this.machine.note('the vCPU is suspended until the page is resolved');
      return this.resolve(gpa) ? RESOLVE_DONE : RESOLVE_LOST;
    }
    this.machine.request(gpa - LOSS_WINDOW_BASE, (came) => {
      this.wakeUps.push({ token, result: came ? RESOLVE_DONE : RESOLVE_LOST });
    });
    return RESOLVE_PENDING;
  }

  /** One wake-up at a time: the guest clears the word when it has taken one. */
  afterExit(): null {
    if (this.wakeUps.length === 0 || this.area.wakeUpPending) return null;
    const [{ token, result }] = this.wakeUps.splice(0, 1);
    this.area.wakeUp(token, result);
    this.machine.note(`resolved, token 0x${token.toString(16)}${result === RESOLVE_DONE ? '' : ': lost'}`);
    this.machine.raise(VECTOR_RESOLVED);
    return null;
  }

  /** The guest's number is checked by whoever has the memory. */
  private resolve(gpa: number): boolean {
    return this.machine.resolve(gpa - LOSS_WINDOW_BASE);
  }
}
