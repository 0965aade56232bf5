/**
 * The async page faults of one vCPU as KVM keeps them: what the guest enabled, the faults outstanding, and those completed that wait to be
 * told to the guest. Every proposal with async page faults is built on it, as their patches are on KVM's own queue.
 *
 * Pure, and all state is in the words it is given: exploration copies them, the emulation shares them between threads under a lock.
 * Source: virt/kvm/async_pf.c and arch/x86/kvm/x86.c as the proposals' patches leave them; Documentation/virt/kvm/x86/msr.rst.
 */
import {
  APF_WAKE_ALL_TOKEN,
  KVM_ASYNC_PF_ACK_READY,
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  KVM_ASYNC_PF_FLAG_MASK,
  KVM_ASYNC_PF_RESERVED,
  KVM_ASYNC_PF_SEND_ALWAYS,
  KVM_ASYNC_PF_VEC_MASK,
  apfToken,
  nextApfSequence,
  type FaultContext,
  type MsrOutcome,
} from '../apf.js';
import { MSR_KVM_ASYNC_PF_ACK, MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT } from '../msr.js';

/** Where a fault stands. `PENDING`: user space has said nothing yet. `COMPLETED`: to be dequeued. Not every proposal has all of them. */
export const ItemState = { FREE: 0, PENDING: 1, ACCEPTED: 2, COMPLETED: 3 } as const;

const ENABLE_LOW = 0;
const ENABLE_HIGH = 1;
const VECTOR = 2;
const SEQUENCE = 3;
const HALTED = 4;
const CLEARING = 5;
/** Words that a proposal may use for its own state of the vCPU. */
const OWN = 8;
const OWN_WORDS = 16;
const ITEMS = OWN + OWN_WORDS;

const STATE = 0;
const PAGE = 1;
const TOKEN = 2;
const INJECTED = 3;
/** Position among the completed, from 1; 0 while not completed. */
const ORDER = 4;
const ITEM_WORDS = 5;
/** The wake-all item counts towards the limit but is not held to it, and there is never more than one. */
const WAKE_ALL_ITEMS = 1;

const ENABLING_BITS = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

/** Page of the wake-all item, which belongs to none. */
const NO_PAGE = -1;

/** See the module's comment. */
export class ApfQueue {
  /** Words for the proposal's own use, zero at first. */
  readonly own: Int32Array;
  private readonly slots: number;

  /**
   * @param words - {@link ApfQueue.wordCount} of them, zero at first
   * @param vcpuId - low 12 bits of every token
   * @param capacity - most items outstanding
   * @param hltInGuest - the guest's HLT does not leave it, so that KVM never halts the vCPU on its own account
   */
  constructor(
    private readonly words: Int32Array,
    readonly vcpuId: number,
    readonly capacity: number,
    private readonly hltInGuest = false,
  ) {
    this.slots = capacity + WAKE_ALL_ITEMS;
    this.own = words.subarray(OWN, OWN + OWN_WORDS);
  }

  /** Words that a queue of `capacity` items takes. */
  static wordCount(capacity: number): number {
    return ITEMS + (capacity + WAKE_ALL_ITEMS) * ITEM_WORDS;
  }

  /** True when both the enable bit and delivery by interrupt are set: without both KVM tells the guest nothing. */
  get enabled(): boolean {
    return (this.words[ENABLE_LOW] & ENABLING_BITS) === ENABLING_BITS;
  }

  /** Vector of ready events. */
  get vector(): number {
    return this.words[VECTOR];
  }

  /** gpa of the guest's shared area, in bytes; valid while {@link enabled}. */
  get areaGpa(): number {
    return (this.words[ENABLE_HIGH] >>> 0) * 0x1_0000_0000 + ((this.words[ENABLE_LOW] & ~KVM_ASYNC_PF_FLAG_MASK) >>> 0);
  }

  /** True while the vCPU is to stay out of the guest, but for interrupts, until one of its faults completes (synthetic halt). */
  get halted(): boolean {
    return this.words[HALTED] !== 0;
  }

  /** True while KVM cancels the items of the vCPU: between {@link beginClear} and {@link cancelAll}. */
  get clearing(): boolean {
    return this.words[CLEARING] !== 0;
  }

  /** Slots of items, wake-all's included: what {@link state} and the like take is below it. */
  get slotCount(): number {
    return this.slots;
  }

  /** Items outstanding, wake-all included: what the limit counts. */
  get outstanding(): number {
    let count = 0;
    for (let slot = 0; slot < this.slots; slot++) if (this.state(slot) !== ItemState.FREE) count++;
    return count;
  }

