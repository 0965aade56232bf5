/** How long after a signal KVM_RUN returns, sample by sample. */
import { readFileSync } from 'node:fs';
import { EINTR, errnoName } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { nativeAddon, type NativeMapping, type NativeUserfaultfd } from '../../native/index.js';
import { TinyGuest, addresses } from '../../probes/index.js';
import { MADV_DONTNEED, PAGE_SIZE, uffdFeatures } from '../../uapi/index.js';
import { withAsyncPfGuest } from '../guests/async-pf-guest.js';
import { retire, userfaultfdPage } from '../guests/backings.js';
import type { TimingHelper } from '../helper/timing-helper.js';
import type { Place } from './places.js';

/** One signal. */
export interface Sample {
  /** From the signal to the return of KVM_RUN. */
  readonly latencyNs: number;
  /** KVM_RUN came back only because the page was there at last. */
  readonly waitedForPage: boolean;
  /** Time in which the vCPU's thread ran or waited for a CPU, from its entry to the return: not asleep; null where the kernel does not say. */
  readonly runnableNs: number | null;
}

/** What a place came to. */
export interface PlaceResult {
  readonly place: Place;
  readonly samples: readonly Sample[];
  /** Returns of KVM_RUN that were none of a signal, in words. */
  readonly others: readonly string[];
  /** Threads that waited in userfaultfd: the vCPU's, or KVM's worker. */
  readonly waiters: readonly string[];
}

/** The vCPU is where it is to be well before this. */
const KICK_AFTER_MS = 12;
/** Who does not react to the signal gets the page this long after it. */
export const FILL_AFTER_MS = 78;
/** Longer than a sample: no slice ends a wait. */
const SLICE_NS = 20e9;

/** Takes up to `count` samples at a place. */
export async function measurePlace(kvm: Kvm, helper: TimingHelper, place: Place, count: number, isOver: () => boolean): Promise<PlaceResult> {
  const [page, uffd] = userfaultfdPage(uffdFeatures.THREAD_ID);
  const options = { ...place.guest, page, registers: { rbx: addresses.page }, sliceNs: SLICE_NS };
  const sampled = (guest: TinyGuest): Promise<PlaceResult> => sample(helper, guest, { place, page, uffd, count, isOver });
  try {
    return place.asyncPf ? await withAsyncPfGuest(kvm, options, sampled) : await TinyGuest.with(kvm, options, sampled);
  } finally {
    uffd.close();
    retire(page);
  }
}

interface Sampling {
  readonly place: Place;
  readonly page: NativeMapping;
  readonly uffd: NativeUserfaultfd;
  readonly count: number;
  readonly isOver: () => boolean;
}

async function sample(helper: TimingHelper, guest: TinyGuest, { place, page, uffd, count, isOver }: Sampling): Promise<PlaceResult> {
  const samples: Sample[] = [];
  const others: string[] = [];
  const waiters = new Set<string>();
  const { monotonicNs } = nativeAddon();
  try {
    for (let turn = 0; turn < count && !isOver(); turn++) {
      const runnableBeforeNs = runnableTimeNs(guest.vcpu.threadId);
      const { result, times } = await helper.during(
        {
          kick: { vcpuShare: guest.vcpu.share(), afterMs: KICK_AFTER_MS },
          ...(place.waitsForPage ? { fill: { userfaultfdShare: uffd.share(), mappingShare: page.share(), afterMs: FILL_AFTER_MS } } : {}),
        },
        () => ({ returned: guest.vcpu.run(), returnedAtNs: monotonicNs(), runnableNs: runnableTimeNs(guest.vcpu.threadId) }),
      );
      for (const thread of times.faultingThreads) waiters.add(thread === guest.vcpu.threadId ? "the vCPU's thread" : 'a thread of the kernel');
      if (result.returned === -EINTR && times.kickedAtNs !== 0) {
        samples.push({
          latencyNs: result.returnedAtNs - times.kickedAtNs,
          waitedForPage: times.filledAtNs !== 0 && result.returnedAtNs >= times.filledAtNs,
          runnableNs: runnableBeforeNs === null || result.runnableNs === null ? null : result.runnableNs - runnableBeforeNs,
        });
      } else {
        others.push(result.returned < 0 ? errnoName(-result.returned) : `exit_reason ${guest.vcpu.exit.exitReason}`);
      }
      if (times.filledAtNs !== 0) page.advise(0, PAGE_SIZE, MADV_DONTNEED);
      guest.restart();
    }
  } finally {
    // Closing the VM waits for KVM's workers, and those for the page.
    uffd.unregister(page, 0, PAGE_SIZE);
  }
  return { place, samples, others, waiters: [...waiters] };
}

/** Time that a thread ran or was ready to, ns (Documentation/scheduler/sched-stats.rst); null where the kernel does not count it. */
function runnableTimeNs(threadId: number): number | null {
  try {
    const [ranNs, waitedNs] = readFileSync(`/proc/self/task/${threadId}/schedstat`, 'utf8').split(' ').map(Number);
    return ranNs + waitedNs;
  } catch {
    return null;
  }
}

/** A wait in user space for a page's state word, as the emulation does it: how soon a vCPU notices that it is to leave. */
export async function measureEmulatedWait(helper: TimingHelper, notify: boolean, count: number, isOver: () => boolean): Promise<number[]> {
  const latenciesNs: number[] = [];
  const { monotonicNs } = nativeAddon();
  for (let turn = 0; turn < count && !isOver(); turn++) {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const { result, times } = await helper.during({ flag: { words, notify, afterMs: KICK_AFTER_MS + (turn * 7) % WAIT_SLICE_MS } }, () => {
      while (Atomics.load(words, 0) === 0) Atomics.wait(words, 0, 0, WAIT_SLICE_MS);
      return monotonicNs();
    });
    if (times.flaggedAtNs !== 0) latenciesNs.push(result - times.flaggedAtNs);
  }
  return latenciesNs;
}

/** How often a vCPU Worker that waits for a page looks whether it is to stop. */
const WAIT_SLICE_MS = 50;
