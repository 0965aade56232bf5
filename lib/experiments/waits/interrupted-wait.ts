/**
 * What a vCPU does for others while it waits for a page: an interrupt is raised in the middle of the wait, and the guest notes when it took it.
 * The ways to wait are KVM's own choice (told, halted, blocked: by the kind of access) or the VMM's, which gets an exit and sleeps until the page is there.
 */
import { EFAULT } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon, type NativeMapping, type NativeUserfaultfd } from '../../native/index.js';
import { TinyGuest, addresses, patience } from '../../probes/index.js';
import { KVM_EXIT_MMIO, MADV_DONTNEED, PAGE_SIZE, uffdFeatures } from '../../uapi/index.js';
import { withAsyncPfGuest } from '../guests/async-pf-guest.js';
import { retire, userfaultfdPage } from '../guests/backings.js';
import { CLOCK_VECTOR, InterruptClock } from '../guests/interrupt-clock.js';
import type { TimingHelper } from '../helper/timing-helper.js';

const LOAD = [0x8a, 0x03]; // mov al,[rbx]
const [CLI, STI, HLT, NOP] = [0xfa, 0xfb, 0xf4, 0x90];

/** An access to the missing page. */
export interface Access {
  readonly id: 'user' | 'kernel' | 'kernel-shadow' | 'kernel-masked';
  readonly title: string;
  readonly cpl: 0 | 3;
  readonly code: readonly number[];
  /** Why KVM may not tell the guest of it; null where it may. */
  readonly undeliverable: string | null;
}

/** Every kind. The guest takes interrupts again after the access, at the latest. */
export const ACCESSES: readonly Access[] = [
  { id: 'user', title: 'a task: CPL3, interrupts on', cpl: 3, code: LOAD, undeliverable: null },
  { id: 'kernel', title: 'the kernel for a task: CPL0, interrupts on', cpl: 0, code: LOAD, undeliverable: 'CPL0' },
  { id: 'kernel-shadow', title: 'the kernel behind sti: CPL0, in the shadow', cpl: 0, code: [CLI, STI, ...LOAD, NOP], undeliverable: 'CPL0, shadow' },
  { id: 'kernel-masked', title: 'an interrupt handler: CPL0, interrupts off', cpl: 0, code: [CLI, ...LOAD, STI, HLT, NOP], undeliverable: 'CPL0, IF=0' },
];

/** Who may wait how. */
export type Way =
  /** KVM decides; the guest has enabled async page faults. */
  | 'kvm-told'
  /** KVM decides; the guest has not, or cannot. */
  | 'kvm-untold'
  /** KVM must not halt the vCPU: HLT is the guest's own (KVM_CAP_X86_DISABLE_EXITS). */
  | 'kvm-block'
  /** The access fails, the VMM waits. */
  | 'exit';

/** What came of one access. */
export interface Wait {
  /** `told`: a not-present event; `halted`: a worker of KVM waited for the page; `blocked`: the vCPU's thread did; `exited`: the VMM did. */
  readonly outcome: 'told' | 'halted' | 'blocked' | 'exited';
  /** From the interrupt to its handler in the guest, ns; null where none was taken. */
  readonly interruptNs: number | null;
  /** The interrupt was taken before the page came. */
  readonly tookIt: boolean;
  /** From the page to the end of the guest's code, ns. */
  readonly wakeNs: number;
}

/** The vCPU waits well before this. */
const INTERRUPT_AFTER_MS = 4;
const PAGE_AFTER_MS = 12;
const SLICE_NS = 20e9;

/** From an interrupt to the page, ms, by the test's own choice: who takes the interrupt only with the page takes it so much later, at least. */
export function interruptToPageMs(): number {
  return patience(PAGE_AFTER_MS) - patience(INTERRUPT_AFTER_MS);
}

/** The same below a table. */
export function interruptNote(): string {
  return `The test brings the page ${interruptToPageMs()} ms after the interrupt: a time of about that says that the interrupt waited for the page.`;
}

