/**
 * KVM_CAP_ASYNC_PF_USERFAULT, iteration i4: an intercepted fault of a vCPU that could take an interrupt becomes an async page fault, of which
 * the guest is told before user space has said anything. User space hears of it by an exit, which it accepts or lets complete by re-entering,
 * or by a ring entry without an exit.
 */
import { EALREADY, EBADF, EBUSY, EFAULT, EINVAL, EIO, ENOENT, ENOMEM } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import { gpaOf, isPageAligned, pageOf, type ModelShape } from '../model-shape.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEM_USERFAULT, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { KVM_APF_OP_ACCEPT, KVM_APF_OP_READY, KVM_MEMORY_EXIT_FLAG_APF } from './constants.js';
import { SHARED_PAGE_WORDS, SharedPageKernelEnd } from './shared-page.js';

/** Own words of a vCPU. */
const CAPABILITY = 0;
const RINGS = 1;
const NOTIFY_HEAD = 2;
const COMPLETE_TAIL = 3;

const APF_FLAGS = KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_APF;

/** Arguments of KVM_ASYNC_PF (struct kvm_async_pf_req), and what is wrong with the call. */
export interface AsyncPfRequest {
  readonly gpa: number;
  readonly op: number;
  readonly flags?: number;
  /** True when a reserved word is not zero. */
  readonly reserved?: boolean;
  /** The argument cannot be read. */
  readonly pointerIsBad?: boolean;
  /** The caller's memory is not the VM's: another process. */
  readonly otherProcess?: boolean;
}

/** Arguments of KVM_SET_APF_EVENTFD (struct kvm_apf_eventfd), and what KVM finds behind them. File descriptors are compared, never used. */
export interface ApfEventfds {
  /** The notification eventfd; -1 takes the rings away. */
  readonly fd: number;
  readonly completeFd: number;
  readonly flags?: number;
  /** True when the padding or a reserved word is not zero. */
  readonly reserved?: boolean;
  readonly pointerIsBad?: boolean;
  /** One of the descriptors is not open. */
  readonly fdIsClosed?: boolean;
  /** One of them is open, and no eventfd. */
  readonly notAnEventfd?: boolean;
  /** True when both descriptors are of the same eventfd. */
  readonly sameEventfd?: boolean;
  /** The completion eventfd has an exclusive waiter already, as when another vCPU registered it. */
  readonly completionTaken?: boolean;
  readonly outOfMemory?: boolean;
}

/** See the module's comment. */
export class AsyncPfUserfaultModel extends ProposalModel {
  readonly completionKey = 'gpa';
  readonly needsAccept = true;
  readonly slotFlags = KVM_MEM_USERFAULT;
  /** Words of each vCPU's shared page. */
  readonly sharedPages: readonly Int32Array[];
  private readonly pages: readonly SharedPageKernelEnd[];
  private readonly wholeState: readonly Int32Array[];

  /**
   * @param words - as {@link ProposalModel} takes them
   * @param sharedPages - words of each vCPU's shared page, which user space writes too; own ones where left out
   * @throws RangeError for too few of them
   */
  constructor(shape: ModelShape, words?: Int32Array, sharedPages?: readonly Int32Array[]) {
    super(shape, words);
    this.sharedPages = sharedPages ?? this.queues.map(() => new Int32Array(SHARED_PAGE_WORDS));
    if (this.sharedPages.length < this.queues.length || this.sharedPages.some((page) => page.length < SHARED_PAGE_WORDS)) {
      throw new RangeError(`a model of ${this.queues.length} vCPUs takes as many shared pages of ${SHARED_PAGE_WORDS} words`);
    }
    this.pages = this.sharedPages.map((page) => new SharedPageKernelEnd(page, this.shape.ringEntries));
    this.wholeState = [this.words, ...this.sharedPages];
  }

  /** {@inheritDoc ProposalModel.state} */
  override get state(): readonly Int32Array[] {
    return this.wholeState;
  }

  /** True while the vCPU has rings. */
  hasRings(vcpu: number): boolean {
    return this.queues[vcpu].own[RINGS] !== 0;
  }

  /** True while KVM_CAP_ASYNC_PF_USERFAULT is enabled on the vCPU. */
  isEnabled(vcpu: number): boolean {
    return this.queues[vcpu].own[CAPABILITY] !== 0;
  }

