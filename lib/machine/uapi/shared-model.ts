/**
 * A proposal's model whose state is shared by the Workers of a machine: each opens one over the same words and plays its part of KVM in it. One
 * lock a vCPU keeps what concerns that vCPU in order; nothing else of the state is written while the guest runs.
 */
import { ModelLock } from '../../asyncpf/index.js';
import { FaultLabError } from '../../errors/index.js';
import {
  AsyncPfUserfaultModel,
  ProposalModel,
  SHARED_PAGE_WORDS,
  SharedPageHandlerEnd,
  UAPI_PROFILES,
  type ModelShape,
  type UapiName,
} from '../../uapi/proposals/index.js';

/** Words besides the model's, by vCPU; a cache line each. */
const LINE = 16;
const LOCK = 0;
const SHARE = 1;
const DELIVERED = LINE;
const STALE = LINE + 1;
const UNDER_WAY = 2 * LINE;
const VCPU_WORDS = 3 * LINE;

/** What a shared model is over: plain data, to be handed to Workers. */
export interface SharedModelPlan {
  readonly uapi: UapiName;
  readonly shape: ModelShape;
  readonly buffer: SharedArrayBuffer;
  /** Exitless rings are registered. */
  readonly rings: boolean;
  /** The kernel has the proposal: the model is not asked, what is beside it is used all the same. */
  readonly native: boolean;
}

/** See the module's comment. */
export class SharedModel {
  readonly model: ProposalModel;
  private readonly words: Int32Array;
  private readonly locks: readonly ModelLock[];
  private readonly pages: readonly Int32Array[];

  constructor(readonly plan: SharedModelPlan) {
    const { shape, buffer, uapi } = plan;
    this.words = new Int32Array(buffer, 0, shape.vcpus * VCPU_WORDS);
    this.pages = Array.from({ length: shape.vcpus }, (_, vcpu) => sharedPageOf(plan, vcpu));
    const state = new Int32Array(buffer, shape.vcpus * (VCPU_WORDS + SHARED_PAGE_WORDS) * 4);
    // Only this design has pages that user space writes too.
    this.model = uapi === 'async-pf-userfault-2026' ? new AsyncPfUserfaultModel(shape, state, this.pages) : UAPI_PROFILES[uapi].createModel(shape, state);
    this.locks = Array.from({ length: shape.vcpus }, (_, vcpu) => new ModelLock(this.words, vcpu * VCPU_WORDS + LOCK));
  }

  /**
   * Memory for a model, set up as a VMM would: capability enabled, rings registered.
   * @param asyncPf - async page faults are wanted; false for a VMM that uses plain exits alone
   * @param rings - and exitless ones
   * @param native - the kernel has the proposal
   */
  static allocate(uapi: UapiName, shape: ModelShape, asyncPf: boolean, rings: boolean, native: boolean): SharedModelPlan {
    const words = shape.vcpus * (VCPU_WORDS + SHARED_PAGE_WORDS) + ProposalModel.wordCount(shape);
    const plan = { uapi, shape, buffer: new SharedArrayBuffer(words * 4), rings, native };
    const { model } = new SharedModel(plan);
    model.slot.setIntercepting(true);
    if (model instanceof AsyncPfUserfaultModel && asyncPf) {
      for (let vcpu = 0; vcpu < shape.vcpus; vcpu++) setUp(model, vcpu, rings);
    }
    return plan;
  }

  /** Keeps everybody else out of what concerns a vCPU, until {@link unlock}. */
  lock(vcpu: number): void {
    this.locks[vcpu].acquire();
  }

  unlock(vcpu: number): void {
    this.locks[vcpu].release();
  }

  /** The handler's end of a vCPU's rings; one for each vCPU in the whole machine. */
  handlerEnd(vcpu: number): SharedPageHandlerEnd {
    return new SharedPageHandlerEnd(this.pages[vcpu], this.model.shape.ringEntries);
  }

  /** Number by which other threads reach a vCPU; 0 before its Worker has started. */
  vcpuShare(vcpu: number): number {
    return Atomics.load(this.words, vcpu * VCPU_WORDS + SHARE);
  }

  setVcpuShare(vcpu: number, share: number): void {
    Atomics.store(this.words, vcpu * VCPU_WORDS + SHARE, share);
  }

  /** Ready events that reached the guest, wake-all included. */
  delivered(vcpu: number): number {
    return Atomics.load(this.words, vcpu * VCPU_WORDS + DELIVERED);
  }

  countDelivered(vcpu: number): void {
    Atomics.add(this.words, vcpu * VCPU_WORDS + DELIVERED, 1);
  }

  /** Completions for which there was no fault any more: the guest had disabled delivery. */
  stale(vcpu: number): number {
    return Atomics.load(this.words, vcpu * VCPU_WORDS + STALE);
  }

  countStale(vcpu: number): void {
    Atomics.add(this.words, vcpu * VCPU_WORDS + STALE, 1);
  }

  /** Page requests under way for async page faults of a vCPU, those of cancelled ones included. `from`: 0 by exit, 1 by ring. */
  underWay(vcpu: number, from: 0 | 1): number {
    return Atomics.load(this.words, vcpu * VCPU_WORDS + UNDER_WAY + from);
  }

  /** Changes {@link underWay}. */
  addUnderWay(vcpu: number, from: 0 | 1, by: 1 | -1): void {
    Atomics.add(this.words, vcpu * VCPU_WORDS + UNDER_WAY + from, by);
  }
}

/** The page of a vCPU's exitless rings: what a handler of another process would map. */
export function sharedPageOf({ shape, buffer }: Pick<SharedModelPlan, 'shape' | 'buffer'>, vcpu: number): Int32Array {
  return new Int32Array(buffer, (shape.vcpus * VCPU_WORDS + vcpu * SHARED_PAGE_WORDS) * 4, SHARED_PAGE_WORDS);
}

/** What a VMM does once a vCPU is made. The descriptors are of nobody: a model compares them, no more. */
function setUp(model: AsyncPfUserfaultModel, vcpu: number, rings: boolean): void {
  const errno = model.enableCap(vcpu, [1, 0, 0, 0]) || (rings ? model.setEventfds(vcpu, { fd: 2 * vcpu, completeFd: 2 * vcpu + 1 }) : 0);
  if (errno !== 0) throw new FaultLabError('PROPOSAL_SETUP', `the model refuses to be set up for vCPU ${vcpu}: errno ${errno}`);
}
