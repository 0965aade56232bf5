/**
 * Faults that reach the VMM as a failed KVM_RUN (modes `sync-exit` and `apf-user`): finds the pages, asks a resolver for them, and either
 * waits or leaves it to the guest to do something else meanwhile.
 */
import { SYNC_TAG } from '../asyncpf/index.js';
import { FaultLabError } from '../errors/index.js';
import { PageState, type PageStates, type RequestRing } from '../faults/index.js';
import { nativeAddon } from '../native/index.js';
import type { PagedWindow, UserfaultBitmap } from '../memory/index.js';
import { PAGE_SIZE, RFLAGS_IF, type FaultContext } from '../uapi/index.js';
import type { ExitView, Vcpu } from '../kvm/index.js';
import type { Counters, VcpuCounter } from './counters.js';
import type { EmulatedAsyncPf } from './emulated-async-pf.js';
import type { MachineReader } from './guest-reader.js';
import { MissingPages } from './missing-pages.js';

/** A wait for a page looks at the stop flag this often. */
const WAIT_SLICE_MS = 50;
/** Pages side by side go to the same resolver, so that it can fill them as one batch. */
const RESOLVER_STRIDE_SHIFT = 6;

/** See the module's comment. One for each vCPU. */
export class ExitFaults {
  private readonly missing: MissingPages;
  private readonly context: FaultContext = { cpl: 3, interruptsEnabled: false, eventPending: false };
  private readonly datum = new Uint8Array(8);
  private readonly datumView = new DataView(this.datum.buffer);

  constructor(
    private readonly vcpu: Vcpu,
    private readonly reader: MachineReader,
    private readonly window: PagedWindow,
    bitmap: UserfaultBitmap,
    private readonly states: PageStates,
    private readonly rings: readonly RequestRing[],
    private readonly counters: Counters<VcpuCounter>,
    private readonly asyncPf: EmulatedAsyncPf | null,
    private readonly stopped: () => boolean,
  ) {
    this.missing = new MissingPages(vcpu, reader, bitmap, counters);
  }

  /**
   * KVM_RUN failed with EFAULT.
   * @throws FaultLabError: what {@link MissingPages.find} throws
   */
  handle(): void {
    const count = this.missing.find();
    // One page, and a guest that can be told: the vCPU goes on. An instruction that misses several pages waits for all but the last.
    for (let i = 0; i < count; i++) {
      const page = this.missing.pages[i];
      if (this.asyncPf !== null && i === count - 1 && this.tell(this.asyncPf, page)) return;
      this.waitFor(page);
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
    if (!this.waitFor(page)) return true;
    if (this.states.get(page) === PageState.POISONED) return false;
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

  /** Tells the guest of the fault when it can be told. True when the vCPU may go on. */
  private tell(asyncPf: EmulatedAsyncPf, page: number): boolean {
    const { regs, sregs, events } = this.vcpu.syncRegs;
    this.context.cpl = sregs.cpl();
    this.context.interruptsEnabled = (regs.low('rflags') & RFLAGS_IF) !== 0;
    this.context.eventPending = events.isBusy() || events.number('interrupt.shadow') !== 0;
    const tag = asyncPf.notPresent(page, this.context);
    if (tag === SYNC_TAG) {
      if (asyncPf.enabled) this.counters.refusedAsync++;
      return false;
    }
    this.counters.notPresent++;
    this.request(page, tag);
    return true;
  }

  /** Asks a resolver for the page and sleeps until it is settled or the machine stops; false for the latter. */
  private waitFor(page: number): boolean {
    this.counters.syncWaits++;
    const startNs = nativeAddon().monotonicNs();
    if (this.states.get(page) === PageState.MISSING) this.request(page, SYNC_TAG);
    let settled = false;
    while (!(settled = this.states.waitSettled(page, WAIT_SLICE_MS)) && !this.stopped());
    this.counters.waitNs += nativeAddon().monotonicNs() - startNs;
    return settled;
  }

  private request(page: number, tag: number): void {
    if (!this.rings[(page >>> RESOLVER_STRIDE_SHIFT) % this.rings.length].offer(page, tag)) {
      throw new FaultLabError('REQUEST_RING_FULL', `no room for the request of page ${page}: more faults are under way than the ring was made for`);
    }
  }
}
