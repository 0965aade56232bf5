/**
 * What must hold after a run: the bytes that the guest saw are the file's, and the events that the guest counted are the ones that the host
 * counted. Each check says what it compares, so that a disagreement explains itself.
 */
import type { DeliveryMode, MachineResult } from '../machine/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import { sumOver } from './sum-over.js';

/** Two counts of the same thing. */
export interface EventCheck {
  readonly what: string;
  readonly guest: number;
  readonly host: number;
  readonly agree: boolean;
}

/** The integrity of the pages. */
export interface IntegrityCheck {
  /** Pages whose checksum the guest recorded and the host computed from the file. */
  readonly compared: number;
  /** Pages for which they differ. */
  readonly mismatched: number;
  /** Pages in which the guest's own comparison saw a difference. */
  readonly guestMismatches: number;
  /** First few pages that differ. */
  readonly examples: readonly number[];
  /** True when every page asked for was compared and none differs. */
  readonly exact: boolean;
}

const MOST_EXAMPLES = 8;

/**
 * Compares the guest's checksums with the host's.
 * @param order - pages that were to be visited
 * @param expected - the host's checksum lanes by page, from the file
 */
export function checkIntegrity(order: Uint32Array, expected: Int32Array, result: MachineResult): IntegrityCheck {
  let compared = 0;
  let mismatched = 0;
  const examples: number[] = [];
  for (const page of order) {
    if (result.latencyCycles[page] === 0n) continue;
    compared++;
    if (result.sums[2 * page] === expected[2 * page] && result.sums[2 * page + 1] === expected[2 * page + 1]) continue;
    mismatched++;
    if (examples.length < MOST_EXAMPLES) examples.push(page);
  }
  const guestMismatches = sumOver(result.guest, (vcpu) => vcpu.mismatches);
  return {
    compared,
    mismatched,
    guestMismatches,
    examples,
    exact: mismatched === 0 && guestMismatches === 0 && compared === order.length,
  };
}

/** What the counts of a run depend on. */
export interface CheckedLoad {
  readonly order: Uint32Array;
  readonly uapi?: UapiName;
  /** Every page was in place before. */
  readonly populate?: boolean;
  /** Pages were fetched that nobody had asked for yet. */
  readonly prefetch?: Uint32Array;
}

/** Cross-checks guest and host counts of a run that went to its end, in which each page was visited once. */
export function checkEvents(mode: DeliveryMode, { order, uapi = 'stock', populate = false, prefetch }: CheckedLoad, result: MachineResult): EventCheck[] {
  const { vcpus, resolvers } = result;
  const check = (what: string, guest: number, host: number): EventCheck => ({ what, guest, host, agree: guest === host });
  const pages = sumOver(result.guest, (vcpu) => vcpu.pages);
  const notPresent = sumOver(result.guest, (vcpu) => vcpu.notPresent);
  const ready = sumOver(result.guest, (vcpu) => vcpu.ready);
  const wakeAll = sumOver(result.guest, (vcpu) => vcpu.wakeAll);
  const enabled = sumOver(result.guest, (vcpu) => Number(vcpu.apfEnabled));
  if (populate || prefetch !== undefined) return checkUnasked(order, prefetch?.length ?? 0, result, check);
  const checks = [
    check('pages visited = pages of the job', pages, order.length),
    check('pages visited = pages delivered by resolvers', pages, resolvers.pages),
    check('pages visited = distinct pages asked for', pages, resolvers.faults),
  ];
  switch (mode) {
    case 'sync-uffd':
      checks.push(check('pages visited = faults of vCPU threads', pages, resolvers.vcpuFaults));
      checks.push(check('not-present events = none offered', notPresent, 0));
      break;
    case 'sync-exit':
      checks.push(check('pages visited = waits after a failed KVM_RUN', pages, vcpus.syncWaits));
      checks.push(check('not-present events = none offered', notPresent, 0));
      break;
    case 'apf-kernel':
      checks.push(check("not-present events = faults of KVM's workers", notPresent, resolvers.faults - resolvers.vcpuFaults));
      checks.push(check('ready events = not-present events', ready, notPresent));
      checks.push(check('wake-all events = vCPUs that enabled delivery', wakeAll, enabled));
      break;
    case 'apf-user':
    case 'apf-exitless':
      // A kernel that has the proposal injects and delivers by itself: then the guest's counts stand against user space's calls alone.
      if (result.implementation === 'emulated') {
        checks.push(check('not-present events = events injected', notPresent, vcpus.notPresent));
        checks.push(check('ready and wake-all events = events delivered', ready + wakeAll, result.readyDelivered));
      }
      checks.push(check('pages visited = events injected + waits', pages, vcpus.notPresent + vcpus.syncWaits - vcpus.spuriousPairs));
      checks.push(check('ready events = not-present events', ready, notPresent));
      if (uapi !== 'stock') checks.push(check('not-present events = faults left to the guest + spurious pairs', notPresent, vcpus.accepted + vcpus.exitless + vcpus.spuriousPairs));
      if (mode === 'apf-exitless') checks.push(check('not-present events = ring entries + faults that found their ring full', notPresent, resolvers.ringEntries + vcpus.ringFull));
      break;
  }
  return checks;
}

/** Where pages come without being asked for, a fault is a page that was not there yet: only what holds whichever came first is compared. */
function checkUnasked(order: Uint32Array, prefetched: number, result: MachineResult, check: (what: string, guest: number, host: number) => EventCheck): EventCheck[] {
  const { resolvers } = result;
  const pages = sumOver(result.guest, (vcpu) => vcpu.pages);
  const delivered = check('pages visited = pages delivered by resolvers', pages, resolvers.pages);
  return [
    check('pages visited = pages of the job', pages, order.length),
    // What is fetched ahead need not be what is visited.
    ...(prefetched === 0 ? [delivered] : []),
    check('pages delivered = pages asked for + fetched ahead + in place before', resolvers.faults + resolvers.prefetched + resolvers.populated, resolvers.pages),
    check('ready events = not-present events', sumOver(result.guest, (vcpu) => vcpu.ready), sumOver(result.guest, (vcpu) => vcpu.notPresent)),
    ...(prefetched === 0 ? [check('faults = none: every page was in place', resolvers.faults, 0)] : []),
  ];
}
