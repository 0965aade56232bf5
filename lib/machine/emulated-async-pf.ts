/**
 * The VMM's end of the async page fault protocol for one vCPU (mode `apf-user`): the state machine, driven by real exits, with its effects on
 * the shared area, the vCPU's pending events and the ready interrupt.
 */
import { AsyncPfHost, SYNC_TAG, asyncTag, type ReadyDelivery, type ReadyQueue } from '../asyncpf/index.js';
import type { PageStates } from '../faults/index.js';
import { msiTo, type Vcpu, type Vm } from '../kvm/index.js';
import type { SystemRam } from '../memory/index.js';
import { KVM_PV_REASON_PAGE_NOT_PRESENT, KVM_SYNC_X86_EVENTS, VECTOR_PAGE_FAULT, kvmVcpuPvApfDataLayout, type FaultContext } from '../uapi/index.js';

const FLAGS_WORD = kvmVcpuPvApfDataLayout.fields.flags.offset / 4;
/** Vectors 0 to 15 are reserved for exceptions. */
const LOWEST_VECTOR = 16;
const TOKEN_WORD = kvmVcpuPvApfDataLayout.fields.token.offset / 4;

/** See the module's comment. */
export class EmulatedAsyncPf {
  private readonly host: AsyncPfHost;
  private readonly isSettled: (page: number) => boolean;

  constructor(
    private readonly index: number,
    private readonly vcpu: Vcpu,
    private readonly ram: SystemRam,
    private readonly ready: ReadyQueue,
    private readonly delivery: ReadyDelivery,
    states: PageStates,
  ) {
    this.isSettled = (page) => states.isSettled(page);
    this.host = new AsyncPfHost(index, (gpa) => ram.offsetOf(gpa, kvmVcpuPvApfDataLayout.size) >= 0);
  }

  /** True while the guest wants events. */
  get enabled(): boolean {
    return this.host.enabled;
  }

  /**
   * Tells the guest that a page of the window is missing, if it can be told.
   * @returns the tag under which the page is to be requested, or SYNC_TAG: the vCPU must wait
   */
  notPresent(page: number, context: FaultContext): number {
    this.host.sweep(this.isSettled);
    const token = this.host.fault(page, context, this.ready.undelivered);
    if (token === 0) return SYNC_TAG;
    Atomics.store(this.ram.words, this.ready.areaOffset / 4 + FLAGS_WORD, KVM_PV_REASON_PAGE_NOT_PRESENT);
    this.vcpu.syncRegs.events.pendException(VECTOR_PAGE_FAULT, 0, token, 0);
    this.vcpu.syncRegs.markDirty(KVM_SYNC_X86_EVENTS);
    return asyncTag(this.index, token, this.ready.generation);
  }

  /**
   * The guest wrote an MSR of the protocol.
   * @returns false when it gets #GP
   */
  writeMsr(index: number, low: number, high: number): boolean {
    const outcome = this.host.writeMsr(index, low, high);
    switch (outcome.kind) {
      case 'refused':
        return false;
      case 'enabled':
        this.ready.enable(this.ram.offsetOf(outcome.areaGpa, kvmVcpuPvApfDataLayout.size), outcome.vector);
        this.ready.wakeAll(this.delivery);
        return true;
      case 'disabled':
        this.ready.disable();
        return true;
      case 'vector':
        this.ready.setVector(outcome.vector);
        return true;
      case 'acknowledged':
        this.ready.acknowledge(this.delivery);
        return true;
      case 'done':
        return true;
    }
  }

  /** The guest read an MSR of the protocol: its value, or null for #GP. */
  readMsr(index: number): bigint | null {
    return this.host.readMsr(index);
  }

  /** Looks again at events that waited for the guest to empty the token word without writing the ACK MSR. */
  poll(): void {
    if (this.ready.backlog) this.ready.pump(this.delivery);
  }
}

/** Delivers ready events to one vCPU from whatever Worker completes a page: the token word, then an MSI to its local APIC. */
export class MsiReadyDelivery implements ReadyDelivery {
  private readonly addressLow: number;

  /** @param apicId - of the vCPU */
  constructor(
    private readonly vm: Vm,
    private readonly ram: SystemRam,
    private readonly ready: ReadyQueue,
    apicId: number,
  ) {
    this.addressLow = msiTo(apicId, LOWEST_VECTOR).addressLow;
  }

  readToken(): number {
    return Atomics.load(this.ram.words, this.ready.areaOffset / 4 + TOKEN_WORD);
  }

  deliver(token: number, vector: number): void {
    Atomics.store(this.ram.words, this.ready.areaOffset / 4 + TOKEN_WORD, token | 0);
    // A guest that chose an illegal vector gets its token and no interrupt; a real APIC would record an error.
    if (vector >= LOWEST_VECTOR) this.vm.native.signalMsi(this.addressLow, 0, vector);
  }
}
