/**
 * KVM's half of a proposal at one vCPU, where the running kernel has none: the model says what a fault comes to, and this does to the guest what KVM would
 * have done. The exits that it starts from, and the events that the guest takes, are real.
 */
import { EFAULT, EINTR } from '../../../errors/index.js';
import type { Vcpu, VcpuExit } from '../../../kvm/index.js';
import {
  KVM_MP_STATE_HALTED,
  KVM_MP_STATE_RUNNABLE,
  KVM_PV_REASON_PAGE_NOT_PRESENT,
  KVM_SYNC_X86_EVENTS,
  KVM_SYNC_X86_REGS,
  KVM_SYNC_X86_SREGS,
  PAGE_SIZE,
  RFLAGS_IF,
  VECTOR_PAGE_FAULT,
  kvmVcpuPvApfDataLayout,
  type FaultContext,
} from '../../../uapi/index.js';
import { FaultAction, type ApfQueue } from '../../../uapi/proposals/index.js';
import type { GuestStop, RunHooks } from '../../guest/index.js';
import { windowGpa } from '../guest-vm.js';
import type { EmulatedKvm } from './emulated-kvm.js';

/** See the module's comment. */
export class EmulatedVcpu implements RunHooks {
  private readonly queue: ApfQueue;
  private readonly context: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };
  private halting = false;
  private idle = false;
  private readonly areaIsValid: (gpa: number) => boolean;

  constructor(
    private readonly kvm: EmulatedKvm,
    private readonly index: number,
    private readonly vcpu: Vcpu,
  ) {
    this.queue = kvm.model.queues[index];
    this.areaIsValid = (gpa) => kvm.ram.offsetOf(gpa, kvmVcpuPvApfDataLayout.size) >= 0;
    vcpu.syncRegs.enableSync(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
  }

  /** {@inheritDoc RunHooks.beforeEntry} */
  beforeEntry(): void {
    const { kvm, index, queue } = this;
    kvm.enter(index);
    if (queue.halted) this.vcpu.setMpState(KVM_MP_STATE_HALTED);
    else if (this.halting) this.vcpu.setMpState(KVM_MP_STATE_RUNNABLE);
    this.halting = queue.halted;
    kvm.baton.give();
  }

  /** {@inheritDoc RunHooks.afterExit} */
  afterExit(result: number): void {
    this.kvm.baton.take();
    this.idle = result === -EINTR && this.halting && this.vcpu.getMpState() === KVM_MP_STATE_HALTED;
    // An interrupt ended the halt: the access is tried again when its handler returns.
    if (this.halting && result !== -EINTR) this.queue.wake();
  }

  /** {@inheritDoc RunHooks.mayMove} */
  mayMove(): boolean {
    return !this.idle || this.kvm.otherThreadActs;
  }

  /** {@inheritDoc RunHooks.fault} */
  fault(exit: VcpuExit, page: number): GuestStop | undefined {
    // Some kernels say where it was; the case knows.
    if ((exit.kind !== 'bareEfault' && exit.kind !== 'memoryFault') || page < 0) return { kind: 'unexpected', what: `KVM_RUN failed with EFAULT for no page under test (${exit.kind})` };
    const { model } = this.kvm;
    const action = model.touch(this.index, page, this.kvm.bitsForFault(page), this.readContext());
    if (model.injected !== 0) this.injectNotPresent(model.injected);
    if (model.signalled) this.kvm.notify(this.index);
    switch (action) {
      case FaultAction.MAP:
        this.kvm.window.map(page);
        return undefined;
      case FaultAction.EXIT:
        return { kind: 'memoryFault', errno: EFAULT, flags: model.flags, gpa: windowGpa(page), sizeBytes: PAGE_SIZE, token: model.token };
      case FaultAction.BARE_EFAULT:
        return { kind: 'bareEfault', exitReason: 0 };
      case FaultAction.WAIT:
        return { kind: 'stays' };
      default:
        this.kvm.workerStarted(this.index, page);
        return undefined;
    }
  }

  /** {@inheritDoc RunHooks.writeMsr} */
  writeMsr(index: number, low: number, high: number): boolean {
    return this.kvm.model.writeMsr(this.index, index, low, high, this.areaIsValid).kind !== 'refused';
  }

  /** {@inheritDoc RunHooks.readMsr} */
  readMsr(index: number): bigint | null {
    return this.kvm.model.readMsr(this.index, index);
  }

  private readContext(): FaultContext {
    const { regs, sregs, events } = this.vcpu.syncRegs;
    this.context.cpl = sregs.cpl();
    this.context.interruptsEnabled = (regs.low('rflags') & RFLAGS_IF) !== 0;
    this.context.eventPending = events.isBusy() || events.number('interrupt.shadow') !== 0;
    return this.context;
  }

  private injectNotPresent(token: number): void {
    const offset = this.queue.enabled ? this.kvm.ram.offsetOf(this.queue.areaGpa, kvmVcpuPvApfDataLayout.size) : -1;
    if (offset >= 0) Atomics.store(this.kvm.ram.words, offset / 4, KVM_PV_REASON_PAGE_NOT_PRESENT);
    this.vcpu.syncRegs.events.pendException(VECTOR_PAGE_FAULT, 0, token, 0);
    this.vcpu.syncRegs.markDirty(KVM_SYNC_X86_EVENTS);
  }
}
