/** A vCPU's registers at its last exit, as the fault locator wants them: from the run area, without an ioctl but for vectors. */
import type { RegisterSource, StoppedVcpu, VectorSource } from '../faults/index.js';
import type { Vcpu } from '../kvm/index.js';
import { RFLAGS_IF, type XsaveView } from '../uapi/index.js';

/** See the module's comment. */
export class SyncedRegisters implements StoppedVcpu {
  private xsave: XsaveView | undefined;

  constructor(private readonly vcpu: Vcpu) {}

  low(name: Parameters<RegisterSource['low']>[0]): number {
    return this.vcpu.syncRegs.regs.low(name);
  }

  high(name: Parameters<RegisterSource['high']>[0]): number {
    return this.vcpu.syncRegs.regs.high(name);
  }

  segmentLow(name: 'fs' | 'gs'): number {
    return this.vcpu.syncRegs.sregs[name].low('base');
  }

  segmentHigh(name: 'fs' | 'gs'): number {
    return this.vcpu.syncRegs.sregs[name].high('base');
  }

  cr3(): number {
    return this.vcpu.syncRegs.sregs.number('cr3');
  }

  cr4(): number {
    return this.vcpu.syncRegs.sregs.low('cr4');
  }

  cpl(): 0 | 3 {
    return this.vcpu.syncRegs.sregs.cpl() === 3 ? 3 : 0;
  }

  interrupts(): boolean {
    return (this.vcpu.syncRegs.regs.low('rflags') & RFLAGS_IF) !== 0;
  }

  /** One ioctl: kvm_run has no room for them. */
  vectors(): VectorSource {
    this.xsave = this.vcpu.getXsave(this.xsave);
    return this.xsave;
  }
}
