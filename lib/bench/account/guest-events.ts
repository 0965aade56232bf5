/** Handlers of one vCPU's guest, on the host's clock: when each ran, and which ready interrupt was for which page. */
import type { GuestNotes } from '../../guest/index.js';
import { lowerBound } from '../lower-bound.js';
import { merged, type GuestFault, type Stretch } from './guest-side.js';

/** Mean lengths of the guest's handlers, entry to return, in cycles. */
export interface HandlerCycles {
  readonly notPresent: number;
  readonly ready: number;
  readonly tick: number;
}

/** What a vCPU's guest did besides its tasks. */
export interface GuestEvents {
  /** Handlers of all events, and not-present events on their way to their handlers; none overlaps another. */
  readonly stretches: readonly Stretch[];
  /** By page: when the handler of its ready interrupt was entered. */
  readonly ready: ReadonlyMap<number, number>;
  /** Pages of whose absence the guest was not told although the mode may: the vCPU halted until they were there. */
  readonly untold: ReadonlySet<number>;
}

/** Of a guest that notes nothing. */
export const NO_GUEST_EVENTS: GuestEvents = { stretches: [], ready: new Map(), untold: new Set() };

/**
 * Puts together what a vCPU's guest noted.
 * @param faults - all of this vCPU
 * @param shiftCycles - the host's TSC less the guest's
 */
export function guestEvents(notes: GuestNotes, faults: readonly GuestFault[], shiftCycles: number, lengths: HandlerCycles): GuestEvents {
  const onHost = (entries: Float64Array): Float64Array => entries.map((entry) => entry + shiftCycles);
  const [notPresent, ready, tick] = [onHost(notes.notPresent), onHost(notes.ready), onHost(notes.tick)];
  const stretches: Stretch[] = [];
  const add = (entries: Float64Array, length: number): void => {
    for (const entry of entries) stretches.push({ from: entry, to: entry + length });
  };
  add(notPresent, lengths.notPresent);
  add(ready, lengths.ready);
  add(tick, lengths.tick);
  for (const { host } of faults) {
    // Told by the VMM: under way from the next call of KVM_RUN.
    const entry = Number.isNaN(host.told) ? undefined : notPresent[lowerBound(notPresent, host.entered)];
    if (entry !== undefined) stretches.push({ from: host.entered, to: entry });
  }
  const untold = untoldPages(notPresent, faults);
  return { stretches: merged(stretches), ready: readyByPage(ready, faults.filter(({ host }) => !untold.has(host.page))), untold };
}

/** Where KVM tells the guest nobody else knows: a not-present event is about the access that began last. Older ones than are noted count as told. */
function untoldPages(notPresent: Float64Array, faults: readonly GuestFault[]): Set<number> {
  const byStart = faults.filter(({ host }) => host.vcpu < 0).sort((a, b) => a.start - b.start);
  const untold = new Set<number>();
  for (const [at, { host, start, end }] of byStart.entries()) {
    if (notPresent.length === 0 || start < notPresent[0] - (end - start)) continue;
    const entry = notPresent[lowerBound(notPresent, start)] as number | undefined;
    const next = (byStart[at + 1] as GuestFault | undefined)?.start ?? Infinity;
    if (entry === undefined || entry > Math.min(end, next)) untold.add(host.page);
  }
  return untold;
}

/**
 * An interrupt is for a page that was there before it and whose access had not ended yet; of several for the one whose access ended first, since woken tasks
 * go on in the order in which they were woken.
 * @param ready - ascending
 */
function readyByPage(ready: Float64Array, faults: readonly GuestFault[]): Map<number, number> {
  const found = new Map<number, number>();
  const coming = [...faults].sort((a, b) => a.host.mapBegin - b.host.mapBegin);
  let open: GuestFault[] = [];
  let next = 0;
  for (const entry of ready) {
    for (; next < coming.length && coming[next].host.mapBegin <= entry; next++) open.push(coming[next]);
    open = open.filter(({ end }) => end >= entry);
    if (open.length === 0) continue;
    const first = open.reduce((least, fault) => (fault.end < least.end ? fault : least));
    found.set(first.host.page, entry);
    open = open.filter((fault) => fault !== first);
  }
  return found;
}