  /** {@inheritDoc ProposalModel.fault} */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    if (bits === 0) return FaultAction.MAP;
    const queue = this.queues[vcpu];
    if (!this.isEnabled(vcpu) || prefetch || !queue.canDoAsyncPf(context)) return FaultAction.EXIT;
    if (queue.find(page) >= 0) return this.halt(vcpu);
    const injects = queue.canDeliver(context);
    const slot = queue.create(page, ItemState.PENDING, injects);
    if (slot < 0) return FaultAction.EXIT;
    // The guest is told now, before user space has said anything.
    const injected = injects ? queue.token(slot) : 0;
    if (!this.notify(vcpu, page)) {
      if (!injects) queue.halt();
      this.answer(APF_FLAGS, 0, injected, false);
      return FaultAction.EXIT;
    }
    queue.setState(slot, ItemState.ACCEPTED);
    this.answer(APF_FLAGS, 0, injected, this.pages[vcpu].testAndClearArmed());
    return injects ? FaultAction.CONTINUE : this.halt(vcpu);
  }

  /**
   * KVM_RUN was entered: whatever user space did not accept counts as resolved, whether it is or not. A vCPU that would halt looks at its
   * completions first.
   */
  override enter(vcpu: number): void {
    const queue = this.queues[vcpu];
    for (let slot = 0; slot < queue.slotCount; slot++) if (queue.state(slot) === ItemState.PENDING) queue.complete(slot);
    if (queue.halted) this.drainCompletions(vcpu);
  }

  /** {@inheritDoc ProposalModel.ready} */
  ready(vcpu: number, page: number): number {
    return this.complete(vcpu, page);
  }

  /** {@inheritDoc ProposalModel.accept} */
  accept(vcpu: number, page: number): number {
    const queue = this.queues[vcpu];
    const slot = this.findItem(vcpu, page);
    if (slot < 0) return ENOENT;
    if (queue.state(slot) === ItemState.PENDING) queue.setState(slot, ItemState.ACCEPTED);
    return 0;
  }

  /** KVM_ASYNC_PF on a vCPU: 0, or the errno. */
  request(vcpu: number, { gpa, op, flags = 0, reserved = false, pointerIsBad = false, otherProcess = false }: AsyncPfRequest): number {
    if (otherProcess) return EIO;
    if (pointerIsBad) return EFAULT;
    if (flags !== 0 || reserved || !isPageAligned(gpa)) return EINVAL;
    const page = pageOf(this.shape, gpa);
    if (op === KVM_APF_OP_ACCEPT) return this.accept(vcpu, page);
    return op === KVM_APF_OP_READY ? this.complete(vcpu, page) : EINVAL;
  }

  /** KVM_ENABLE_CAP(KVM_CAP_ASYNC_PF_USERFAULT) on a vCPU: 0, or the errno. What is outstanding stays so. */
  enableCap(vcpu: number, args: readonly number[]): number {
    if ((args[0] !== 0 && args[0] !== 1) || args.slice(1).some((arg) => arg !== 0)) return EINVAL;
    this.queues[vcpu].own[CAPABILITY] = args[0];
    return 0;
  }

  /**
   * KVM_SET_APF_EVENTFD on a vCPU: 0, or the errno. Registering makes a new shared page, to be mapped again. Which of several errors comes first
   * is this model's choice, except that arguments are looked at before descriptors, and those before the vCPU.
   */
  setEventfds(vcpu: number, eventfds: ApfEventfds): number {
    const { fd, completeFd } = eventfds;
    if (eventfds.pointerIsBad === true) return EFAULT;
    if ((eventfds.flags ?? 0) !== 0 || eventfds.reserved === true || fd < -1) return EINVAL;
    const registers = fd >= 0;
    if (registers) {
      if (fd === completeFd) return EINVAL;
      if (completeFd < 0 || eventfds.fdIsClosed === true) return EBADF;
      if (eventfds.notAnEventfd === true || eventfds.sameEventfd === true) return EINVAL;
    }
    const queue = this.queues[vcpu];
    if (queue.outstanding > 0 || (registers && eventfds.completionTaken === true)) return EBUSY;
    if (registers && eventfds.outOfMemory === true) return ENOMEM;
    queue.own[RINGS] = registers ? 1 : 0;
    queue.own[NOTIFY_HEAD] = 0;
    queue.own[COMPLETE_TAIL] = 0;
    if (registers) this.pages[vcpu].initialize();
    return 0;
  }

  /** The completion eventfd was written: takes every completion that the ring holds. True when a fault was completed. */
  drainCompletions(vcpu: number): boolean {
    const { own } = this.queues[vcpu];
    const ring = this.pages[vcpu];
    if (own[RINGS] === 0) return false;
    const count = ring.completionsFrom(own[COMPLETE_TAIL]);
    let completed = false;
    // A head that far ahead is made up: whatever the batch holds, it is dropped.
    if (count <= this.shape.ringEntries) {
      for (let i = 0; i < count; i++) completed = this.takeCompletion(vcpu, (own[COMPLETE_TAIL] + i) | 0) || completed;
    }
    own[COMPLETE_TAIL] = (own[COMPLETE_TAIL] + count) | 0;
    ring.setCompleteTail(own[COMPLETE_TAIL]);
    return completed;
  }

  /** Bad entries are skipped without a word. */
  private takeCompletion(vcpu: number, index: number): boolean {
    const ring = this.pages[vcpu];
    return ring.readCompletion(index) && isPageAligned(ring.gpa) && this.complete(vcpu, pageOf(this.shape, ring.gpa)) === 0;
  }

  /** READY of a page, -1 for one outside the slot: 0, or the errno. */
  private complete(vcpu: number, page: number): number {
    const queue = this.queues[vcpu];
    if (queue.clearing) return EBUSY;
    const slot = this.findItem(vcpu, page);
    if (slot < 0) return ENOENT;
    if (queue.state(slot) === ItemState.COMPLETED) return EALREADY;
    queue.complete(slot);
    return 0;
  }

  private findItem(vcpu: number, page: number): number {
    return page < 0 ? -1 : this.queues[vcpu].find(page);
  }

  /** A vCPU about to halt drains its completions itself, and does not halt when there was one. */
  private halt(vcpu: number): FaultAction {
    this.drainCompletions(vcpu);
    this.queues[vcpu].halt();
    return FaultAction.HALT;
  }

  /** Publishes a fault on the notification ring; false where there is none, or no room. */
  private notify(vcpu: number, page: number): boolean {
    const { own } = this.queues[vcpu];
    const ring = this.pages[vcpu];
    if (own[RINGS] === 0 || ring.isNotifyFull(own[NOTIFY_HEAD])) return false;
    ring.publish(own[NOTIFY_HEAD], gpaOf(this.shape, page), APF_FLAGS);
    own[NOTIFY_HEAD] = (own[NOTIFY_HEAD] + 1) | 0;
    return true;
  }
}
