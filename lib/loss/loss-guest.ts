/**
 * The driver: one VM with the guest that loses memory, its one vCPU run on the calling thread, and one report of lost memory at work. The caller
 * writes programs for the guest's tasks, runs them, and reads what came of each access.
 */
import { EFAULT, EHWPOISON, EINTR, FaultLabError, errnoName } from '../errors/index.js';
import { LostAccesses, WindowReader, type LossFinding, type LostAccess } from '../faults/index.js';
import { DOORBELL_BOOTED, DOORBELL_DONE, DOORBELL_PANIC, DOORBELL_PORT, bootVcpu, guestCpuid } from '../guest/index.js';
import { GuestClock, msiTo, type Kvm, type Vcpu, type Vm } from '../kvm/index.js';
import { SyncedRegisters } from '../machine/index.js';
import { gpaNumber, type DaxWindow } from '../memory/index.js';
import { patience } from '../probes/index.js';
import {
  KVM_CPUID_FEATURES,
  KVM_EXIT_INTERNAL_ERROR,
  KVM_EXIT_IO,
  KVM_EXIT_IO_OUT,
  KVM_EXIT_MMIO,
  KVM_EXIT_SHUTDOWN,
  KVM_EXIT_X86_WRMSR,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_FILTER_WRITE,
  KVM_SYNC_X86_EVENTS,
  KVM_SYNC_X86_REGS,
  KVM_SYNC_X86_SREGS,
  KVM_X86_DISABLE_EXITS_HLT,
  MSR_KVM_ASYNC_PF_EN,
  PAGE_SIZE,
  VECTOR_PAGE_FAULT,
  gpa,
  setCpuidBit,
} from '../uapi/index.js';
import * as abi from './abi.js';
import { ControlBlock, type AccessOutcome, type TaskProgram } from './control-block.js';
import { describeLostAccess } from './describe.js';
import { EventLog } from './event-log.js';
import { LossGuestMemory } from './guest-memory.js';
import { abortMmio } from './mmio-abort.js';
import { describePanic } from './panic.js';
import type { LossReport, ReportAnswer, ReportMachine, ReportSession } from './report.js';
import type { SupervisedPages } from './supervised-pages.js';
import { interleave, type LoggedRun, type Noted, type TimelineEntry } from './timeline.js';

/** How a run ended. */
export type LossRunEnd =
  /** All tasks came to the end of their programs: the guest waits for new ones. */
  | { readonly kind: 'done' }
  /** The guest's kernel gave up. */
  | { readonly kind: 'panic'; readonly why: string }
  /** The VMM ended the VM: what the report said. */
  | { readonly kind: 'died'; readonly why: string }
  /** Triple fault. */
  | { readonly kind: 'shutdown' }
  /** Nothing of the above in time. */
  | { readonly kind: 'stuck'; readonly why: string };

/** What is run. */
export interface LossGuestOptions {
  readonly report: LossReport;
  /** Memory that can be lost; the caller keeps it, and closes it after the guest. */
  readonly window: DaxWindow;
  /** FEATURE_* besides the report's. */
  readonly features?: number;
  /** The guest keeps its event log, and the host notes what it does. */
  readonly log?: boolean;
  /** LAPIC count of a tick; 0 (no ticks) where left out. */
  readonly timerCount?: number;
  /** Brings a lost page of the window back; false where it cannot. Left out: nothing ever comes back. */
  readonly resolve?: (offset: number) => boolean;
  /** How long that takes while other tasks run, ms; 0 where left out. */
  readonly resolveMs?: number;
  /** Brings the pages of the window, which are all missing at first, in place of `resolve`. The caller closes it after the guest. */
  readonly pages?: SupervisedPages;
  /** Called when an access is lost, before the report is asked: for what else is to happen at that moment. */
  readonly onLost?: (access: LostAccess, guest: LossGuest) => void;
  /** Longest run, as `patience` has it; 5 s where left out. */
  readonly limitMs?: number;
}

const RUN_LIMIT_MS = 5000;
/** Deferred actions and limits are looked at this often, at least. */
const SLICE_NS = 2e6;
const WINDOW_SLOT = 1;
/** Bit of KVM_CPUID_FEATURES that the proposal of 2020 took for errors in ready events; KVM has since given it to another feature. */
const FEATURE_ASYNC_PF_ERROR = 15;
/** Three MSRs of async page faults lie between these. */
const ASYNC_PF_MSRS = 6;

