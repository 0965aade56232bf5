/** What host and guest did, in one order: both note the guest's TSC. */
import { describeGuestEvent, type GuestEvent } from './event-log.js';

/** Something the host did. */
export interface HostEvent {
  /** TSC of the guest. */
  readonly tsc: bigint;
  readonly what: string;
}

/** One line. */
export interface TimelineEntry {
  readonly tsc: bigint;
  readonly side: 'host' | 'guest';
  readonly what: string;
  /** LOG_* of an event that the guest logged. */
  readonly kind?: number;
}

/** Puts the events of both sides into one order. */
export function interleave(host: readonly HostEvent[], guest: readonly GuestEvent[]): TimelineEntry[] {
  const entries: TimelineEntry[] = [
    ...host.map(({ tsc, what }): TimelineEntry => ({ tsc, side: 'host', what })),
    ...guest.map((event): TimelineEntry => ({ tsc: event.tsc, side: 'guest', what: describeGuestEvent(event), kind: event.kind })),
  ];
  return entries.sort((a, b) => (a.tsc < b.tsc ? -1 : a.tsc > b.tsc ? 1 : 0));
}

/** As text, a line each; times in cycles from the first one on. */
export function renderTimeline(entries: readonly TimelineEntry[]): string {
  const start = entries[0]?.tsc ?? 0n;
  const times = entries.map(({ tsc }) => (tsc - start).toLocaleString('en-US'));
  const width = Math.max(0, ...times.map(({ length }) => length));
  return entries.map(({ side, what }, at) => `${times[at].padStart(width)}  ${side.padEnd(5)}  ${what}`).join('\n');
}
