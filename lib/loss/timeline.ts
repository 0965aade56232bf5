/** What host and guest did, in one order: the guest notes its TSC, and the host has a clock on the same scale. */
import type { GuestClock } from '../kvm/index.js';
import { describeGuestEvent, type GuestEvent } from './event-log.js';

/** Something that somebody noted. */
export interface Noted {
  readonly tsc: bigint;
  readonly what: string;
}

/** One line. */
export interface TimelineEntry extends Noted {
  readonly side: 'host' | 'guest';
  /** LOG_* of an event that the guest logged. */
  readonly kind?: number;
}

/** One stay in KVM_RUN: what the guest logged meanwhile, and the host's clock at both ends. */
export interface LoggedRun {
  /** Numbers of the first event in it, and of the first behind it. */
  readonly from: number;
  readonly to: number;
  readonly entered: bigint;
  readonly left: bigint;
}

/**
 * Puts everything into one order.
 * @param host - on the host's clock
 * @param runs - in order
 * @param events - of the guest, in order
 * @param tasks - what tasks noted by themselves, in times of the guest, in order
 * @param clock - says when the guest's readings were, where its TSC is not steady
 */
export function interleave(host: readonly Noted[], runs: readonly LoggedRun[], events: readonly GuestEvent[], tasks: readonly Noted[], clock: Pick<GuestClock, 'duringRun'>): TimelineEntry[] {
  const entries = host.map(({ tsc, what }): TimelineEntry => ({ tsc, side: 'host', what }));
  const logged = runs.map(({ from, to, entered, left }) => ({ entered, left, logs: events.filter(({ index }) => index >= from && index < to) })).filter(({ logs }) => logs.length > 0);
  for (const [at, { logs, entered, left }] of logged.entries()) {
    const [isFirst, next] = [at === 0, logged.at(at + 1)?.logs[0].tsc];
    // A task's reading belongs to the run that logged something before it.
    const ofTasks = tasks.filter(({ tsc }) => (isFirst || tsc >= logs[0].tsc) && (next === undefined || tsc < next));
    const readings: TimelineEntry[] = [
      ...logs.map((event): TimelineEntry => ({ tsc: event.tsc, side: 'guest', what: describeGuestEvent(event), kind: event.kind })),
      ...ofTasks.map(({ tsc, what }): TimelineEntry => ({ tsc, side: 'guest', what })),
    ].sort(byTime);
    const times = clock.duringRun(readings.map(({ tsc }) => tsc), entered, left);
    entries.push(...readings.map((reading, index) => ({ ...reading, tsc: times[index] })));
  }
  return entries.sort(byTime);
}

function byTime(a: TimelineEntry, b: TimelineEntry): number {
  return a.tsc < b.tsc ? -1 : a.tsc > b.tsc ? 1 : 0;
}
