/**
 * Which pages of the window a failed KVM_RUN is about. A kernel that fills the memory-fault exit names the page; a stock one says only
 * EFAULT, and the instruction that failed is decoded.
 */
import { FaultLabError } from '../errors/index.js';
import { FaultLocator } from '../faults/index.js';
import type { Vcpu } from '../kvm/index.js';
import type { InterceptedPages } from '../memory/index.js';
import type { Counters, VcpuCounter } from './counters.js';
import type { MachineReader } from './guest-reader.js';
import { SyncedRegisters } from './synced-registers.js';

/** EFAULT on pages that are all present is a race; this many in a row is not. */
const MOST_SPURIOUS_IN_A_ROW = 1000;

/** See the module's comment. One for each vCPU. */
export class MissingPages {
  /** Indexes of the pages that the last {@link find} found, as many as it returned. */
  readonly pages: Int32Array;
  private readonly locator: FaultLocator;
  private spuriousInARow = 0;

  constructor(
    private readonly vcpu: Vcpu,
    private readonly reader: MachineReader,
    private readonly bitmap: Pick<InterceptedPages, 'test' | 'pageCount'>,
    private readonly counters: Counters<VcpuCounter>,
  ) {
    this.locator = new FaultLocator(new SyncedRegisters(vcpu), reader);
    this.pages = new Int32Array(this.locator.candidates.length);
  }

  /**
   * KVM_RUN failed with EFAULT: fills {@link pages}.
   * @returns how many are missing; 0 when all have come meanwhile and the guest is to try again
   * @throws FaultLabError `FAULT_UNEXPLAINED` when no page of the window can be the reason, `FAULT_PRIVATE` when the guest wanted private memory
   */
  find(): number {
    const gpa = this.vcpu.exit.faultingPageGpa;
    const count = gpa < 0 ? this.decode() : this.take(gpa);
    if (count > 0) {
      this.spuriousInARow = 0;
      if (gpa < 0) this.counters.foundByDecoding++;
      else this.counters.foundByExitGpa++;
      return count;
    }
    this.counters.spuriousFaults++;
    if (++this.spuriousInARow > MOST_SPURIOUS_IN_A_ROW) this.giveUp('every page of the window that it touches is present');
    return 0;
  }

  /** The page that KVM named. */
  private take(gpa: number): number {
    const page = this.reader.windowPage(gpa);
    if (page < 0) this.giveUp(`KVM names the page at gpa 0x${gpa.toString(16)}, which is not in the window`);
    if (this.vcpu.exit.memoryFaultIsPrivate) {
      throw new FaultLabError('FAULT_PRIVATE', `the guest accessed gpa 0x${gpa.toString(16)} as private memory, and the window is none`, { syscall: 'KVM_RUN' });
    }
    if (!this.bitmap.test(page)) return 0;
    this.pages[0] = page;
    return 1;
  }

  /** The missing ones of all pages that the instruction may touch. */
  private decode(): number {
    const candidates = this.locator.locate();
    let inWindow = 0;
    let count = 0;
    for (let i = 0; i < candidates; i++) {
      const page = this.reader.windowPage(this.locator.candidates[i]);
      if (page < 0) continue;
      inWindow++;
      if (this.bitmap.test(page)) this.pages[count++] = page;
    }
    if (inWindow === 0 && !this.isCodeInWindow()) this.giveUp('it touches no page of the window');
    return count;
  }

  /** Whether the fetch of the instruction may have failed, for a page that has come since. */
  private isCodeInWindow(): boolean {
    const { codeGpa, codeTailGpa } = this.locator;
    return this.reader.windowPage(codeGpa) >= 0 || this.reader.windowPage(codeTailGpa) >= 0;
  }

  private giveUp(why: string): never {
    // Where KVM named the page, nobody has looked at the instruction yet; people want to know it.
    this.locator.locate();
    const text = this.locator.instruction?.text ?? 'an instruction that could not be read';
    throw new FaultLabError('FAULT_UNEXPLAINED', `KVM_RUN failed with EFAULT at rip 0x${this.vcpu.syncRegs.regs.get('rip').toString(16)}, "${text}": ${why}`, {
      syscall: 'KVM_RUN',
      hint: 'the guest may have touched memory that the VMM did not give it',
    });
  }
}
