/**
 * A vCPU of the suite's guest. The VMM is the guest's scheduler: it says which access comes next, and sees every vector that is taken. The exits, the vectors
 * and the returns from them are real.
 */
import { setLongMode } from '../../guest/index.js';
import type { Vcpu, VcpuExit } from '../../kvm/index.js';
import { errnoName } from '../../errors/index.js';
import type { SregsView} from '../../uapi/index.js';
import { PAGE_SIZE, RFLAGS_FIXED, RFLAGS_IF, RegsView, kvmVcpuPvApfDataLayout } from '../../uapi/index.js';
import { patience } from '../../probes/index.js';
import { END_PORT, VECTOR_PORT, type GuestCode } from './code.js';
import { WINDOW_GPA, type GuestMemory, type TrapFrame, type VcpuPages } from './memory.js';
import type { GuestStop } from './stop.js';

/** An access to be made. */
export interface GuestAccess {
  readonly kind: 'load' | 'store' | 'fetch';
  /** Index in the window. */
  readonly page: number;
  /** 3 where left out. */
  readonly cpl?: 0 | 3;
  /** RFLAGS.IF; true where left out. */
  readonly interrupts?: boolean;
}

/** What the guest's scheduler keeps of a task that it took off the vCPU. */
export interface GuestTask {
  /** Page of its access; -1 for the loop. */
  readonly page: number;
  readonly cpl: 0 | 3;
  readonly regs: RegsView;
}

/** What a target does around a vCPU's KVM_RUN. */
export interface RunHooks {
  /** KVM_RUN is about to be entered. */
  beforeEntry(): void;
  /** KVM_RUN returned: 0 or a negative errno. */
  afterExit(result: number): void;
  /**
   * KVM_RUN failed for want of memory.
   * @param page - of the access that is being made, -1 for none
   * @returns undefined to enter again
   */
  fault(exit: VcpuExit, page: number): GuestStop | undefined;
  /** The guest wrote an MSR that is not KVM's: false for #GP. */
  writeMsr(index: number, low: number, high: number): boolean;
  /** The guest read an MSR that is not KVM's: null for #GP. */
  readMsr(index: number): bigint | null;
  /** A slice ended. False when, as far as it shows, nothing can happen to the vCPU unless the caller does something. */
  mayMove(): boolean;
}

/** Longest stay in one KVM_RUN. */
const SLICE_NS = 5e6;
/** What a run may take in which something must happen. */
const RUN_LIMIT_MS = 2000;
/** What a run takes in which nothing must happen. */
const BRIEF_MS = 20;
/** Slices in a row after which a vCPU that may not move is believed: the first may end before KVM has looked for interrupts. */
const IDLE_SLICES = 3;
const VECTOR_GP = 13;
const VECTOR_PF = 14;
const VECTOR_UD = 6;

/** See the module's comment. */
export class GuestVcpu {
  private page = -1;
  private readonly pages: VcpuPages;
  private frame: TrapFrame | undefined;

  constructor(
    readonly vcpu: Vcpu,
    private readonly memory: GuestMemory,
    private readonly hooks: RunHooks,
  ) {
    this.pages = memory.vcpus[vcpu.id];
    vcpu.setSliceNs(patience(SLICE_NS));
  }

  /** gpa of the area that the guest shares with KVM. */
  get area(): number {
    return this.pages.area;
  }

  /** The flags word of that area. */
  get flagsWord(): number {
    return this.areaWord(kvmVcpuPvApfDataLayout.fields.flags.offset);
  }

  /** The token word of that area, unsigned. */
  get tokenWord(): number {
    return this.areaWord(kvmVcpuPvApfDataLayout.fields.token.offset);
  }

  /** What a handler of ready events does first: empties the token word. */
  clearToken(): void {
    Atomics.store(this.memory.ram.words, (this.pages.area + kvmVcpuPvApfDataLayout.fields.token.offset) / 4, 0);
  }

