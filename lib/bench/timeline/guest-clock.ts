/**
 * The guest's clock on the host's. What a vCPU's TSC shows a task cannot be asked of KVM on every host, but each page says something: its access began before
 * a resolver learned of it, and ended after the page was in place. Many pages leave little room for the difference of the two clocks.
 */
import type { GuestTraceLane } from '../../guest/index.js';

/** When a page was asked for and when it was there, on the host's clock. */
export interface PageTimes {
  readonly page: number;
  readonly askedNs: number;
  readonly placedNs: number;
}

/** One vCPU's TSC. */
export interface GuestClock {
  /** Host time, ns, of a TSC value. */
  toNs(cycles: number): number;
  /** How far off it may be, ns; below 0 where pages contradict each other by so much: the clocks drifted. */
  readonly roomNs: number;
}

/**
 * The clocks of all vCPUs; a vCPU without a page of its own has that of all others together.
 * @returns by vCPU; null where no page says anything
 */
export function guestClocks(lanes: readonly GuestTraceLane[], pages: readonly PageTimes[], tscKhz: number): GuestClock[] | null {
  const times = new Map(pages.map((page) => [page.page, page]));
  const vcpus = Math.max(-1, ...lanes.map(({ vcpu }) => vcpu)) + 1;
  const together = bounds(lanes, times, tscKhz);
  if (together === null) return null;
  return Array.from({ length: vcpus }, (_, vcpu) => {
    const { least, most } = bounds(lanes.filter((lane) => lane.vcpu === vcpu), times, tscKhz) ?? together;
    const offset = (least + most) / 2;
    return { toNs: (cycles) => (cycles * 1e6) / tscKhz + offset, roomNs: most - least };
  });
}

/** Between which numbers of ns the host's clock is ahead. */
function bounds(lanes: readonly GuestTraceLane[], times: ReadonlyMap<number, PageTimes>, tscKhz: number): { least: number; most: number } | null {
  let [least, most] = [-Infinity, Infinity];
  for (const { kind, spans } of lanes) {
    if (kind !== 'fault') continue;
    for (const { start, end, page } of spans) {
      const host = times.get(page);
      if (host === undefined) continue;
      least = Math.max(least, host.placedNs - (end * 1e6) / tscKhz);
      most = Math.min(most, host.askedNs - (start * 1e6) / tscKhz);
    }
  }
  return Number.isFinite(least) && Number.isFinite(most) ? { least, most } : null;
}