  /** True when a completed item waits to be dequeued. */
  get hasCompleted(): boolean {
    return this.firstCompleted() >= 0;
  }

  /**
   * The guest wrote an MSR of the protocol. Enabling makes the wake-all event due, disabling cancels every item.
   * @param low - bits 31:0 of the value
   * @param high - bits 63:32
   * @param areaIsValid - whether 64 bytes at a gpa are ordinary guest memory
   */
  writeMsr(index: number, low: number, high: number, areaIsValid: (gpa: number) => boolean): MsrOutcome {
    switch (index) {
      case MSR_KVM_ASYNC_PF_EN:
        return this.writeEnable(low, high, areaIsValid);
      case MSR_KVM_ASYNC_PF_INT:
        if (high !== 0 || (low & ~KVM_ASYNC_PF_VEC_MASK) !== 0) return { kind: 'refused' };
        this.words[VECTOR] = low & KVM_ASYNC_PF_VEC_MASK;
        return { kind: 'vector', vector: this.words[VECTOR] };
      case MSR_KVM_ASYNC_PF_ACK:
        return (low & KVM_ASYNC_PF_ACK_READY) !== 0 ? { kind: 'acknowledged' } : { kind: 'done' };
      default:
        return { kind: 'refused' };
    }
  }

  /** The guest read an MSR of the protocol: its value, or null for #GP. */
  readMsr(index: number): bigint | null {
    switch (index) {
      case MSR_KVM_ASYNC_PF_EN:
        return (BigInt(this.words[ENABLE_HIGH] >>> 0) << 32n) | BigInt(this.words[ENABLE_LOW] >>> 0);
      case MSR_KVM_ASYNC_PF_INT:
        return BigInt(this.words[VECTOR]);
      case MSR_KVM_ASYNC_PF_ACK:
        return 0n;
      default:
        return null;
    }
  }

  /** kvm_can_do_async_pf(): the vCPU could take an interrupt now, so that a fault need not keep it. Its LAPIC is in the kernel. */
  canDoAsyncPf(context: FaultContext): boolean {
    return context.interruptsEnabled && !context.eventPending && (!this.hltInGuest || this.canDeliver(context));
  }

  /** kvm_can_deliver_async_pf(): the guest can be told that a page is not present. */
  canDeliver(context: FaultContext): boolean {
    return this.enabled && (context.cpl > 0 || (this.words[ENABLE_LOW] & KVM_ASYNC_PF_SEND_ALWAYS) !== 0);
  }

  /** Slot of the item of a page, or -1. */
  find(page: number): number {
    for (let slot = 0; slot < this.slots; slot++) if (this.state(slot) !== ItemState.FREE && this.page(slot) === page) return slot;
    return -1;
  }

  /** Slot of the item with a token, or -1. */
  findToken(token: number): number {
    for (let slot = 0; slot < this.slots; slot++) if (this.state(slot) !== ItemState.FREE && this.token(slot) === token) return slot;
    return -1;
  }

  /**
   * A new item, with a token of its own.
   * @param injected - the guest is told that the page is not present, by #PF with the token
   * @returns its slot, or -1 when as many as allowed are outstanding
   */
  create(page: number, state: number, injected: boolean): number {
    if (this.outstanding >= this.capacity) return -1;
    const slot = this.add(page, state, injected);
    if (slot < 0) return -1;
    this.words[SEQUENCE] = nextApfSequence(this.words[SEQUENCE]);
    this.set(slot, TOKEN, apfToken(this.words[SEQUENCE], this.vcpuId) | 0);
    return slot;
  }

  /** One of {@link ItemState}. */
  state(slot: number): number {
    return this.words[ITEMS + slot * ITEM_WORDS + STATE];
  }

  /** Page of an item. */
  page(slot: number): number {
    return this.words[ITEMS + slot * ITEM_WORDS + PAGE];
  }

  /** Token of an item, unsigned. */
  token(slot: number): number {
    return this.words[ITEMS + slot * ITEM_WORDS + TOKEN] >>> 0;
  }

  /** Whether the guest was told that the item's page is not present. */
  isInjected(slot: number): boolean {
    return this.words[ITEMS + slot * ITEM_WORDS + INJECTED] !== 0;
  }

  /** Whether the item is the wake-all event, which is of no page and which nobody waits for. */
  isWakeAll(slot: number): boolean {
    return this.page(slot) === NO_PAGE;
  }

  /** Moves an item on, to anything but {@link ItemState.COMPLETED}. */
  setState(slot: number, state: number): void {
    this.set(slot, STATE, state);
  }

