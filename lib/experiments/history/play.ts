/** One run of a scenario: the VMM is the host of the generation's protocol, the guest a real one, and every event is really delivered. */
import { FaultLabError } from '../../errors/index.js';
import { EINTR } from '../../errors/index.js';
import type { VcpuExit } from '../../kvm/index.js';
import { MSR_KVM_ASYNC_PF_ACK, PAGE_SIZE } from '../../uapi/index.js';
import { patience } from '../../probes/index.js';
import type { TimelineEvent } from '../frame/timeline.js';
import { sendNotPresent, sendReady, sendVirtualization, type SentEvent } from './events.js';
import type { HistoryCase } from './generations.js';
import { PAGE_BYTE, type HistoryGuest } from './guest.js';
import { PAGE, PORTS, SECOND_PAGE, TASK_A, VE } from './guest-memory.js';
import { timelineOf, type LogRecord } from './log.js';
import { PLACEMENT_TITLES, pendNmi, type NmiPlacement } from './nmi-placement.js';

/** What became of a run. */
export interface PlayedRun {
  /** Task A came to its page. */
  readonly survived: boolean;
  readonly log: readonly LogRecord[];
  /** Where the NMI came: at the first instruction of the handler, elsewhere, or not at all. */
  readonly nmi: 'first instruction' | 'elsewhere' | 'none';
  readonly timeline: readonly TimelineEvent[];
}

const LIMIT_MS = 5000;
/** Turns of task B after the ready event by which task A would long run again. */
const TURNS_TO_WAIT = 2;
const hex = (value: number): string => `0x${value.toString(16)}`;

/**
 * Plays a scenario once, from task A's access to its end.
 * @throws FaultLabError `HISTORY_STUCK` where the guest does something that no scenario has
 */
export function play(guest: HistoryGuest, scenario: HistoryCase, placement: NmiPlacement): PlayedRun {
  guest.restart();
  return new Run(guest, scenario, placement).toEnd();
}

class Run {
  private readonly events: TimelineEvent[] = [];
  private readonly deadline = performance.now() + patience(LIMIT_MS);
  private recordsSeen = 0;
  private told = false;
  private resolved = false;
  private turnsAfterReady = 0;
  private survived = false;
  private disturbed: number | null = null;

  constructor(
    private readonly guest: HistoryGuest,
    private readonly scenario: HistoryCase,
    private readonly placement: NmiPlacement,
  ) {}

  toEnd(): PlayedRun {
    while (this.handle(this.enter())) this.requireTime();
    const log = this.guest.log();
    return { survived: this.survived, log, nmi: this.nmiIn(log), timeline: this.events };
  }

  /** Lets the guest run. What it notes meanwhile comes behind what the host noted before. */
  private enter(): VcpuExit {
    const { vcpu, clock } = this.guest;
    const entered = clock.now();
    let exit = vcpu.decodeExit(vcpu.run());
    // A slice may end in the midst of a record.
    while (exit.kind === 'interrupted') {
      this.requireTime();
      exit = vcpu.decodeExit(vcpu.run());
    }
    const left = clock.now();
    const records = this.guest.log().slice(this.recordsSeen);
    this.recordsSeen += records.length;
    const times = clock.duringRun(records.map(({ tsc }) => tsc), entered, left);
    this.events.push(...timelineOf(records.map((record, at) => ({ ...record, tsc: times[at] }))));
    return exit;
  }

  /** What the host does next. False at the end. */
  private handle(exit: VcpuExit): boolean {
    switch (exit.kind) {
      case 'bareEfault':
      case 'memoryFault':
        return this.lostPage(this.guest.vcpu.getRegs().number('rip'));
      case 'mmio':
        // Where KVM emulates CPL0, memory that it cannot have is a device to it.
        if (exit.gpa - BigInt(SECOND_PAGE) < BigInt(PAGE_SIZE)) return this.secondPage(true);
        break;
      case 'wrmsr':
        if (exit.index !== MSR_KVM_ASYNC_PF_ACK) break;
        this.guest.vcpu.exit.setMsrError(false);
        this.note('the guest acknowledged: the next ready event may come');
        return true;
      case 'io':
        return this.toldBy(exit.port);
      case 'hlt':
        return this.halted();
      default:
    }
    throw new FaultLabError('HISTORY_STUCK', `exit ${exit.kind} belongs to no scenario`);
  }

