/**
 * KVM_CAP_ASYNC_PF_USERFAULT, iteration i4: an intercepted fault of a vCPU that could take an interrupt becomes an async page fault, of which
 * the guest is told before user space has said anything. User space hears of it by an exit, which it accepts or lets complete by re-entering,
 * or by a ring entry without an exit.
 */
import { EALREADY, EBUSY, EINVAL, ENOENT } from '../../../errors/index.js';
import type { FaultContext } from '../../apf.js';
import { ItemState } from '../apf-queue.js';
import { gpaOf, isPageAligned, pageOf, type ModelShape } from '../model-shape.js';
import { FaultAction, ProposalModel } from '../proposal-model.js';
import { KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../userfault/constants.js';
import { KVM_APF_OP_ACCEPT, KVM_APF_OP_READY, KVM_MEMORY_EXIT_FLAG_APF } from './constants.js';
import { SHARED_PAGE_WORDS, SharedPageKernelEnd } from './shared-page.js';

/** Own words of a vCPU. */
const CAPABILITY = 0;
const RINGS = 1;
const NOTIFY_HEAD = 2;
const COMPLETE_TAIL = 3;

const EXITLESS_FLAGS = KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_APF;

/** Arguments of KVM_ASYNC_PF (struct kvm_async_pf_req). */
export interface AsyncPfRequest {
  readonly gpa: number;
  readonly op: number;
  readonly flags?: number;
  /** True when a reserved word is not zero. */
  readonly reserved?: boolean;
}

/** Arguments of KVM_SET_APF_EVENTFD (struct kvm_apf_eventfd). File descriptors are compared, never used. */
export interface ApfEventfds {
  readonly fd: number;
  readonly completeFd: number;
  readonly flags?: number;
  readonly reserved?: boolean;
  /** True when both descriptors are of the same eventfd. */
  readonly sameEventfd?: boolean;
}

/** See the module's comment. */
export class AsyncPfUserfaultModel extends ProposalModel {
  readonly completionKey = 'gpa';
  readonly needsAccept = true;
  private readonly pages: readonly SharedPageKernelEnd[];

  /**
   * @param words - as {@link ProposalModel} takes them
   * @param sharedPages - words of each vCPU's shared page, which user space writes too; own ones where left out
   */
  constructor(shape: ModelShape, words?: Int32Array, sharedPages?: readonly Int32Array[]) {
    super(shape, words);
    const pages = sharedPages ?? this.queues.map(() => new Int32Array(SHARED_PAGE_WORDS));
    this.pages = pages.map((page) => new SharedPageKernelEnd(page, this.shape.ringEntries));
  }

  /** {@inheritDoc ProposalModel.fault} */
  fault(vcpu: number, page: number, bits: number, context: FaultContext, prefetch = false): FaultAction {
    this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);
    if (bits < 0) return FaultAction.BARE_EFAULT;
    if (bits === 0) return FaultAction.MAP;
    const queue = this.queues[vcpu];
    if (queue.own[CAPABILITY] === 0 || prefetch || !queue.canDoAsyncPf(context)) return FaultAction.EXIT;
    if (queue.find(page) >= 0) {
      queue.halt();
      return FaultAction.HALT;
    }
    const injects = queue.canDeliver(context);
    const slot = queue.create(page, ItemState.PENDING, injects);
    if (slot < 0) return FaultAction.EXIT;
    const injected = injects ? queue.token(slot) : 0;
    if (!injects) queue.halt();
    if (this.notify(vcpu, page)) {
      queue.setState(slot, ItemState.ACCEPTED);
      this.answer(EXITLESS_FLAGS, 0, injected, this.pages[vcpu].testAndClearArmed());
      return injects ? FaultAction.CONTINUE : FaultAction.HALT;
    }
    this.answer(EXITLESS_FLAGS, 0, injected, false);
    return FaultAction.EXIT;
  }

  /** KVM_RUN was entered: whatever user space did not accept counts as resolved, whether it is or not. */
  override enter(vcpu: number): void {
    const queue = this.queues[vcpu];
    for (let slot = 0; slot < queue.slotCount; slot++) if (queue.state(slot) === ItemState.PENDING) queue.complete(slot);
  }

  /** {@inheritDoc ProposalModel.ready} */
  ready(vcpu: number, page: number): number {
    return this.request(vcpu, { gpa: gpaOf(this.shape, page), op: KVM_APF_OP_READY });
  }

  /** {@inheritDoc ProposalModel.accept} */
  accept(vcpu: number, page: number): number {
    return this.request(vcpu, { gpa: gpaOf(this.shape, page), op: KVM_APF_OP_ACCEPT });
  }

  /** KVM_ASYNC_PF on a vCPU: 0, or the errno. */
  request(vcpu: number, { gpa, op, flags = 0, reserved = false }: AsyncPfRequest): number {
    if (flags !== 0 || reserved || !isPageAligned(gpa)) return EINVAL;
    if (op !== KVM_APF_OP_ACCEPT && op !== KVM_APF_OP_READY) return EINVAL;
    const queue = this.queues[vcpu];
    const slot = queue.find(pageOf(this.shape, gpa));
    if (slot < 0 || queue.isWakeAll(slot)) return ENOENT;
    if (op === KVM_APF_OP_ACCEPT) {
      if (queue.state(slot) === ItemState.PENDING) queue.setState(slot, ItemState.ACCEPTED);
      return 0;
    }
    if (queue.state(slot) === ItemState.COMPLETED) return EALREADY;
    queue.complete(slot);
    return 0;
  }

  /** KVM_ENABLE_CAP(KVM_CAP_ASYNC_PF_USERFAULT) on a vCPU: 0, or the errno. */
  enableCap(vcpu: number, args: readonly number[]): number {
    if ((args[0] !== 0 && args[0] !== 1) || args.slice(1).some((arg) => arg !== 0)) return EINVAL;
    this.queues[vcpu].own[CAPABILITY] = args[0];
    return 0;
  }

  /** KVM_SET_APF_EVENTFD on a vCPU: 0, or the errno. Registering makes a new shared page, to be mapped again. */
  setEventfds(vcpu: number, { fd, completeFd, flags = 0, reserved = false, sameEventfd = false }: ApfEventfds): number {
    if (flags !== 0 || reserved || fd < -1) return EINVAL;
    const queue = this.queues[vcpu];
    if (fd >= 0 && (fd === completeFd || sameEventfd)) return EINVAL;
    if (queue.outstanding > 0) return EBUSY;
    queue.own[RINGS] = fd < 0 ? 0 : 1;
    queue.own[NOTIFY_HEAD] = 0;
    queue.own[COMPLETE_TAIL] = 0;
    if (fd >= 0) this.pages[vcpu].initialize();
    return 0;
  }

  /** The completion eventfd was written: takes every completion that the ring holds. True when a fault was completed. */
  drainCompletions(vcpu: number): boolean {
    const queue = this.queues[vcpu];
    const ring = this.pages[vcpu];
    if (queue.own[RINGS] === 0) return false;
    const count = ring.completionsFrom(queue.own[COMPLETE_TAIL]);
    let completed = false;
    // A head that far ahead is made up: whatever the batch holds, it is dropped.
    for (let i = 0; i < count && count <= this.shape.ringEntries; i++) completed = this.takeCompletion(vcpu, (queue.own[COMPLETE_TAIL] + i) | 0) || completed;
    queue.own[COMPLETE_TAIL] = (queue.own[COMPLETE_TAIL] + count) | 0;
    ring.setCompleteTail(queue.own[COMPLETE_TAIL]);
    return completed;
  }

  /** Bad entries are skipped without a word. */
  private takeCompletion(vcpu: number, index: number): boolean {
    const ring = this.pages[vcpu];
    return ring.readCompletion(index) && this.request(vcpu, { gpa: ring.gpa, op: KVM_APF_OP_READY }) === 0;
  }

  /** Publishes a fault on the notification ring; false where there is none, or no room. */
  private notify(vcpu: number, page: number): boolean {
    const { own } = this.queues[vcpu];
    const ring = this.pages[vcpu];
    if (own[RINGS] === 0 || ring.isNotifyFull(own[NOTIFY_HEAD])) return false;
    ring.publish(own[NOTIFY_HEAD], gpaOf(this.shape, page), EXITLESS_FLAGS);
    own[NOTIFY_HEAD] = (own[NOTIFY_HEAD] + 1) | 0;
    return true;
  }
}
