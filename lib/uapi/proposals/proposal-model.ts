/**
 * KVM's half of a proposal as one state machine without I/O: what an intercepted fault comes to, what user space's calls do, which events
 * the guest gets. The emulation drives it from real exits, exploration and property tests through every interleaving, and the
 * conformance suite holds a native kernel to it.
 *
 * No method allocates on the path of a fault; answers of more than a number are in fields. All state is in `words`, so that a state can be
 * copied, compared and shared ({@link ProposalModel.state} is all of it). Methods of one vCPU must not run at the same time (KVM has locks, the emulation one a vCPU).
 */
import { EINVAL } from '../../errors/index.js';
import type { FaultContext, MsrOutcome } from '../apf.js';
import { ApfQueue } from './apf-queue.js';
import { fullShape, type FullModelShape, type ModelShape } from './model-shape.js';
import { SlotModel } from './slot-model.js';

/** What a fault comes to. */
export const FaultAction = {
  /** Not intercepted: KVM maps the page as it always did. */
  MAP: 0,
  /** KVM_RUN returns -1 with EFAULT and KVM_EXIT_MEMORY_FAULT: see {@link ProposalModel.flags} and {@link ProposalModel.token}. */
  EXIT: 1,
  /** KVM_RUN returns -1 with EFAULT and says nothing more. */
  BARE_EFAULT: 2,
  /** The vCPU goes on in the guest, which was told. */
  CONTINUE: 3,
  /**
   * The vCPU stays in KVM_RUN and takes interrupts only, until a fault of its own completes: synthetic halt. Where one is complete already,
   * {@link ApfQueue.halted} is false and the access is tried again at once.
   */
  HALT: 4,
  /** The vCPU sleeps in KVM_RUN and takes nothing until the page is there: the host's own wait for a page (stock kernels). */
  WAIT: 5,
} as const;

/** One of {@link FaultAction}. */
export type FaultAction = (typeof FaultAction)[keyof typeof FaultAction];

/**
 * How KVM hears that the page of an async page fault can be had: not at all, by the token of the exit, by the page's gpa, or from its own
 * worker, which slept until the page was there (whoever drives the model then calls {@link ProposalModel.ready} as soon as it is).
 */
export type CompletionKey = 'none' | 'token' | 'gpa' | 'worker';

/** See the module's comment. */
export abstract class ProposalModel {
  readonly shape: FullModelShape;
  readonly words: Int32Array;
  readonly slot: SlotModel;
  /** By vCPU. */
  readonly queues: readonly ApfQueue[];

  /** After {@link fault} came to EXIT: KVM_MEMORY_EXIT_FLAG_* bits. */
  flags = 0;
  /** After {@link fault}: token of the item that it made, as far as user space gets to know it; 0 for none. */
  token = 0;
  /** After {@link fault}: token of the not-present event that is queued for the guest; 0 for none. */
  injected = 0;
  /** After {@link fault}: the notification eventfd was signalled. */
  signalled = false;

  /** How completions name their fault. */
  abstract readonly completionKey: CompletionKey;
  /** True where user space must say before the next KVM_RUN that it handles a fault asynchronously. */
  abstract readonly needsAccept: boolean;
  /** Memslot flags that the proposal adds; 0 where the slot has no say, and every fault's bits count. */
  abstract readonly slotFlags: number;
  private readonly ownState: readonly Int32Array[];

  /**
   * @param words - {@link ProposalModel.wordCount} of them, zero at first or the state of another such model; new ones where left out
   * @throws RangeError for a shape that no KVM has, or too few words
   */
  constructor(shape: ModelShape, words?: Int32Array) {
    this.shape = fullShape(shape);
    const { vcpus, pages, itemsPerVcpu, hltInGuest } = this.shape;
    const needed = ProposalModel.wordCount(shape);
    this.words = words ?? new Int32Array(needed);
    this.ownState = [this.words];
    if (this.words.length < needed) throw new RangeError(`a model of this shape takes ${needed} words, not ${this.words.length}`);
    const slotWords = SlotModel.wordCount(pages);
    const queueWords = ApfQueue.wordCount(itemsPerVcpu);
    this.slot = new SlotModel(this.words.subarray(0, slotWords));
    this.queues = Array.from({ length: vcpus }, (_, vcpu) => {
      const start = slotWords + vcpu * queueWords;
      return new ApfQueue(this.words.subarray(start, start + queueWords), vcpu, itemsPerVcpu, hltInGuest);
    });
  }