  /** The item's page can be had: it is dequeued after those completed before. A halted vCPU wakes, whether it can be dequeued yet or not. */
  complete(slot: number): void {
    let last = 0;
    for (let other = 0; other < this.slots; other++) last = Math.max(last, this.order(other));
    this.set(slot, STATE, ItemState.COMPLETED);
    this.set(slot, ORDER, last + 1);
    this.wake();
  }

  /** KVM_REQ_APF_HALT: see {@link halted}. A vCPU with a completed item does not stay halted, so that it is not halted here. */
  halt(): void {
    if (!this.hasCompleted) this.words[HALTED] = 1;
  }

  /** An interrupt, or a dequeued item, ends the synthetic halt; the instruction is tried again. */
  wake(): void {
    this.words[HALTED] = 0;
  }

  /**
   * Dequeues completed items until one is to be told to the guest.
   * @param tokenWordIsFree - whether the guest emptied the token word of its shared area
   * @returns the token of the ready event that is due now, or 0
   */
  takeReady(tokenWordIsFree: boolean): number {
    for (;;) {
      const slot = this.firstCompleted();
      if (slot < 0 || (this.enabled && !tokenWordIsFree)) return 0;
      const token = this.token(slot);
      const told = this.enabled && (this.isInjected(slot) || this.isWakeAll(slot));
      this.free(slot);
      for (let other = 0; other < this.slots; other++) if (this.order(other) > 0) this.set(other, ORDER, this.order(other) - 1);
      this.wake();
      if (told) return token;
    }
  }

  /** KVM starts to cancel the items, which takes it a while; {@link cancelAll} ends it. Completions that come meanwhile are refused. */
  beginClear(): void {
    this.words[CLEARING] = 1;
  }

  /** Cancels every item: the guest disabled delivery or turned paging on or off, the vCPU was reset or is gone. */
  cancelAll(): void {
    for (let slot = 0; slot < this.slots; slot++) this.free(slot);
    this.words[CLEARING] = 0;
    this.wake();
  }

  /** The vCPU was reset, by INIT too: the MSRs are as after power-up, and nothing is outstanding. The sequence of tokens goes on. */
  reset(): void {
    this.words[ENABLE_LOW] = 0;
    this.words[ENABLE_HIGH] = 0;
    this.words[VECTOR] = 0;
    this.cancelAll();
  }

  /** The wake-all event is due, unless a completed item is on its way: kvm_async_pf_wakeup_all(). */
  private wakeAll(): void {
    if (this.hasCompleted) return;
    const slot = this.add(NO_PAGE, ItemState.ACCEPTED, false);
    if (slot < 0) return;
    this.set(slot, TOKEN, APF_WAKE_ALL_TOKEN | 0);
    this.complete(slot);
  }

  private writeEnable(low: number, high: number, areaIsValid: (gpa: number) => boolean): MsrOutcome {
    if ((low & KVM_ASYNC_PF_RESERVED) !== 0) return { kind: 'refused' };
    const areaGpa = (high >>> 0) * 0x1_0000_0000 + ((low & ~KVM_ASYNC_PF_FLAG_MASK) >>> 0);
    // Without both bits nothing is delivered, and KVM does not look at the address.
    if ((low & ENABLING_BITS) === ENABLING_BITS && (!Number.isSafeInteger(areaGpa) || !areaIsValid(areaGpa))) return { kind: 'refused' };
    this.words[ENABLE_LOW] = low;
    this.words[ENABLE_HIGH] = high;
    if (this.enabled) {
      this.wakeAll();
      return { kind: 'enabled', areaGpa, vector: this.vector };
    }
    this.cancelAll();
    return { kind: 'disabled' };
  }

  private add(page: number, state: number, injected: boolean): number {
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.state(slot) !== ItemState.FREE) continue;
      this.set(slot, STATE, state);
      this.set(slot, PAGE, page);
      this.set(slot, INJECTED, injected ? 1 : 0);
      this.set(slot, ORDER, 0);
      return slot;
    }
    return -1;
  }

  private free(slot: number): void {
    this.words.fill(0, ITEMS + slot * ITEM_WORDS, ITEMS + (slot + 1) * ITEM_WORDS);
  }

  private order(slot: number): number {
    return this.words[ITEMS + slot * ITEM_WORDS + ORDER];
  }

  private firstCompleted(): number {
    for (let slot = 0; slot < this.slots; slot++) if (this.order(slot) === 1) return slot;
    return -1;
  }

  private set(slot: number, field: number, value: number): void {
    this.words[ITEMS + slot * ITEM_WORDS + field] = value;
  }
}