  /** Puts the vCPU in front of an access. */
  begin({ kind, page, cpl = 3, interrupts = true }: GuestAccess): void {
    this.start(kind, page, cpl, interrupts);
  }

  /** Puts the vCPU into a loop at CPL3 that takes interrupts: another task, which has nothing to do with the window. */
  beginLoop(): void {
    this.start('spin', -1, 3, true);
  }

  /** Takes the task off the vCPU that the last event interrupted. */
  suspend(): GuestTask {
    const { frame } = this;
    if (frame === undefined) throw new RangeError('no event interrupted a task');
    const regs = this.vcpu.getRegs();
    regs.set('rip', frame.rip);
    regs.set('rsp', frame.rsp);
    regs.set('rflags', frame.rflags);
    return { page: this.page, cpl: frame.cpl, regs };
  }

  /** Puts a task back on the vCPU: its access is tried again. */
  resume({ page, cpl, regs }: GuestTask): void {
    this.load(page, cpl, regs);
  }

  /**
   * Runs until something happens.
   * @param limitMs - how long to wait for it
   */
  run(limitMs = RUN_LIMIT_MS): GuestStop {
    this.frame = undefined;
    return this.runTo(performance.now() + patience(limitMs));
  }

  /** Runs for a moment in which nothing is to happen: `stays`, or what happened. */
  runBriefly(): GuestStop {
    return this.run(BRIEF_MS);
  }

  /** The guest's kernel writes an MSR. */
  writeMsr(index: number, value: bigint): 'done' | '#GP' {
    return this.call('wrmsr', index, value).vector === VECTOR_GP ? '#GP' : 'done';
  }

  /** The guest's kernel reads an MSR. */
  readMsr(index: number): bigint | '#GP' {
    const { vector, value } = this.call('rdmsr', index, 0n);
    return vector === VECTOR_GP ? '#GP' : value;
  }

  private runTo(deadline: number): GuestStop {
    let idleSlices = 0;
    for (;;) {
      this.hooks.beforeEntry();
      const result = this.vcpu.run();
      this.hooks.afterExit(result);
      const exit = this.vcpu.decodeExit(result);
      const stop = this.stopOf(exit);
      if (stop !== undefined) return stop;
      idleSlices = exit.kind === 'interrupted' && !this.hooks.mayMove() ? idleSlices + 1 : 0;
      if (idleSlices === IDLE_SLICES) return { kind: 'stays' };
      if (performance.now() >= deadline) return exit.kind === 'interrupted' ? { kind: 'stays' } : { kind: 'unexpected', what: `the vCPU came to no end: the last exit was ${exit.kind}` };
    }
  }

  private stopOf(exit: VcpuExit): GuestStop | undefined {
    switch (exit.kind) {
      case 'interrupted':
        return undefined;
      case 'io':
        return this.told(exit.port);
      case 'wrmsr':
        this.vcpu.exit.setMsrError(!this.hooks.writeMsr(exit.index, Number(exit.data & 0xffff_ffffn) | 0, Number(exit.data >> 32n) | 0));
        return undefined;
      case 'rdmsr': {
        const value = this.hooks.readMsr(exit.index);
        this.vcpu.exit.setMsrError(value === null);
        this.vcpu.exit.setMsrData(Number((value ?? 0n) & 0xffff_ffffn), Number((value ?? 0n) >> 32n));
        return undefined;
      }
      case 'memoryFault':
      case 'bareEfault':
        return this.hooks.fault(exit, this.page);
      case 'error':
        return { kind: 'unexpected', what: `KVM_RUN failed with ${errnoName(exit.errno)}` };
      default:
        return { kind: 'unexpected', what: `KVM_RUN returned with exit ${exit.kind}${exit.kind === 'mmio' ? ` at gpa 0x${exit.gpa.toString(16)}` : ''}` };
    }
  }

