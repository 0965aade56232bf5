/**
 * A proposal's interface at a vCPU's thread, where a model plays KVM: the model says what a fault comes to, and this does to the guest what KVM
 * would have done before KVM_RUN returned, or instead of returning.
 */
import type { Vcpu, Vm } from '../../kvm/index.js';
import type { InterceptedPages, SystemRam } from '../../memory/index.js';
import { KVM_PV_REASON_PAGE_NOT_PRESENT, KVM_SYNC_X86_EVENTS, VECTOR_PAGE_FAULT, kvmVcpuPvApfDataLayout, type FaultContext } from '../../uapi/index.js';
import { FaultAction, KVM_MEMORY_EXIT_FLAG_APF, type ApfQueue, type ProposalModel } from '../../uapi/proposals/index.js';
import { ReadyEvents } from './ready-events.js';
import type { SharedModel } from './shared-model.js';
import { SyntheticHalt } from './synthetic-halt.js';
import type { VcpuUapi } from './uapi-end.js';

const FLAGS_WORD = kvmVcpuPvApfDataLayout.fields.flags.offset / 4;

/** See the module's comment. */
export class EmulatedVcpuEnd implements VcpuUapi {
  readonly needsAccept: boolean;
  readonly namedGpa = -1;
  flags = 0;
  token = 0;
  told = false;
  halts = false;
  published = false;
  private readonly model: ProposalModel;
  private readonly queue: ApfQueue;
  private readonly events: ReadyEvents;
  private readonly halt: SyntheticHalt;
  private readonly areaIsValid: (gpa: number) => boolean;
  private readonly isHalted: () => boolean;
  /** KVM_RUN is to be told to the model: an exit came to an async page fault since it was entered. */
  private entryIsDue = false;

  /**
   * @param shared - the model's state
   * @param index - of the vCPU
   * @param vcpu - on its own thread
   * @param vm - for ready interrupts
   * @param ram - where the guest's shared area lies
   * @param intercepted - the bits that KVM would read
   * @param signal - wakes the handler of this vCPU's ring, which sleeps and asked for it
   */
  constructor(
    private readonly shared: SharedModel,
    private readonly index: number,
    private readonly vcpu: Vcpu,
    vm: Vm,
    private readonly ram: SystemRam,
    private readonly intercepted: InterceptedPages,
    private readonly signal: () => void,
  ) {
    this.model = shared.model;
    this.needsAccept = this.model.needsAccept;
    this.queue = this.model.queues[index];
    this.events = new ReadyEvents(shared, index, vm, ram);
    this.halt = new SyntheticHalt(vcpu);
    this.areaIsValid = (gpa) => ram.offsetOf(gpa, kvmVcpuPvApfDataLayout.size) >= 0;
    this.isHalted = () => this.queue.halted;
  }

  /** {@inheritDoc VcpuUapi.fault} */
  fault(page: number, context: FaultContext): FaultAction {
    const { shared, model, index } = this;
    shared.lock(index);
    let action: FaultAction;
    try {
      action = model.fault(index, page, this.intercepted.bits(page), context);
      this.halts = this.queue.halted;
    } finally {
      shared.unlock(index);
    }
    this.flags = model.flags;
    this.token = model.token;
    this.told = model.injected !== 0;
    this.published = action !== FaultAction.EXIT && (model.flags & KVM_MEMORY_EXIT_FLAG_APF) !== 0;
    if (this.told) this.injectNotPresent(model.injected);
    if (model.signalled) this.signal();
    if (action === FaultAction.EXIT) this.entryIsDue = true;
    if (action === FaultAction.HALT && this.halts) this.halt.begin();
    return action;
  }

  /** {@inheritDoc VcpuUapi.enter} */
  enter(): void {
    if (!this.entryIsDue) return;
    this.entryIsDue = false;
    this.shared.lock(this.index);
    try {
      this.model.enter(this.index);
      this.events.deliver();
      if (this.queue.halted) this.halt.begin();
    } finally {
      this.shared.unlock(this.index);
    }
  }

  /** {@inheritDoc VcpuUapi.accept} */
  accept(page: number): number {
    this.shared.lock(this.index);
    try {
      return this.model.accept(this.index, page);
    } finally {
      this.shared.unlock(this.index);
    }
  }

  /** {@inheritDoc VcpuUapi.ready} */
  ready(page: number, token: number): number {
    this.shared.lock(this.index);
    try {
      const errno = this.model.ready(this.index, page, token);
      this.events.deliver();
      return errno;
    } finally {
      this.shared.unlock(this.index);
    }
  }

  /** {@inheritDoc VcpuUapi.left} */
  left(result: number): void {
    if (!this.halt.left(result, this.isHalted)) return;
    this.underLock(() => {
      this.queue.wake();
    });
  }

  /** The guest wrote an MSR of the protocol; false when it gets #GP. */
  writeMsr(index: number, low: number, high: number): boolean {
    this.shared.lock(this.index);
    try {
      const outcome = this.model.writeMsr(this.index, index, low, high, this.areaIsValid);
      if (outcome.kind !== 'refused') this.events.deliver();
      return outcome.kind !== 'refused';
    } finally {
      this.shared.unlock(this.index);
    }
  }

  /** The guest read an MSR of the protocol: its value, or null for #GP. */
  readMsr(index: number): bigint | null {
    return this.model.readMsr(this.index, index);
  }

  /** Looks again at events that waited for the guest to empty the token word without writing the ACK MSR. */
  poll(): void {
    this.underLock(() => {
      this.events.deliver();
    });
  }

  private underLock(action: () => void): void {
    this.shared.lock(this.index);
    try {
      action();
    } finally {
      this.shared.unlock(this.index);
    }
  }

  private injectNotPresent(token: number): void {
    const area = this.events.areaWord;
    if (area >= 0) Atomics.store(this.ram.words, area + FLAGS_WORD, KVM_PV_REASON_PAGE_NOT_PRESENT);
    this.vcpu.syncRegs.events.pendException(VECTOR_PAGE_FAULT, 0, token, 0);
    this.vcpu.syncRegs.markDirty(KVM_SYNC_X86_EVENTS);
  }
}
