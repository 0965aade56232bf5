/**
 * Faults that reach the VMM as a failed KVM_RUN (all modes but `sync-uffd` and `apf-kernel`): finds the pages, asks a resolver for them, and either
 * waits or leaves it to the guest to do something else meanwhile.
 */
import { SYNC_TAG } from '../asyncpf/index.js';
import { Resolution } from '../faults/index.js';
import type { InterceptedPages, PagedWindow } from '../memory/index.js';
import { StampKind, noteStamp } from '../native/index.js';
import { PAGE_SIZE, RFLAGS_IF, type FaultContext } from '../uapi/index.js';
import type { ExitView, Vcpu } from '../kvm/index.js';
import type { Counters, VcpuCounter } from './counters.js';
import type { EmulatedAsyncPf } from './emulated-async-pf.js';
import type { FaultDecisions } from './fault-decisions.js';
import type { MachineReader } from './guest-reader.js';
import { MissingPages } from './missing-pages.js';
import type { PageRequests } from './page-requests.js';
import type { UapiFaults } from './uapi/uapi-faults.js';

/** See the module's comment. One for each vCPU. */
export class ExitFaults {
  private readonly missing: MissingPages;
  private readonly context: FaultContext = { cpl: 3, interruptsEnabled: false, eventPending: false };
  private readonly datum = new Uint8Array(8);
  private readonly datumView = new DataView(this.datum.buffer);

  /**
   * @param asyncPf - where the VMM itself plays KVM's own async page faults
   * @param uapi - where a proposal's interface is in use
   */
  constructor(
    private readonly vcpu: Vcpu,
    private readonly reader: MachineReader,
    private readonly window: PagedWindow,
    intercepted: InterceptedPages,
    private readonly requests: PageRequests,
    private readonly counters: Counters<VcpuCounter>,
    private readonly asyncPf: EmulatedAsyncPf | null,
    private readonly uapi: UapiFaults | null,
    private readonly decisions: FaultDecisions,
  ) {
    this.missing = new MissingPages(vcpu, reader, intercepted, counters);
  }

  /**
   * KVM_RUN failed with EFAULT.
   * @throws FaultLabError: what {@link MissingPages.find} throws
   */
  handle(): void {
    const named = this.uapi === null ? -1 : this.reader.windowPage(this.uapi.namedGpa);
    if (this.uapi !== null && named >= 0) {
      // Present or not: what KVM began with this exit has to be ended.
      this.counters.foundByExitGpa++;
      this.uapi.handle(named, this.readContext());
      return;
    }
    const count = this.missing.find();
    for (let i = 0; i < count; i++) noteStamp(StampKind.LOCATED, this.missing.pages[i]);
    if (this.uapi !== null) {
      // KVM would come upon them one by one, each at an exit of its own.
      if (count > 0) this.uapi.handle(this.missing.pages[0], this.readContext());
      return;
    }
    // One page, and a guest that can be told: the vCPU goes on. An instruction that misses several pages waits for all but the last.
    for (let i = 0; i < count; i++) {
      const page = this.missing.pages[i];
      if (this.asyncPf !== null && i === count - 1 && this.tell(this.asyncPf, page)) return;
      this.requests.waitFor(page);
    }
  }

  /**
   * KVM_RUN returned KVM_EXIT_MMIO. KVM's emulator takes memory that it cannot copy from for a device, and a PVM host emulates all of
   * CPL0. The vCPU waits for the page, then the access is done in its contents.
   * @returns false when the access is not to the window, or to a page whose contents are lost
   */
  handleEmulated(exit: ExitView): boolean {
    const { mmioGpa, mmioSize } = exit;
    const page = this.reader.windowPage(mmioGpa);
    if (page < 0 || this.reader.windowPage(mmioGpa + mmioSize - 1) !== page) return false;
    this.counters.foundByMmio++;
    if (!this.requests.waitFor(page)) return true;
    if (this.requests.isPoisoned(page)) return false;
    const offset = page * PAGE_SIZE + (mmioGpa % PAGE_SIZE);
    const datum = this.datum.subarray(0, Math.min(this.datum.length, mmioSize));
    if (exit.mmioIsWrite) {
      this.datumView.setUint32(0, exit.mmioDataLow, true);
      this.datumView.setUint32(4, exit.mmioDataHigh, true);
      this.window.hostView.write(offset, datum);
    } else {
      this.window.hostView.read(offset, datum);
      exit.setMmioData(this.datumView.getUint32(0, true), this.datumView.getUint32(4, true));
    }
    return true;
  }

  private readContext(): FaultContext {
    const { regs, sregs, events } = this.vcpu.syncRegs;
    this.context.cpl = sregs.cpl();
    this.context.interruptsEnabled = (regs.low('rflags') & RFLAGS_IF) !== 0;
    this.context.eventPending = events.isBusy() || events.number('interrupt.shadow') !== 0;
    return this.context;
  }

  /** Tells the guest of the fault when it can be told and is to be. True when the vCPU may go on. */
  private tell(asyncPf: EmulatedAsyncPf, page: number): boolean {
    if (asyncPf.enabled && this.decisions.decide(page, false) === Resolution.SYNC) {
      this.counters.choseSync++;
      return false;
    }
    const tag = asyncPf.notPresent(page, this.readContext());
    if (tag === SYNC_TAG) {
      if (asyncPf.enabled) this.counters.refusedAsync++;
      return false;
    }
    this.counters.notPresent++;
    noteStamp(StampKind.TOLD, page);
    this.requests.request(page, tag);
    return true;
  }
}