  /** The guest told something by an OUT. */
  private told(port: number): GuestStop {
    this.completeExit();
    const regs = this.vcpu.getRegs();
    const done: GuestStop = { kind: 'done', value: regs.low('rax') & 0xff };
    if (port === END_PORT) return done;
    const frame = port === VECTOR_PORT ? this.memory.readFrame(regs.number('rip'), regs.number('rsp')) : undefined;
    if (frame === undefined) return { kind: 'unexpected', what: `the guest wrote to port 0x${port.toString(16)}` };
    if (frame.vector === VECTOR_UD && this.memory.isUserEnd(frame.rip)) return done;
    this.frame = frame;
    const { flagsWord, tokenWord } = this;
    const { vector, errorCode, cpl } = frame;
    // As every handler of not-present events does, so that it can tell the next #PF from an ordinary one.
    if (vector === VECTOR_PF) Atomics.store(this.memory.ram.words, this.pages.area / 4, 0);
    return { kind: 'event', vector, errorCode, cpl, cr2: this.vcpu.getSregs().number('cr2'), flagsWord, tokenWord };
  }

  /** Lets KVM finish the instruction that exited, without entering the guest: registers can be replaced then. */
  private completeExit(): void {
    this.vcpu.exit.setImmediateExit(true);
    this.vcpu.run();
    this.vcpu.exit.setImmediateExit(false);
  }

  /** Has the guest's kernel do something at once, between two instructions of what it does. */
  private call(code: 'wrmsr' | 'rdmsr', index: number, value: bigint): { readonly vector: number; readonly value: bigint } {
    const { page, frame } = this;
    const regs = this.vcpu.getRegs();
    const sregs = this.vcpu.getSregs();
    const own = RegsView.allocate();
    own.setNumber('rcx', index);
    own.set('rax', value & 0xffff_ffffn);
    own.set('rdx', value >> 32n);
    this.place(code, 0, false, own, this.pages.callStackTop);
    this.load(-1, 0, own);
    const stop = this.runTo(performance.now() + patience(RUN_LIMIT_MS));
    if (stop.kind !== 'done' && !(stop.kind === 'event' && stop.vector === VECTOR_GP)) throw new Error(`${code} 0x${index.toString(16)} came to no end: ${JSON.stringify(stop)}`);
    const after = this.vcpu.getRegs();
    this.vcpu.setSregs(sregs);
    this.vcpu.setRegs(regs);
    this.page = page;
    this.frame = frame;
    return { vector: stop.kind === 'event' ? stop.vector : -1, value: ((after.get('rdx') & 0xffff_ffffn) << 32n) | (after.get('rax') & 0xffff_ffffn) };
  }

  private start(code: GuestCode, page: number, cpl: 0 | 3, interrupts: boolean): void {
    const regs = RegsView.allocate();
    regs.setNumber('rbx', WINDOW_GPA + Math.max(0, page) * PAGE_SIZE);
    this.place(code, cpl, interrupts, regs, cpl === 0 ? this.pages.kernelStackTop : this.pages.userStackTop);
    this.load(page, cpl, regs);
  }

  private place(code: GuestCode, cpl: 0 | 3, interrupts: boolean, regs: RegsView, stackTop: number): void {
    regs.setNumber('rip', this.memory.addressOf(code, cpl));
    regs.setNumber('rsp', stackTop);
    regs.setNumber('rflags', RFLAGS_FIXED | (interrupts ? RFLAGS_IF : 0));
  }

  private load(page: number, cpl: 0 | 3, regs: RegsView): void {
    const sregs: SregsView = this.vcpu.getSregs();
    setLongMode(sregs, { root: this.memory.root, descriptors: this.pages.descriptors, idt: this.memory.idt, cpl, isFirst: this.vcpu.id === 0 });
    this.vcpu.setSregs(sregs);
    this.vcpu.setRegs(regs);
    this.page = page;
    this.frame = undefined;
  }

  private areaWord(offset: number): number {
    return Atomics.load(this.memory.ram.words, (this.pages.area + offset) / 4) >>> 0;
  }
}