  /**
   * Everything in which two states can differ: arrays that stay the same ones, and of the same length. Copying them copies the state. What {@link fault}
   * left in its fields is an answer and no state.
   */
  get state(): readonly Int32Array[] {
    return this.ownState;
  }

  /** Words of {@link words}. */
  static wordCount(shape: ModelShape): number {
    const { vcpus, pages, itemsPerVcpu } = fullShape(shape);
    return SlotModel.wordCount(pages) + vcpus * ApfQueue.wordCount(itemsPerVcpu);
  }

  /**
   * A vCPU faulted on a page that is not mapped.
   * @param bits - the page's interception bits as KVM reads them now: 0 for none, -1 when the bitmap cannot be read
   * @param context - allocated once and reused by the caller
   * @param prefetch - no guest access but KVM_PRE_FAULT_MEMORY
   */
  abstract fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch?: boolean): FaultAction;

  /**
   * A vCPU touches a page: what {@link fault} says, or MAP at once when the page is mapped already, whatever its bits are.
   * For those who have no real page tables.
   */
  touch(vcpu: number, page: number, bits: number, context: FaultContext): FaultAction {
    if (this.slot.isMapped(page)) {
      this.answer(0, 0, 0, false);
      return FaultAction.MAP;
    }
    const action = this.fault(vcpu, page, this.slotFlags === 0 || this.slot.intercepting ? bits : 0, context);
    if (action === FaultAction.MAP) this.slot.map(page);
    return action;
  }

  /**
   * KVM_SET_USER_MEMORY_REGION2 that changes nothing but flags: 0, or the errno.
   * @param flags - of {@link slotFlags}; what other flags do is no matter here, and they are refused
   */
  setFlags(flags: number): number {
    if ((flags & ~this.slotFlags) !== 0) return EINVAL;
    this.slot.setFlags(flags);
    return 0;
  }

  /** KVM_RUN was entered. */
  enter(vcpu: number): void;
  enter(): void {
    // Most proposals do nothing then.
  }

  /**
   * The user-space call by which this proposal says that a page of an async page fault can be had; any thread may.
   * @param page - that the exit or the ring entry named
   * @param token - that the exit carried; 0 for none
   * @returns 0, or the errno of the ioctl
   */
  abstract ready(vcpu: number, page: number, token: number): number;

  /** The user-space call that says, before KVM_RUN, that the fault of a page is handled asynchronously. 0, or the errno. */
  abstract accept(vcpu: number, page: number): number;

  /** {@inheritDoc ApfQueue.takeReady} */
  takeReady(vcpu: number, tokenWordIsFree: boolean): number {
    return this.queues[vcpu].takeReady(tokenWordIsFree);
  }

  /** {@inheritDoc ApfQueue.writeMsr} */
  writeMsr(vcpu: number, index: number, low: number, high: number, areaIsValid: (gpa: number) => boolean): MsrOutcome {
    return this.queues[vcpu].writeMsr(index, low, high, areaIsValid);
  }

  /** {@inheritDoc ApfQueue.readMsr} */
  readMsr(vcpu: number, index: number): bigint | null {
    return this.queues[vcpu].readMsr(index);
  }

  /** The vCPU was reset, by INIT too: its faults are cancelled and its MSRs are 0. */
  reset(vcpu: number): void {
    this.queues[vcpu].reset();
  }

  /** The guest turned paging on or off (CR0.PG), or the vCPU is gone: its faults are cancelled, its MSRs stay. */
  cancel(vcpu: number): void {
    this.queues[vcpu].cancelAll();
  }

  /** Fills the fields that say more about a fault. */
  protected answer(flags: number, token: number, injected: number, signalled: boolean): void {
    this.flags = flags;
    this.token = token;
    this.injected = injected;
    this.signalled = signalled;
  }
}