/** Takes up to `count` waits for an access. */
export async function measureWaits(kvm: Kvm, helper: TimingHelper, access: Access, way: Way, count: number, isOver: () => boolean): Promise<Wait[]> {
  const [page, uffd] = userfaultfdPage(way === 'exit' ? uffdFeatures.SIGBUS : uffdFeatures.THREAD_ID);
  const options = { cpl: access.cpl, code: access.code, page, registers: { rbx: addresses.page }, sliceNs: SLICE_NS };
  const waits: Wait[] = [];
  try {
    const body = async (guest: TinyGuest, told: () => number): Promise<void> => {
      const clock = new InterruptClock(guest);
      try {
        while (waits.length < count && !isOver()) {
          waits.push(way === 'exit' ? await waitOutside(helper, guest, clock, page, uffd) : await waitInside(helper, guest, clock, page, uffd, told));
          page.advise(0, PAGE_SIZE, MADV_DONTNEED);
          guest.restart();
        }
      } finally {
        // Closing the VM waits for KVM's workers, and those for the page.
        uffd.unregister(page, 0, PAGE_SIZE);
      }
    };
    if (way === 'kvm-told') await withAsyncPfGuest(kvm, { ...options, sleeps: true }, (guest, counts) => body(guest, () => counts().notPresent));
    else await TinyGuest.with(kvm, { ...options, apic: way === 'kvm-untold' ? 'in-kernel' : 'no-hlt-exits', interrupts: true }, (guest) => body(guest, () => 0));
  } finally {
    uffd.close();
    retire(page);
  }
  return waits;
}

async function waitInside(helper: TimingHelper, guest: TinyGuest, clock: InterruptClock, page: NativeMapping, uffd: NativeUserfaultfd, told: () => number): Promise<Wait> {
  const before = told();
  clock.start();
  const { result: endedAtNs, times } = await helper.during(
    {
      interrupt: { vmShare: guest.vm.share(), vector: CLOCK_VECTOR, afterMs: patience(INTERRUPT_AFTER_MS) },
      fill: { userfaultfdShare: uffd.share(), mappingShare: page.share(), afterMs: patience(PAGE_AFTER_MS) },
    },
    () => {
      guest.run();
      return nativeAddon().monotonicNs();
    },
  );
  const outcome = told() > before ? 'told' : times.faultingThreads.includes(guest.vcpu.threadId) ? 'blocked' : 'halted';
  return { outcome, ...timesOf(clock, times.interruptedAtNs, times.filledAtNs, endedAtNs) };
}

/** The VMM's wait: for a word that says that the page can be had, then it puts the page in place. */
async function waitOutside(helper: TimingHelper, guest: TinyGuest, clock: InterruptClock, page: NativeMapping, uffd: NativeUserfaultfd): Promise<Wait> {
  clock.start();
  const words = new Int32Array(new SharedArrayBuffer(4));
  const { result, times } = await helper.during(
    {
      interrupt: { vmShare: guest.vm.share(), vector: CLOCK_VECTOR, afterMs: patience(INTERRUPT_AFTER_MS) },
      flag: { words, notify: true, afterMs: patience(PAGE_AFTER_MS) },
    },
    () => {
      const failed = guest.vcpu.run();
      const exited = failed === -EFAULT || (failed === 0 && guest.vcpu.exit.exitReason === KVM_EXIT_MMIO);
      Atomics.wait(words, 0, 0, patience(PAGE_AFTER_MS * 100));
      const filledAtNs = nativeAddon().monotonicNs();
      uffd.zeropage(page, 0, PAGE_SIZE, 0);
      guest.run();
      return { exited, filledAtNs, endedAtNs: nativeAddon().monotonicNs() };
    },
  );
  return { outcome: result.exited ? 'exited' : 'blocked', ...timesOf(clock, times.interruptedAtNs, times.flaggedAtNs, result.endedAtNs) };
}

function timesOf(clock: InterruptClock, interruptedAtNs: number, pageAtNs: number, endedAtNs: number): Omit<Wait, 'outcome'> {
  const handledAtNs = clock.handledAtNs();
  return {
    interruptNs: handledAtNs === null || interruptedAtNs === 0 ? null : handledAtNs - interruptedAtNs,
    // The page's time is noted after it was put in place, when a vCPU that waited for it may be on its way already.
    tookIt: handledAtNs !== null && interruptedAtNs !== 0 && handledAtNs - interruptedAtNs < (pageAtNs - interruptedAtNs) / 2,
    wakeNs: endedAtNs - pageAtNs,
  };
}
