/** What KVM makes of a missing page in each state of its vCPU, and what the guest sees of it. */
import { FaultLabError } from '../../errors/index.js';
import { GuestClock, type Kvm } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { describeEnd, type GuestEnd } from '../../probes/index.js';
import { uffdFeatures, PAGE_SIZE } from '../../uapi/index.js';
import { mergeTimelines, type TimelineEvent } from '../frame/timeline.js';
import { retire, userfaultfdPage } from '../guests/backings.js';
import type { TimingHelper } from '../helper/timing-helper.js';
import type { Decision, DeliveryCase } from './cases.js';
import { sightings, withDeliveryGuest, type NotPresentHandler, type Sightings } from './guest.js';

/** The page comes this long after the vCPU was entered: everything else has happened by then. */
const FILL_AFTER_MS = 4;

/** One run. */
export interface Observation extends Sightings {
  /** Somebody asked userfaultfd for the page: not where the page came before the vCPU did, on a busy host. */
  readonly missed: boolean;
  /** Null where the guest did not get to its page, as `end` says. */
  readonly decision: Decision | null;
  /** How the guest's code ended, in words. */
  readonly end: string;
  readonly tscKhz: number;
}

/** Runs in a row that are void before it is said so. */
const MOST_VOID = 20;

/**
 * Lets a guest miss its page once; a run in which the page was there before the vCPU needed it does not count.
 * @throws FaultLabError `DELIVERY_VOID` where the page is always there before; what {@link observeOnce} throws
 */
export async function observe(kvm: Kvm, helper: TimingHelper, state: DeliveryCase, handler: NotPresentHandler = 'sleeps'): Promise<Observation> {
  for (let turn = 0; turn < MOST_VOID; turn++) {
    const observation = await observeOnce(kvm, helper, state, handler);
    if (observation.missed) return observation;
  }
  throw new FaultLabError('DELIVERY_VOID', `in ${MOST_VOID} runs in a row no page was missed (${state.title})`);
}

/**
 * Fills a page while a guest needs it, if it is so soon.
 * @throws FaultLabError where KVM or userfaultfd refuses something, or the helper fails
 */
async function observeOnce(kvm: Kvm, helper: TimingHelper, state: DeliveryCase, handler: NotPresentHandler): Promise<Observation> {
  const [page, uffd] = userfaultfdPage(uffdFeatures.THREAD_ID);
  const { tsc, monotonicNs } = nativeAddon();
  try {
    return await withDeliveryGuest(kvm, state, page, handler, async (guest) => {
      const clock = GuestClock.of(guest.vcpu);
      const start = { tsc: tsc() + clock.offset, ns: monotonicNs() };
      try {
        const { result, times } = await helper.during({ fill: { userfaultfdShare: uffd.share(), mappingShare: page.share(), afterMs: FILL_AFTER_MS } }, () => ({
          end: guest.run(),
          returned: clock.now(),
        }));
        const seen = sightings(guest, (readings) => clock.duringRun(readings, start.tsc, result.returned));
        const byVcpu = times.faultingThreads.every((thread) => thread === guest.vcpu.threadId);
        const missed = times.faultingThreads.length > 0;
        const filled = start.tsc + BigInt(Math.round(((times.filledAtNs - start.ns) * clock.tscKhz) / 1e6));
        const host: TimelineEvent[] = [
          { tsc: start.tsc, side: 'host', what: 'KVM_RUN' },
          ...(missed ? [{ tsc: filled, side: 'host', what: `the page is there; ${byVcpu ? "the vCPU's own thread" : "a worker of KVM's"} waited for it` } as const] : []),
          { tsc: result.returned, side: 'host', what: `KVM_RUN returns: ${result.end.kind === 'end' ? 'the guest has made its access' : describeEnd(result.end)}` },
        ];
        const reached = result.end.kind === 'end' || (state.isHandlerStack && isOnHandlerStack(result.end));
        return {
          ...seen,
          missed,
          decision: !missed || !reached ? null : seen.notPresent.length > 0 ? 'told' : byVcpu ? 'waits' : 'halts',
          end: describeEnd(result.end),
          tscKhz: clock.tscKhz,
          timeline: mergeTimelines(host, seen.timeline),
        };
      } finally {
        // Closing the VM waits for KVM's workers, and those for the page.
        uffd.unregister(page, 0, PAGE_SIZE);
      }
    });
  } finally {
    uffd.close();
    retire(page);
  }
}

/** The handler runs, on a stack that is none of the tiny guest's own. */
function isOnHandlerStack(end: GuestEnd): boolean {
  return end.kind === 'exit' && end.exit.kind === 'io';
}
