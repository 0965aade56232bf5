/**
 * The driver: one VM with the guest that loses memory, its one vCPU run on the calling thread, and one report of lost memory at work. The caller
 * writes programs for the guest's tasks, runs them, and reads what came of each access.
 */
import { FaultLabError, errnoName } from '../errors/index.js';
import { DOORBELL_BOOTED, DOORBELL_DONE, DOORBELL_PANIC, DOORBELL_PORT, bootVcpu, guestCpuid } from '../guest/index.js';
import { msiTo, type Kvm, type Vcpu, type Vm } from '../kvm/index.js';
import { patience } from '../probes/index.js';
import {
  KVM_CPUID_FEATURES,
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
  MSR_IA32_TSC,
  MSR_KVM_ASYNC_PF_EN,
  VECTOR_PAGE_FAULT,
  gpa,
  setCpuidBit,
} from '../uapi/index.js';
import * as abi from './abi.js';
import { ControlBlock, type AccessOutcome, type TaskProgram } from './control-block.js';
import { describeLostAccess } from './describe.js';
import { EventLog } from './event-log.js';
import { LossGuestMemory } from './guest-memory.js';
import type { LossWindow } from './loss-window.js';
import { LostAccessFinder, type LostAccess } from './lost-access.js';
import { abortMmio } from './mmio-abort.js';
import { describePanic } from './panic.js';
import type { LossReport, ReportAnswer, ReportMachine, ReportSession } from './report.js';
import { interleave, type HostEvent, type TimelineEntry } from './timeline.js';

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
  readonly window: LossWindow;
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
  /** Called when an access is lost, before the report is asked: for what else is to happen at that moment. */
  readonly onLost?: (access: LostAccess, guest: LossGuest) => void;
  /** Longest run, as `patience` has it; 5 s where left out. */
  readonly limitMs?: number;
}

const RUN_LIMIT_MS = 5000;
/** Deferred actions and limits are looked at this often, at least. */
const SLICE_NS = 2e6;
const WINDOW_SLOT = 1;
const EINTR = 4;
const EFAULT = 14;
const EHWPOISON = 133;
/** Fruitless retries of one access in a row: it fails in KVM, and everybody says that it need not. */
const MOST_RETRIES = 1000;
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
  private readonly finder: LostAccessFinder;
  private readonly session: ReportSession;
  private readonly hostEvents: HostEvent[] = [];
  private deferred: Deferred[] = [];
  private ended: LossRunEnd | null = null;
  private retries = 0;
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
    this.finder = new LostAccessFinder(vcpu, memory.ram, window, abi.LOSS_WINDOW_BASE);
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

  /** What both sides noted since the last call, in order. Empty without `log`. */
  timeline(): TimelineEntry[] {
    return interleave(this.hostEvents.splice(0), this.events.take());
  }

  /** TSC of the guest now. */
  tsc(): bigint {
    return this.vcpu.getMsr(MSR_IA32_TSC);
  }

  private runToDoorbell(): LossRunEnd {
    const limitMs = patience(this.options.limitMs ?? RUN_LIMIT_MS);
    const deadline = performance.now() + limitMs;
    for (;;) {
      const end = this.handle(this.vcpu.run());
      if (end !== null) return end;
      this.runDeferred();
      const last = endOf(this.session.afterExit?.() ?? null);
      if (last !== null) return last;
      if (performance.now() >= deadline) return { kind: 'stuck', why: `after ${limitMs} ms, at rip 0x${this.vcpu.syncRegs.regs.number('rip').toString(16)}` };
    }
  }

  private handle(result: number): LossRunEnd | null {
    const { exit } = this.vcpu;
    if (result === -EINTR) return null;
    if (result === -EFAULT || result === -EHWPOISON) return this.lost(this.finder.find());
    if (result < 0) throw new FaultLabError('KVM_RUN_FAILED', `KVM_RUN failed with ${errnoName(-result)}`, { syscall: 'KVM_RUN', errno: -result });
    switch (exit.exitReason) {
      case KVM_EXIT_IO:
        return exit.ioDirection === KVM_EXIT_IO_OUT ? this.doorbell(exit.ioPort, exit.ioData32) : this.hypercall(exit.ioPort);
      case KVM_EXIT_MMIO:
        return this.emulated();
      case KVM_EXIT_X86_WRMSR: {
        const value = (BigInt(exit.msrDataHigh) << 32n) | BigInt(exit.msrDataLow);
        exit.setMsrError(!(this.session.writeMsr?.(exit.msrIndex, value) ?? false));
        return null;
      }
      case KVM_EXIT_SHUTDOWN:
        this.note('triple fault');
        return { kind: 'shutdown' };
      default:
        throw new FaultLabError('EXIT_UNEXPECTED', `the guest was stopped by ${JSON.stringify(this.vcpu.decodeExit(result), (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}`, { syscall: 'KVM_RUN' });
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

  private emulated(): LossRunEnd | null {
    const { exit, syncRegs } = this.vcpu;
    const { mmioGpa, mmioSize, mmioIsWrite } = exit;
    // A read is noted before anything is done; for a store the emulator has moved on already.
    const rip = mmioIsWrite ? this.finder.beforeStore(mmioGpa, mmioSize, syncRegs.regs) : syncRegs.regs.number('rip');
    if (rip === null) return { kind: 'died', why: `an emulated store to gpa 0x${mmioGpa.toString(16)} cannot be taken back: the instruction before rip 0x${syncRegs.regs.number('rip').toString(16)} is not known` };
    abortMmio(this.vcpu, rip);
    return this.lost(this.finder.findMmio(mmioGpa, mmioSize, mmioIsWrite));
  }

  private lost(access: LostAccess | null): LossRunEnd | null {
    if (access === null) {
      // It has come back since, or never was lost: the instruction is tried again.
      if (++this.retries <= MOST_RETRIES) return null;
      return { kind: 'stuck', why: `an access at rip 0x${this.vcpu.syncRegs.regs.number('rip').toString(16)} fails, and no memory of it is lost` };
    }
    this.retries = 0;
    this.lostAccesses++;
    this.lastLost = access;
    if (this.options.log === true) this.note(`KVM_RUN came back: ${describeLostAccess(access)}`);
    this.options.onLost?.(access, this);
    return endOf(this.session.lost(access));
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

  private note(what: string): void {
    if (this.options.log === true) this.hostEvents.push({ tsc: this.tsc(), what });
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
      resolve: (offset) => offset >= 0 && offset < options.window.sizeBytes && (options.resolve?.(offset) ?? false),
      resolveMs: options.resolveMs ?? 0,
      note: (what) => {
        this.note(what);
      },
    };
  }
}

function endOf(answer: ReportAnswer | null): LossRunEnd | null {
  return answer?.kind === 'die' ? { kind: 'died', why: answer.why } : null;
}