interface Deferred {
  readonly dueMs: number;
  readonly action: () => void;
}

/** See the module's comment. */
export class LossGuest {
  readonly control: ControlBlock;
  private readonly events: EventLog;
  private readonly losses: LostAccesses;
  private readonly session: ReportSession;
  private readonly hostEvents: Noted[] = [];
  private readonly runs: LoggedRun[] = [];
  /** Where a log is kept. */
  private readonly clock: GuestClock | null;
  private deferred: Deferred[] = [];
  private ended: LossRunEnd | null = null;
  /** Accesses that were lost and told to the report, so far. */
  lostAccesses = 0;
  /** The last of them. */
  lastLost: LostAccess | null = null;

  private constructor(
    readonly vm: Vm,
    readonly vcpu: Vcpu,
    readonly memory: LossGuestMemory,
    private readonly options: LossGuestOptions,
  ) {
    const { window, report } = options;
    this.control = new ControlBlock(memory.ram, memory.control);
    this.events = new EventLog(memory.ram, memory.eventLog);
    const windows = [{ gpa: gpaNumber(abi.LOSS_WINDOW_BASE), window }];
    this.losses = new LostAccesses(new SyncedRegisters(vcpu), new WindowReader(memory.ram, windows), windows);
    this.clock = options.log === true ? GuestClock.of(vcpu) : null;
    this.session = report.start(this.machine());
  }

  /**
   * Makes a guest, hands it to `body`, and takes everything apart but the window.
   * @throws FaultLabError where KVM refuses something
   */
  static async with<T>(kvm: Kvm, options: LossGuestOptions, body: (guest: LossGuest) => T | Promise<T>): Promise<T> {
    const closers: (() => void)[] = [];
    try {
      return await body(LossGuest.make(kvm, options, closers));
    } finally {
      for (const close of closers) close();
    }
  }

  private static make(kvm: Kvm, options: LossGuestOptions, closers: (() => void)[]): LossGuest {
    const { report, window, features = 0, log = false, timerCount = 0 } = options;
    const { setup } = report;
    const windowPages = window.sizeBytes / 4096;
    const memory = new LossGuestMemory(windowPages);
    closers.unshift(() => memory.close());
    const vm = kvm.createVm();
    closers.unshift(() => vm.close());
    vm.enableSplitIrqchip();
    if (!setup.haltExits) vm.enableCap('X86_DISABLE_EXITS', 0, [BigInt(KVM_X86_DISABLE_EXITS_HLT)]);
    if (setup.asyncPf === 'emulated') {
      vm.enableCap('X86_USER_SPACE_MSR', 0, [BigInt(KVM_MSR_EXIT_REASON_FILTER)]);
      vm.setMsrFilter(0, [{ flags: KVM_MSR_FILTER_WRITE, base: MSR_KVM_ASYNC_PF_EN, count: ASYNC_PF_MSRS, bitmap: new Uint8Array(1) }]);
    }
    vm.createMemorySlot({ slot: 0, gpa: gpa(0), sizeBytes: memory.ram.sizeBytes, mapping: memory.ram.mapping });
    vm.createMemorySlot({ slot: WINDOW_SLOT, gpa: gpa(abi.LOSS_WINDOW_BASE), sizeBytes: window.sizeBytes, mapping: window.guestView });
    const vcpu = vm.createVcpu(0);
    closers.unshift(() => vcpu.close());
    vcpu.setSliceNs(SLICE_NS);
    const cpuid = guestCpuid(kvm.supportedCpuid(), 0, setup.asyncPf !== 'none');
    setCpuidBit(cpuid, KVM_CPUID_FEATURES, 'eax', FEATURE_ASYNC_PF_ERROR, setup.asyncPfErrors ?? false);
    vcpu.setCpuid(cpuid);
    vcpu.syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
    const guest = new LossGuest(vm, vcpu, memory, options);
    closers.unshift(() => guest.session.close?.());
    guest.control.initialize(setup.features | features | (log ? abi.FEATURE_LOG : 0), windowPages, timerCount);
    bootVcpu(vcpu, memory.boot);
    return guest;
  }

  /**
   * Runs the programs, one a task, to their end or the guest's. A guest that has ended stays so.
   * @throws FaultLabError where KVM fails in a way that no report is about
   */
  run(programs: readonly TaskProgram[]): LossRunEnd {
    if (this.ended !== null) return this.ended;
    this.control.writePrograms(programs);
    const end = this.runToDoorbell();
    if (end.kind !== 'done') this.ended = end;
    return end;
  }

