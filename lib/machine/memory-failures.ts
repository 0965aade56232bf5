/**
 * Poisoned memory under one vCPU: finds out which memory of the guest it is, asks the handler, and does what it says.
 */
import { FaultLabError, isCoded } from '../errors/index.js';
import { PageState, type PageStates } from '../faults/index.js';
import { gpaOfHva, type GuestRange, type InterceptedPages, type PagedWindow } from '../memory/index.js';
import { PAGE_SIZE, gpa, type Gpa } from '../uapi/index.js';
import type { Vcpu } from '../kvm/index.js';
import type { Counters, VcpuCounter } from './counters.js';
import type { GuestMemoryFailure, MemoryFailureAnswer, MemoryFailureHandler } from './memory-failure-handler.js';

/** As many failures on end of one access mean that whatever is done about them does not help. */
const MOST_IN_A_ROW = 100;
/** KVM repeats an access at once; where the page has become missing, that takes a few more entries. */
const MOST_RUNS_BETWEEN = 16;
/** A wait for a page looks at the stop flag this often. */
const WAIT_SLICE_MS = 50;
const ANSWERS: ReadonlySet<unknown> = new Set<MemoryFailureAnswer>(['end', 'retry', 'replace']);

/** The window, as far as pages of it can be replaced. */
export interface ReplaceableWindow {
  readonly window: PagedWindow;
  /** gpa of its first page. */
  readonly base: number;
  readonly bitmap: InterceptedPages;
  readonly states: PageStates;
}

/** See the module's comment. One for each vCPU Worker. */
export class MemoryFailures {
  private readonly probe = new Uint8Array(1);
  private lastAddress = -1n;
  private lastRun = 0;
  private inARow = 0;

  /** @param ranges - all memory of the guest */
  constructor(
    private readonly index: number,
    private readonly vcpu: Vcpu,
    private readonly ranges: readonly GuestRange[],
    private readonly target: ReplaceableWindow,
    private readonly handler: MemoryFailureHandler,
    private readonly counters: Counters<VcpuCounter>,
    private readonly stopped: () => boolean,
  ) {}

  /**
   * KVM_RUN failed with EHWPOISON.
   * @throws FaultLabError `MEMORY_POISONED` when the run cannot go on, `HANDLER_FAILED`
   */
  handle(): void {
    this.counters.memoryFailures++;
    const failure = this.describe();
    const answer = this.ask(failure);
    if (answer === 'end') this.end(failure);
    this.refuseRepetition(failure);
    if (answer === 'replace' && failure.action === 'required') this.replace(failure);
  }

  /**
   * KVM_RUN returned KVM_EXIT_MMIO that nobody answers: KVM's emulator takes memory that it cannot copy from for a device. Such an access
   * cannot be repeated, so that there is nothing to ask the handler.
   * @throws FaultLabError `MEMORY_POISONED` when the reason is poison; returns when it is not
   */
  refuseEmulated(at: number): void {
    const page = this.pageOf(at);
    if (page < 0 || !this.isPoisoned(page)) return;
    this.counters.memoryFailures++;
    const offset = page * PAGE_SIZE;
    this.end({ vcpu: this.index, action: 'required', gpa: gpa(this.target.base + offset), hva: null, sizeBytes: PAGE_SIZE });
  }

  private describe(): GuestMemoryFailure {
    const { vcpu, index } = this;
    const told = vcpu.memoryFailure();
    if (told !== null) {
      const at = gpaOfHva(this.ranges, told.hva);
      return { vcpu: index, ...told, gpa: at === null ? null : gpa(at) };
    }
    const named: Gpa | null = vcpu.exit.hasMemoryFault ? gpa(vcpu.exit.memoryFaultGpa) : null;
    return { vcpu: index, action: 'required', gpa: named, hva: null, sizeBytes: named === null ? 0 : vcpu.exit.memoryFaultSize };
  }

  private ask(failure: GuestMemoryFailure): MemoryFailureAnswer {
    try {
      const answer = this.handler.handle(failure, this.vcpu);
      if (!ANSWERS.has(answer)) throw new TypeError(`it answered '${answer}', not ${[...ANSWERS].join(', ')}`);
      return answer;
    } catch (error) {
      if (isCoded(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new FaultLabError('HANDLER_FAILED', `the handler of ${words(failure)} failed: ${why}`, { cause: error });
    }
  }

  /** Ends the run when an access is repeated for ever. */
  private refuseRepetition(failure: GuestMemoryFailure): void {
    const address = failure.hva ?? failure.gpa ?? -1n;
    const { runCount } = this.vcpu;
    this.inARow = address === this.lastAddress && runCount <= this.lastRun + MOST_RUNS_BETWEEN ? this.inARow + 1 : 0;
    this.lastAddress = address;
    this.lastRun = runCount;
    if (this.inARow >= MOST_IN_A_ROW) this.end(failure, `, ${MOST_IN_A_ROW} times on end`);
  }

  private replace(failure: GuestMemoryFailure): void {
    const first = failure.gpa === null ? -1 : this.pageOf(Number(failure.gpa));
    if (first < 0) this.end(failure, ', which is not in the window and cannot be replaced');
    const end = Math.min(first + Math.ceil(failure.sizeBytes / PAGE_SIZE), this.target.bitmap.pageCount);
    for (let page = first; page < end; page++) this.replacePage(page);
  }

  /** Makes a page missing again. Where another vCPU is about it, or was, there is nothing left to do but the access. */
  private replacePage(page: number): void {
    const { window, bitmap, states } = this.target;
    if (!this.isPoisoned(page) || !states.reclaim(page)) return;
    // The bit first: an access that fails from here on waits for the page; it would be unexplained otherwise.
    bitmap.set(page);
    window.discard(page, 1);
    states.setMissing(page);
  }

  /** True where an access fails for good: the page was delivered so, or the hardware lost it since. */
  private isPoisoned(page: number): boolean {
    const { states } = this.target;
    // The guest may meet poison a moment before its page is marked so.
    while (states.get(page) === PageState.REQUESTED && !this.stopped()) states.waitSettled(page, WAIT_SLICE_MS);
    const state = states.get(page);
    if (state !== PageState.PRESENT) return state === PageState.POISONED;
    try {
      this.target.window.hostView.read(page * PAGE_SIZE, this.probe);
      return false;
    } catch (error) {
      if (isCoded(error) && error.code === 'MAPPING_POISONED') return true;
      throw error;
    }
  }

  /** Index of the window page that holds `at`, or -1. */
  private pageOf(at: number): number {
    const page = Math.floor((at - this.target.base) / PAGE_SIZE);
    return page >= 0 && page < this.target.bitmap.pageCount ? page : -1;
  }

  private end(failure: GuestMemoryFailure, more = ''): never {
    const rip = this.vcpu.getRegs().get('rip');
    throw new FaultLabError('MEMORY_POISONED', `the guest was stopped at rip 0x${rip.toString(16)} by ${words(failure)}${more}`, { syscall: 'KVM_RUN' });
  }
}

function words({ action, gpa: at, hva, sizeBytes }: GuestMemoryFailure): string {
  const where = [at === null ? 'no gpa' : `gpa 0x${at.toString(16)}`, ...(hva === null ? [] : [`hva 0x${hva.toString(16)}`])].join(', ');
  return `${action === 'required' ? 'an access to' : 'the loss of'} poisoned memory at ${where} (${sizeBytes} bytes)`;
}
