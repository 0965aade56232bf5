/**
 * A resolver for faults that sleep in the kernel: reads userfaultfd messages, one for each fault that nobody resolved yet. Serves the
 * delivery modes `sync-uffd` (the sleeper is the vCPU) and `apf-kernel` (the sleeper is KVM's worker).
 */
import { FaultLabError, errnoName } from '../errors/index.js';
import type { PagedWindow } from '../memory/index.js';
import { nativeAddon, type NativeEventFd, type NativeUserfaultfd } from '../native/index.js';
import { PAGE_SIZE, UffdMessages } from '../uapi/index.js';
import { NO_TAG, type DeliverySchedule } from './delivery-schedule.js';
import type { PageStates } from './page-states.js';

/** Longest sleep; a stop is noticed at once through the wake-up eventfd, this is the backstop. */
const LONGEST_WAIT_NS = 100e6;
/** Messages read by one call. */
const MOST_MESSAGES = 64;

/** What a userfaultfd resolver counts. */
export interface UserfaultfdCounters {
  /** Page-fault messages that asked for a page nobody had asked for. */
  faults: number;
  /** Of those, messages of a thread that runs a vCPU (the others are KVM's async page fault workers). */
  vcpuFaults: number;
  /** Messages for a page already on its way: a sleeper was interrupted and asked again. */
  repeated: number;
  /** Messages for a page already settled: the fault raced with its own resolution. */
  raced: number;
}

/** See the module's comment. */
export class UserfaultfdResolver {
  private readonly messages = new UffdMessages(MOST_MESSAGES);
  private readonly guestHva: number;

  /**
   * @param vcpuThreads - Linux thread ids of the vCPUs; filled before the guest runs
   * @param wake - signalled by whoever wants {@link run} to look at its stop condition, or at its page source; of this resolver alone
   * @param accepted - told of the first request for a page, and of the vCPU whose thread sleeps for it: -1 where it is none's
   */
  constructor(
    private readonly userfaultfd: NativeUserfaultfd,
    private readonly window: PagedWindow,
    private readonly states: PageStates,
    private readonly schedule: DeliverySchedule,
    private readonly counters: UserfaultfdCounters,
    private readonly vcpuThreads: Int32Array,
    private readonly wake: NativeEventFd,
    private readonly accepted: (page: number, vcpu: number) => void = () => undefined,
  ) {
    this.guestHva = Number(window.guestView.hva);
  }

  /**
   * Serves faults until `stopped()` is true.
   * @throws what the page source throws, and `UFFD_*`
   */
  run(stopped: () => boolean): void {
    const { monotonicNs } = nativeAddon();
    while (!stopped()) {
      const waitNs = Math.max(0, Math.min(LONGEST_WAIT_NS, this.schedule.nextDueNs - monotonicNs()));
      const count = this.userfaultfd.read(this.messages.bytes, waitNs, this.wake);
      if (count < 0) {
        throw new FaultLabError(`UFFD_${errnoName(-count)}`, `reading userfaultfd messages failed: ${errnoName(-count)}`, {
          syscall: 'read',
          errno: -count,
        });
      }
      if (count === 0) this.wake.wait(0);
      const nowNs = monotonicNs();
      for (let i = 0; i < count; i++) this.accept(i, nowNs);
      this.schedule.serve(nowNs);
    }
  }

  private accept(index: number, nowNs: number): void {
    if (!this.messages.isPagefault(index)) return;
    const page = Math.floor((this.messages.address(index) - this.guestHva) / PAGE_SIZE);
    if (page < 0 || page >= this.states.pageCount) {
      throw new FaultLabError('UFFD_UNKNOWN_ADDRESS', `userfaultfd reported a fault in page ${page} of a window of ${this.states.pageCount} pages`);
    }
    if (this.states.request(page)) {
      this.counters.faults++;
      const vcpu = this.vcpuThreads.indexOf(this.messages.ptid(index));
      if (vcpu >= 0) this.counters.vcpuFaults++;
      this.schedule.accept(nowNs, page, NO_TAG);
      this.accepted(page, vcpu);
    } else if (this.states.isSettled(page)) {
      this.counters.raced++;
      this.userfaultfd.wake(this.window.guestView, page * PAGE_SIZE, PAGE_SIZE);
    } else {
      this.counters.repeated++;
    }
  }
}