  /** What came of the accesses of the last run, program by program. */
  outcomes(): AccessOutcome[] {
    return this.control.readOutcomes();
  }

  /**
   * What both sides noted since the last call, in order. Empty without `log`.
   * @param tasks - what tasks noted besides, in order, to be put in between: times of outcomes, say
   */
  timeline(tasks: readonly Noted[] = []): TimelineEntry[] {
    return this.clock === null ? [] : interleave(this.hostEvents.splice(0), this.runs.splice(0), this.events.take(), tasks, this.clock);
  }

  /** TSC of the guest now, as far as the host can tell: null where it is not steady. */
  tscNow(): bigint | null {
    const clock = this.clock ?? GuestClock.of(this.vcpu);
    return clock.steady ? clock.now() : null;
  }

  /** Notes something that happened outside the guest, for the timeline. */
  note(what: string): void {
    if (this.clock !== null) this.hostEvents.push({ tsc: this.clock.now(), what });
  }

  /** One stay in KVM_RUN, and which of the guest's events belong to it. */
  private enter(): number {
    if (this.clock === null) return this.vcpu.run();
    const from = this.events.begun;
    const entered = this.clock.now();
    const result = this.vcpu.run();
    const left = this.clock.now();
    const to = this.events.begun;
    if (to > from) this.runs.push({ from, to, entered, left });
    return result;
  }

  private runToDoorbell(): LossRunEnd {
    const limitMs = patience(this.options.limitMs ?? RUN_LIMIT_MS);
    const deadline = performance.now() + limitMs;
    for (;;) {
      const end = this.handle(this.enter());
      if (end !== null) return end;
      this.runDeferred();
      this.options.pages?.poll();
      const last = endOf(this.session.afterExit?.() ?? null);
      if (last !== null) return last;
      if (performance.now() >= deadline) return { kind: 'stuck', why: `after ${limitMs} ms, at rip 0x${this.vcpu.syncRegs.regs.number('rip').toString(16)}` };
    }
  }

  private handle(result: number): LossRunEnd | null {
    const { exit } = this.vcpu;
    // Memory that is poisoned comes as a signal.
    if (result === -EINTR && this.vcpu.memoryFailure() === null) return null;
    if (result === -EINTR || result === -EFAULT || result === -EHWPOISON) return this.failed(result);
    if (result < 0) throw new FaultLabError('KVM_RUN_FAILED', `KVM_RUN failed with ${errnoName(-result)}`, { syscall: 'KVM_RUN', errno: -result });
    switch (exit.exitReason) {
      case KVM_EXIT_IO:
        return exit.ioDirection === KVM_EXIT_IO_OUT ? this.doorbell(exit.ioPort, exit.ioData32) : this.hypercall(exit.ioPort);
      case KVM_EXIT_MMIO:
        return this.emulated(result);
      case KVM_EXIT_INTERNAL_ERROR:
        return this.failed(result);
      case KVM_EXIT_X86_WRMSR: {
        const value = (BigInt(exit.msrDataHigh) << 32n) | BigInt(exit.msrDataLow);
        exit.setMsrError(!(this.session.writeMsr?.(exit.msrIndex, value) ?? false));
        return null;
      }
      case KVM_EXIT_SHUTDOWN:
        this.note('triple fault');
        return { kind: 'shutdown' };
      default:
        throw this.unexpected(result);
    }
  }

  private doorbell(port: number, value: number): LossRunEnd | null {
    if (port !== DOORBELL_PORT) throw new FaultLabError('EXIT_UNEXPECTED', `the guest wrote ${value} to port 0x${port.toString(16)}`);
    switch (value) {
      case DOORBELL_BOOTED:
        return null;
      case DOORBELL_DONE:
        return { kind: 'done' };
      case DOORBELL_PANIC: {
        const panic = this.control.panic();
        return { kind: 'panic', why: panic === null ? 'it does not say why' : describePanic(panic) };
      }
      default:
        // Nobody can run: what is due later may as well come now.
        if (value === abi.DOORBELL_IDLE) this.hasten();
        return null;
    }
  }

  private hypercall(port: number): LossRunEnd | null {
    const { regs } = this.vcpu.syncRegs;
    const answer = port === abi.HYPERCALL_PORT ? this.session.hypercall?.(regs.number('rdi'), [regs.number('rsi'), regs.number('rdx'), regs.number('rcx')]) : undefined;
    if (answer === undefined) throw new FaultLabError('EXIT_UNEXPECTED', `the guest read port 0x${port.toString(16)}, which nobody answers`);
    if (typeof answer !== 'number') return endOf(answer);
    this.vcpu.exit.setIoData32(answer);
    return null;
  }

