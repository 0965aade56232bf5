/** Where the time of a fault goes, from the guest's access to its end: measured moments, not differences of averages. */
import type { MachineResult } from '../../machine/index.js';
import { MODES, type DeliveryMode } from '../../machine/index.js';
import { kernelCost } from '../cost.js';
import { NO_GUEST_EVENTS, guestEvents, type GuestEvents } from './guest-events.js';
import { covered, merged, placeOnHostClock, turns, type GuestFault, type Stretch } from './guest-side.js';
import { hostFaults, type HostFault } from './host-side.js';

/**
 * Parts of a fault, in the order in which they come:
 * - `exit`: from the access until KVM_RUN has returned, or userfaultfd's message is read
 * - `locate`: which page it is
 * - `request`: until a resolver's thread has the request
 * - `fetch`: until the contents begin to arrive: latency that was added, other pages first
 * - `fill`: contents into the page
 * - `complete`: mapped, written down, waiting threads woken
 * - `inject`: putting a not-present event in place, and raising the ready interrupt
 * - `events`: the page is there, but the vCPU is busy with events: those of other pages, or its own not-present event, on its way or in its handler, and ticks
 * - `deliver`: from the ready interrupt raised (where KVM does that: from the page mapped) to the first instruction of its handler
 * - `handler`: the guest's handler of the ready interrupt
 * - `scheduler`: whoever waited, a vCPU's thread or a task of the guest, waits for its turn
 * - `resume`: back into the guest, to the end of the access: out of the handler, the access once more, KVM maps the page
 */
export const ACCOUNT_PARTS = ['exit', 'locate', 'request', 'fetch', 'fill', 'complete', 'inject', 'events', 'deliver', 'handler', 'scheduler', 'resume'] as const;
/** One of {@link ACCOUNT_PARTS}. */
export type AccountPart = (typeof ACCOUNT_PARTS)[number];

/** One part, over all faults that were accounted for. */
export interface PartCost {
  readonly part: AccountPart;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
}

/** The account of a run. The means of all parts and `unexplainedNs` add up to `latencyNs`. */
export interface FaultAccount {
  /** Faults that were accounted for. */
  readonly faults: number;
  /** Pages visited of which a moment is not known: they came before they were missed, or were not alone in their request. */
  readonly leftOut: number;
  /** Two readings of the clock in a row: nothing shorter was measured. */
  readonly floorNs: number;
  /** How far guest and host times may be shifted against each other, which moves time between `exit` and what comes last; 0: the kernel said. */
  readonly clockRoomNs: number;
  /** Mean latency of these faults by the guest's own clock. */
  readonly latencyNs: number;
  /** Only parts that the mode has. */
  readonly parts: readonly PartCost[];
  /** Mean of what no part explains. */
  readonly unexplainedNs: number;
}

/** What an account is made of. */
export type Accountable = Pick<MachineResult, 'stamps' | 'latencyCycles' | 'guest' | 'tscKhz'>;

/** What of the guest's own way has no moments by page: its means, in cycles. */
interface GuestMeans {
  readonly ready: number;
  readonly entryExit: number;
}

/** What else a vCPU did, on the host's clock. */
interface Meanwhile {
  /** Its other fault tasks ran. */
  readonly turns: readonly Stretch[];
  readonly events: GuestEvents;
  /** Either. */
  readonly busy: readonly Stretch[];
}

/** Makes the account of a run whose threads kept stamps; null where they did not, or no fault's moments are all known. */
export function accountOf(mode: DeliveryMode, result: Accountable): FaultAccount | null {
  const { stamps, latencyCycles, guest, tscKhz } = result;
  if (stamps === null) return null;
  const sleeps = MODES[mode].catches === 'sleep';
  const toNs = 1e6 / tscKhz;
  const whole = [...hostFaults(stamps.vcpus, stamps.resolvers, sleeps).values()].filter((fault) => isWhole(fault) && latencyCycles[fault.page] > 0n);
  if (whole.length === 0) return null;
  const { notPresentNs, readyNs, tickNs, entryExitNs } = kernelCost(guest, tscKhz);
  const means: GuestMeans = { ready: (readyNs ?? 0) / toNs, entryExit: (entryExitNs ?? 0) / toNs };
  const lengths = { notPresent: (notPresentNs ?? 0) / toNs, ready: means.ready, tick: (tickNs ?? 0) / toNs };
  const spent = new Map<AccountPart, Float64Array>();
  const parts: Record<AccountPart, number> = { exit: 0, locate: 0, request: 0, fetch: 0, fill: 0, complete: 0, inject: 0, events: 0, deliver: 0, handler: 0, scheduler: 0, resume: 0 };
  let [at, room, latency, explained] = [0, 0, 0, 0];
  for (const [vcpu, hosts] of byVcpu(whole, sleeps && guest.length === 1)) {
    const { faults, roomCycles, shiftCycles } = placeOnHostClock(hosts, stamps.startCycles, latencyCycles, stamps.tscOffsets[Math.max(0, vcpu)] ?? null);
    room = Math.max(room, roomCycles);
    const notes = stamps.notes[Math.max(0, vcpu)] ?? null;
    const isAsync = vcpu >= 0 && MODES[mode].asyncPf;
    const own = vcpu < 0 ? [] : turns([...faults].sort((a, b) => a.start - b.start));
    const events = !isAsync || notes === null ? NO_GUEST_EVENTS : guestEvents(notes, faults, shiftCycles, lengths);
    const meanwhile = { turns: own, events, busy: merged([...own, ...events.stretches]) };
    for (const fault of faults) {
      for (const part of ACCOUNT_PARTS) parts[part] = 0;
      explain(fault, mode, meanwhile, means, parts);
      for (const part of ACCOUNT_PARTS) {
        if (parts[part] === 0) continue;
        let list = spent.get(part);
        if (list === undefined) spent.set(part, (list = new Float64Array(whole.length)));
        list[at] = parts[part] * toNs;
        explained += parts[part];
      }
      latency += fault.end - fault.start;
      at++;
    }
  }
  const visited = latencyCycles.reduce((count, cycles) => count + (cycles === 0n ? 0 : 1), 0);
  return {
    faults: at,
    leftOut: visited - at,
    floorNs: stamps.floorCycles * toNs,
    clockRoomNs: room * toNs,
    latencyNs: (latency / at) * toNs,
    parts: ACCOUNT_PARTS.flatMap((part) => {
      const list = spent.get(part);
      return list === undefined ? [] : [costOf(part, list)];
    }),
    unexplainedNs: Math.max(0, ((latency - explained) / at) * toNs),
  };
}

