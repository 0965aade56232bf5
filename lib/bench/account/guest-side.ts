/** What the guest noted of each fault, on the host's clock. */
import type { HostFault } from './host-side.js';

/** One access that faulted, TSC cycles of the host. */
export interface GuestFault {
  readonly host: HostFault;
  readonly start: number;
  readonly end: number;
}

/** See {@link placeOnHostClock}. */
export interface PlacedFaults {
  readonly faults: readonly GuestFault[];
  /** Between which limits, cycles apart, the clocks of host and guest may lie; 0 where the kernel said, and no fault contradicts it. */
  readonly roomCycles: number;
  /** Add this to the guest's TSC: the host's. */
  readonly shiftCycles: number;
}

/**
 * Sets the guest's clock against the host's. The kernel's word counts where every fault agrees: it began before anyone knew of it, and ended after its page
 * had begun to be mapped. Else the middle of what the faults leave open is taken.
 * @param offset - the guest's TSC less the host's, as the kernel says; null where it does not
 */
export function placeOnHostClock(hosts: readonly HostFault[], startCycles: BigUint64Array, latencyCycles: BigUint64Array, offset: number | null): PlacedFaults {
  const own = hosts.map((host) => ({ host, start: Number(startCycles[host.page]), length: Number(latencyCycles[host.page]) }));
  let [least, most] = [-Infinity, Infinity];
  for (const { host, start, length } of own) {
    least = Math.max(least, host.mapBegin - (start + length));
    most = Math.min(most, host.learned - start);
  }
  const isRight = offset !== null && -offset >= least && -offset <= most;
  const shift = isRight ? -offset : (least + most) / 2;
  return {
    faults: own.map(({ host, start, length }) => ({ host, start: start + shift, end: start + length + shift })),
    shiftCycles: shift,
    roomCycles: isRight || own.length === 0 ? 0 : Math.abs(most - least),
  };
}

/** A stretch of time, TSC cycles of the host. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * When a vCPU ran its fault tasks: from the end of an access to the next access, and from an access until the guest was told that it has to wait. While one of
 * them runs, others whose pages have come wait for their turn.
 * @param faults - of one vCPU, ascending by `start`
 * @returns ascending, none overlaps another
 */
export function turns(faults: readonly GuestFault[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { host, start } of faults) if (host.entered > start) stretches.push({ from: start, to: host.entered });
  let next = 0;
  for (const { end } of [...faults].sort((a, b) => a.end - b.end)) {
    while (next < faults.length && faults[next].start < end) next++;
    if (next < faults.length) stretches.push({ from: end, to: faults[next].start });
  }
  return merged(stretches);
}

/** The same time as stretches of which none overlaps another, ascending. */
export function merged(stretches: readonly Stretch[]): Stretch[] {
  const apart: { from: number; to: number }[] = [];
  for (const { from, to } of [...stretches].sort((a, b) => a.from - b.from)) {
    const last = apart.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else apart.push({ from, to });
  }
  return apart;
}

/** How much of `from` to `to` the stretches cover. */
export function covered(stretches: readonly Stretch[], from: number, to: number): number {
  let [low, high] = [0, stretches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stretches[middle].to <= from) low = middle + 1;
    else high = middle;
  }
  let sum = 0;
  for (let at = low; at < stretches.length && stretches[at].from < to; at++) sum += Math.max(0, Math.min(to, stretches[at].to) - Math.max(from, stretches[at].from));
  return sum;
}
