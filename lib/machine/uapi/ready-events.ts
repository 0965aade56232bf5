/**
 * What KVM does with completed async page faults, played by whatever thread completed one: token into the guest's shared area, ready interrupt by
 * MSI. The vCPU does not exit for it.
 */
import { msiTo, type Vm, Vcpu } from '../../kvm/index.js';
import type { SystemRam } from '../../memory/index.js';
import { kvmVcpuPvApfDataLayout } from '../../uapi/index.js';
import type { ApfQueue } from '../../uapi/proposals/index.js';
import type { SharedModel } from './shared-model.js';

const TOKEN_WORD = kvmVcpuPvApfDataLayout.fields.token.offset / 4;
/** Vectors 0 to 15 are reserved for exceptions. */
const LOWEST_VECTOR = 16;

/** See the module's comment. One for each Worker and vCPU. */
export class ReadyEvents {
  private readonly queue: ApfQueue;
  private readonly addressLow: number;

  constructor(
    private readonly shared: SharedModel,
    private readonly index: number,
    private readonly vm: Vm,
    private readonly ram: SystemRam,
  ) {
    this.queue = shared.model.queues[index];
    this.addressLow = msiTo(index, LOWEST_VECTOR).addressLow;
  }

  /** Word index of the guest's shared area within system RAM; -1 while the guest has none. */
  get areaWord(): number {
    const offset = this.queue.enabled ? this.ram.offsetOf(this.queue.areaGpa, kvmVcpuPvApfDataLayout.size) : -1;
    return offset < 0 ? -1 : offset / 4;
  }

  /** Tells the guest what it can be told now. Under the vCPU's lock. */
  deliver(): void {
    if (!this.queue.hasCompleted) return;
    for (;;) {
      const area = this.areaWord;
      const token = this.shared.model.takeReady(this.index, area < 0 || Atomics.load(this.ram.words, area + TOKEN_WORD) === 0);
      if (token === 0 || area < 0) return;
      Atomics.store(this.ram.words, area + TOKEN_WORD, token | 0);
      this.shared.countDelivered(this.index);
      // A guest that chose an illegal vector gets its token and no interrupt; a real APIC would record an error.
      if (this.queue.vector >= LOWEST_VECTOR) this.vm.native.signalMsi(this.addressLow, 0, this.queue.vector);
    }
  }

  /** True while the vCPU is halted for a fault. */
  get halted(): boolean {
    return this.queue.halted;
  }

  /** Ends the vCPU's KVM_RUN: a fault that it was halted for is complete. */
  kick(): void {
    const share = this.shared.vcpuShare(this.index);
    if (share !== 0) Vcpu.kick(share);
  }
}
