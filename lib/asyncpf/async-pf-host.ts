/**
 * The host's end of KVM's paravirtual async page fault protocol, as one state machine without I/O: what the guest's MSR writes mean, whether
 * a fault may be told to the guest, and which token it gets. KVM plays it in the kernel (`apf-kernel`); the VMM plays it with this
 * class (`apf-user`). Source: the kernel's Documentation/virt/kvm/x86/msr.rst, and KVM's behaviour as measured.
 */
import {
  ASYNC_PF_PER_VCPU,
  KVM_ASYNC_PF_ACK_READY,
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  KVM_ASYNC_PF_FLAG_MASK,
  KVM_ASYNC_PF_RESERVED,
  KVM_ASYNC_PF_SEND_ALWAYS,
  KVM_ASYNC_PF_VEC_MASK,
  MSR_KVM_ASYNC_PF_ACK,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  apfToken,
  nextApfSequence,
  type FaultContext,
  type MsrOutcome,
} from '../uapi/index.js';

/** Why a fault is not told to the guest: its vCPU waits for the page instead. */
export type WaitReason = 'not-enabled' | 'not-deliverable' | 'in-flight' | 'too-many';

const FREE = -1;

/** Slot entry of a page that the guest no longer waits for, and back. */
function abandoned(entry: number): number {
  return -2 - entry;
}

const DONE: MsrOutcome = { kind: 'done' };
const REFUSED: MsrOutcome = { kind: 'refused' };
const ACKNOWLEDGED: MsrOutcome = { kind: 'acknowledged' };
const DISABLED: MsrOutcome = { kind: 'disabled' };

/** See the module's comment. One for each vCPU. */
export class AsyncPfHost {
  private enableLow = 0;
  private enableHigh = 0;
  private vector = 0;
  private sequence = 0;
  /** One slot a request under way: its page, {@link FREE}, or {@link abandoned} of the page. */
  private readonly slots = new Int32Array(ASYNC_PF_PER_VCPU).fill(FREE);
  private live = 0;
  private used = 0;

  /**
   * @param vcpuId - low 12 bits of every token
   * @param areaIsValid - whether 64 bytes at this gpa are ordinary guest memory
   */
  constructor(
    private readonly vcpuId: number,
    private readonly areaIsValid: (gpa: number) => boolean,
  ) {}

  /** True when both the enable bit and delivery by interrupt are set: without both KVM delivers nothing. */
  get enabled(): boolean {
    const both = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;
    return (this.enableLow & both) === both;
  }

  /** Faults that the guest was told of and whose ready event is still due. */
  get outstanding(): number {
    return this.live;
  }

  /**
   * The guest wrote an MSR of the protocol.
   * @param low - bits 31:0 of the value
   * @param high - bits 63:32
   */
  writeMsr(index: number, low: number, high: number): MsrOutcome {
    switch (index) {
      case MSR_KVM_ASYNC_PF_EN:
        return this.writeEnable(low >>> 0, high >>> 0);
      case MSR_KVM_ASYNC_PF_INT:
        if (high !== 0 || (low & ~KVM_ASYNC_PF_VEC_MASK) !== 0) return REFUSED;
        this.vector = low & KVM_ASYNC_PF_VEC_MASK;
        return { kind: 'vector', vector: this.vector };
      case MSR_KVM_ASYNC_PF_ACK:
        return (low & KVM_ASYNC_PF_ACK_READY) !== 0 ? ACKNOWLEDGED : DONE;
      default:
        return REFUSED;
    }
  }

  /** The guest read an MSR of the protocol: its value, or null for #GP. */
  readMsr(index: number): bigint | null {
    switch (index) {
      case MSR_KVM_ASYNC_PF_EN:
        return (BigInt(this.enableHigh) << 32n) | BigInt(this.enableLow);
      case MSR_KVM_ASYNC_PF_INT:
        return BigInt(this.vector);
      case MSR_KVM_ASYNC_PF_ACK:
        return 0n;
      default:
        return null;
    }
  }

  /** Why the last {@link fault} returned 0. */
  waitReason: WaitReason = 'not-enabled';

  /**
   * A page of the window is missing.
   * @param page - page of the window, non-negative
   * @param undelivered - ready events that wait for the guest: KVM counts them too, so a guest that takes none cannot pile them up
   * @returns the token for the not-present event, or 0: the vCPU must wait for the page, for {@link waitReason}
   */
  fault(page: number, context: FaultContext, undelivered = 0): number {
    const refusal = this.refusal(page, context, undelivered);
    if (refusal !== null) {
      this.waitReason = refusal;
      return 0;
    }
    this.slots[this.slots.indexOf(FREE)] = page;
    this.live++;
    this.used++;
    return this.allocateToken();
  }

  /** The page of an outstanding fault is in place: its slot is free again. Unknown pages are ignored. */
  resolved(page: number): void {
    this.sweep((candidate) => candidate === page);
  }

  /** Frees the slots of every request under way for which `isPresent` says that the page is in place. */
  sweep(isPresent: (page: number) => boolean): void {
    for (let slot = 0; slot < ASYNC_PF_PER_VCPU; slot++) {
      const entry = this.slots[slot];
      if (entry === FREE || !isPresent(entry >= 0 ? entry : abandoned(entry))) continue;
      this.slots[slot] = FREE;
      this.used--;
      if (entry >= 0) this.live--;
    }
  }

  private writeEnable(low: number, high: number): MsrOutcome {
    if ((low & KVM_ASYNC_PF_RESERVED) !== 0) return REFUSED;
    const areaGpa = high * 0x100000000 + ((low & ~KVM_ASYNC_PF_FLAG_MASK) >>> 0);
    const enabling = (low & KVM_ASYNC_PF_ENABLED) !== 0;
    if (enabling && (!Number.isSafeInteger(areaGpa) || !this.areaIsValid(areaGpa))) return REFUSED;
    this.enableLow = low;
    this.enableHigh = high;
    if (this.enabled) return { kind: 'enabled', areaGpa, vector: this.vector };
    // The guest forgets them, but the requests are still under way: they keep their slots, or a guest that disables and enables
    // in turn would have any number of them.
    this.slots.forEach((entry, slot) => {
      if (entry >= 0) this.slots[slot] = abandoned(entry);
    });
    this.live = 0;
    return DISABLED;
  }

  private refusal(page: number, context: FaultContext, undelivered: number): WaitReason | null {
    if (!this.enabled) return 'not-enabled';
    if (this.slots.includes(page)) return 'in-flight';
    const always = (this.enableLow & KVM_ASYNC_PF_SEND_ALWAYS) !== 0;
    if (!context.interruptsEnabled || context.eventPending || (context.cpl === 0 && !always)) return 'not-deliverable';
    return this.used + undelivered >= ASYNC_PF_PER_VCPU ? 'too-many' : null;
  }

  private allocateToken(): number {
    this.sequence = nextApfSequence(this.sequence);
    return apfToken(this.sequence, this.vcpuId);
  }
}