  private failed(result: number): LossRunEnd | null {
    const finding = this.losses.find(this.vcpu.decodeExit(result));
    if (finding.kind === 'unrelated') throw this.unexpected(result);
    return this.found(finding);
  }

  /** A device access of KVM's emulator, which has moved on behind a store already. */
  private emulated(result: number): LossRunEnd | null {
    const finding = this.losses.find(this.vcpu.decodeExit(result));
    if (finding.kind !== 'lost') throw this.unexpected(result);
    abortMmio(this.vcpu, Number(finding.loss.rip));
    return this.found(finding);
  }

  private found(finding: LossFinding): LossRunEnd | null {
    // It has come back since: the instruction is tried again.
    if (finding.kind !== 'lost') return null;
    if (this.comesAfterAll(finding.loss)) return null;
    const loss = this.options.pages?.explain(finding.loss) ?? finding.loss;
    this.lostAccesses++;
    this.lastLost = loss;
    this.note(`KVM_RUN came back: ${describeLostAccess(loss)}`);
    this.options.onLost?.(loss, this);
    return endOf(this.session.lost(loss));
  }

  /** For a report that does not ask for missing pages: waits for the page. */
  private comesAfterAll({ gpa: at }: LostAccess): boolean {
    const { pages, report } = this.options;
    const page = Math.floor((Number(at) - abi.LOSS_WINDOW_BASE) / PAGE_SIZE);
    return pages !== undefined && report.setup.asksForPages !== true && pages.isMissing(page) && pages.wait(page);
  }

  private unexpected(result: number): FaultLabError {
    const exit = JSON.stringify(this.vcpu.decodeExit(result), (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
    return new FaultLabError('EXIT_UNEXPECTED', `the guest was stopped by ${exit}`, { syscall: 'KVM_RUN' });
  }

  private runDeferred(): void {
    if (this.deferred.length === 0) return;
    const now = performance.now();
    const due = this.deferred.filter(({ dueMs }) => dueMs <= now);
    this.deferred = this.deferred.filter(({ dueMs }) => dueMs > now);
    for (const { action } of due) action();
  }

  private hasten(): void {
    const due = this.deferred.splice(0);
    for (const { action } of due) action();
  }

  private resolve(offset: number): boolean {
    const { window, pages, resolve } = this.options;
    if (!(offset >= 0 && offset < window.sizeBytes)) return false;
    return pages === undefined ? (resolve?.(offset) ?? false) : pages.wait(Math.floor(offset / PAGE_SIZE));
  }

  private request(offset: number, done: (came: boolean) => void): void {
    const { window, pages, resolveMs = 0 } = this.options;
    if (pages !== undefined && offset >= 0 && offset < window.sizeBytes) pages.request(Math.floor(offset / PAGE_SIZE), done);
    else this.deferred.push({ dueMs: performance.now() + resolveMs, action: () => { done(this.resolve(offset)); } });
  }

  private machine(): ReportMachine {
    const { vm, vcpu, memory, options } = this;
    const { events, sregs } = vcpu.syncRegs;
    return {
      vm,
      vcpu,
      ram: memory.ram,
      window: options.window,
      veInformation: memory.veInformation,
      apfArea: memory.apfArea,
      inject: (vector, errorCode) => {
        events.injectException(vector, errorCode);
        vcpu.syncRegs.markDirty(KVM_SYNC_X86_EVENTS);
      },
      injectPageFault: (address, errorCode) => {
        sregs.setNumber('cr2', address);
        events.injectException(VECTOR_PAGE_FAULT, errorCode);
        vcpu.syncRegs.markDirty(KVM_SYNC_X86_EVENTS | KVM_SYNC_X86_SREGS);
      },
      raise: (vector) => {
        vm.signalMsi(msiTo(0, vector));
      },
      later: (delayMs, action) => {
        this.deferred.push({ dueMs: performance.now() + delayMs, action });
      },
      resolve: (offset) => this.resolve(offset),
      request: (offset, done) => {
        this.request(offset, done);
      },
      note: (what) => {
        this.note(what);
      },
    };
  }
}

function endOf(answer: ReportAnswer | null): LossRunEnd | null {
  return answer?.kind === 'die' ? { kind: 'died', why: answer.why } : null;
}