/** Every moment that each fault has is known. */
function isWhole({ learned, located, taken, mapBegin, mapEnd, completed, told, signalled, awake, vcpu }: HostFault): boolean {
  if ([learned, located, taken, mapBegin, mapEnd, completed].some(Number.isNaN)) return false;
  if (vcpu < 0) return true;
  return Number.isNaN(told) ? !Number.isNaN(awake) : !Number.isNaN(signalled);
}

/** Faults by the vCPU that met them; those that the kernel handled are vCPU 0's where there is no other, else -1's. */
function byVcpu(faults: readonly HostFault[], isOnly: boolean): Map<number, HostFault[]> {
  const groups = new Map<number, HostFault[]>();
  for (const fault of faults) {
    const vcpu = fault.vcpu < 0 && isOnly ? 0 : fault.vcpu;
    const group = groups.get(vcpu);
    if (group === undefined) groups.set(vcpu, [fault]);
    else group.push(fault);
  }
  return groups;
}

/** Divides a fault into parts, cycles. Threads overlap: a moment that comes after the end, or before the one before, takes no time. */
function explain({ host, start, end }: GuestFault, mode: DeliveryMode, { turns: others, events, busy }: Meanwhile, means: GuestMeans, parts: Record<AccountPart, number>): void {
  let now = start;
  const until = (part: AccountPart, moment: number): void => {
    const to = Math.min(end, Math.max(now, moment));
    parts[part] += to - now;
    now = to;
  };
  /** The same, but for what the vCPU did meanwhile. */
  const meanwhile = (part: AccountPart, moment: number): void => {
    const to = Math.min(end, Math.max(now, moment));
    const inEvents = covered(events.stretches, now, to);
    const inAll = covered(busy, now, to);
    parts.events += inEvents;
    parts.scheduler += inAll - inEvents;
    parts[part] += to - now - inAll;
    now = to;
  };
  const isTold = !Number.isNaN(host.told);
  until('exit', host.learned);
  until('locate', host.located);
  if (isTold) until('inject', host.told);
  until('request', host.taken);
  until('fetch', Number.isNaN(host.fillBegin) ? host.mapBegin : host.fillBegin);
  if (!Number.isNaN(host.fillEnd)) until('fill', host.fillEnd);
  if (host.vcpu < 0) {
    // UFFDIO_CONTINUE wakes the sleeper, or KVM's worker that tells the guest.
    until('complete', host.mapEnd);
    if (!MODES[mode].asyncPf || events.untold.has(host.page)) {
      until('resume', end);
      return;
    }
  } else {
    until('complete', host.completed);
    if (!isTold) {
      until('scheduler', host.awake);
      until('resume', end);
      return;
    }
    until('inject', host.signalled);
  }
  const ready = events.ready.get(host.page);
  if (ready !== undefined) {
    meanwhile('deliver', ready);
    until('handler', now + means.ready);
    meanwhile('resume', end);
    return;
  }
  // The guest leaves no moments by page from here on: turns of other tasks are known, its handler and the way in and out by their means.
  const away = covered(others, now, end);
  parts.scheduler += away;
  now += away;
  until('handler', now + means.ready);
  until('resume', now + means.entryExit);
}

function costOf(part: AccountPart, list: Float64Array): PartCost {
  const ascending = list.slice().sort();
  const at = (share: number): number => ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))];
  return { part, meanNs: list.reduce((sum, ns) => sum + ns, 0) / list.length, p50Ns: at(0.5), p99Ns: at(0.99) };
}
