/** Events of host and guest, in the order in which they happened, for people. Pure: whoever notes an event reads the clock (`GuestClock`). */

/** Who did something, or saw it. */
export type TimelineSide = 'host' | 'guest';

/** Something that happened. */
export interface TimelineEvent {
  /** Time, on the scale of the guest's TSC, in cycles. */
  readonly tsc: bigint;
  readonly side: TimelineSide;
  /** What happened, a few words. */
  readonly what: string;
}

/** How to print a timeline. */
export interface TimelineOptions {
  /** Cycles of the TSC in a millisecond. */
  readonly tscKhz: number;
}

const TIME_WIDTH = 10;
const CYCLES_WIDTH = 11;

/** Puts lists of events in the order of their times. Events of the same time stay in the order of the lists. */
export function mergeTimelines(...lists: readonly (readonly TimelineEvent[])[]): TimelineEvent[] {
  return lists.flat().sort((a, b) => (a.tsc < b.tsc ? -1 : a.tsc > b.tsc ? 1 : 0));
}

/**
 * Renders events that are in order, a line each, without a final newline. Times count from the first event; what the guest does stands further to the right than what
 * the host does.
 */
export function renderTimeline(events: readonly TimelineEvent[], { tscKhz }: TimelineOptions): string {
  if (events.length === 0) return '';
  const [{ tsc: start }] = events;
  const lines = events.map(({ tsc, side, what }) => {
    const cycles = tsc - start;
    const us = (Number(cycles) / tscKhz) * 1000;
    return `${us.toFixed(1).padStart(TIME_WIDTH)}${cycles.toString().padStart(CYCLES_WIDTH)}  ${side === 'host' ? 'host   ' : 'guest      '}${what}`;
  });
  return [`${'us'.padStart(TIME_WIDTH)}${'TSC'.padStart(CYCLES_WIDTH)}`, ...lines].join('\n');
}