  private requireTime(): void {
    if (performance.now() >= this.deadline) throw new FaultLabError('HISTORY_STUCK', `the guest came to no end within ${patience(LIMIT_MS)} ms`);
  }

  private lostPage(rip: number): boolean {
    if (rip === this.guest.addressOf('nmiAccess')) return this.secondPage(false);
    if (rip !== TASK_A) throw new FaultLabError('HISTORY_STUCK', `KVM_RUN fails at ${hex(rip)}, which touches no lost page`);
    if (this.told) {
      this.note(`task A faults on gpa ${hex(PAGE)} again, which is in flight: its vCPU waits for the page`);
      this.resolve();
      return true;
    }
    this.told = true;
    this.note(`task A faults on gpa ${hex(PAGE)}: the page is not there`);
    this.deliver(sendNotPresent(this.guest, this.scenario.generation), this.scenario.half === 'not-present');
    return true;
  }

  /** The NMI handler touched the second page, at CPL0. */
  private secondPage(byMmio: boolean): boolean {
    const { guest, scenario } = this;
    const busy = guest.read32(VE.busy) !== 0;
    if (busy && scenario.disturbance !== 'lost-page-in-nmi-busy-ignored') {
      this.note(`the NMI handler faults on gpa ${hex(SECOND_PAGE)}: the busy word is set, so no #VE; the vCPU waits for the page`);
      guest.fill(SECOND_PAGE);
      if (byMmio) guest.vcpu.exit.setMmioData(PAGE_BYTE * 0x0101_0101, 0);
      return true;
    }
    this.note(`the NMI handler faults on gpa ${hex(SECOND_PAGE)}: the host does not look at the busy word`);
    if (byMmio) this.abandonAccess();
    this.note(sendVirtualization(guest, SECOND_PAGE).what);
    return true;
  }

  /** Takes an access that KVM emulates back: it will be made again. */
  private abandonAccess(): void {
    const { vcpu } = this.guest;
    const regs = vcpu.getRegs();
    vcpu.exit.setImmediateExit(true);
    if (vcpu.run() !== -EINTR) throw new FaultLabError('HISTORY_STUCK', 'KVM did not finish an emulated access by itself');
    vcpu.setRegs(regs);
  }

  private toldBy(port: number): boolean {
    switch (port) {
      case PORTS.taskB:
        if (!this.resolved) this.ready();
        else this.turnsAfterReady++;
        return this.turnsAfterReady < TURNS_TO_WAIT;
      case PORTS.taskADone:
        this.survived = true;
        return false;
      case PORTS.resolveAndContinue:
        this.note('hypercall: resolve, the guest goes on meanwhile');
        return true;
      case PORTS.resolveAndReturn:
        this.note(`hypercall: resolve, the guest cannot go on; gpa ${hex(SECOND_PAGE)} is there`);
        this.guest.fill(SECOND_PAGE);
        return true;
      case PORTS.killed:
        return true;
      case PORTS.panic:
        return false;
      default:
        throw new FaultLabError('HISTORY_STUCK', `the guest wrote to port ${hex(port)}`);
    }
  }

  /** The vCPU halts: with interrupts off, or with nothing left to send, for ever. */
  private halted(): boolean {
    if (!this.resolved && this.guest.vcpu.exit.interruptFlag) {
      this.ready();
      return true;
    }
    this.note('the vCPU halts, and nothing is left to be sent');
    return false;
  }

  private ready(): void {
    this.resolve();
    this.deliver(sendReady(this.guest, this.scenario.generation), this.scenario.half === 'ready');
  }

  private resolve(): void {
    this.resolved = true;
    this.guest.fill(PAGE);
    this.note(`gpa ${hex(PAGE)} is there`);
  }

  private deliver({ handler, what }: SentEvent, isHalf: boolean): void {
    this.note(what);
    if (!isHalf || this.scenario.disturbance === 'none') return;
    this.disturbed = this.guest.addressOf(handler);
    pendNmi(this.guest.vcpu, this.placement, this.disturbed);
    this.note(`NMI, ${PLACEMENT_TITLES[this.placement]}`);
  }

  private nmiIn(log: readonly LogRecord[]): PlayedRun['nmi'] {
    const nmis = log.filter(({ kind }) => kind === 'nmi');
    if (nmis.length === 0) return 'none';
    return nmis.length === 1 && nmis[0].value === this.disturbed ? 'first instruction' : 'elsewhere';
  }

  private note(what: string): void {
    this.events.push({ tsc: this.guest.clock.now(), side: 'host', what });
  }
}
