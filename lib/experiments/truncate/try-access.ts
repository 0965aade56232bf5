/** Makes the accesses: one with everything noted, and as many as wanted with nothing but their times. */
import { FaultLabError } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { LOSS_COUNTERS, LossGuest, windowAddress, type AccessOutcome, type LossCounter, type LossGuestOptions, type LossReport, type TimelineEntry } from '../../loss/index.js';
import { DaxWindow } from '../../memory/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { describeOutcome } from './describe.js';
import type { Afterwards, LossCase, LossObservation } from './observation.js';

const WINDOW_PAGES = 512;
const WINDOW_BYTES = WINDOW_PAGES * PAGE_SIZE;
/** Where the file ends: one page is left of it. */
const LEFT_BYTES = PAGE_SIZE;
const PAGE = 3;
/** Kinds of accesses that a task's program has room for. */
const CHUNK = 15;

/** Runs `body` with a file that is as long as its window, and gone afterwards. */
async function withFile<T>(body: (window: DaxWindow) => Promise<T>): Promise<T> {
  const window = DaxWindow.create({ memfdBytes: WINDOW_BYTES }, WINDOW_BYTES);
  try {
    return await body(window);
  } finally {
    window.close();
  }
}

/** The owner of the file brings back pages from its front, and no page behind the one that is asked for: each page is lost once. */
function optionsFor(report: LossReport, window: DaxWindow): LossGuestOptions {
  return {
    report,
    window,
    resolve: (offset) => {
      window.truncate(offset + PAGE_SIZE);
      return true;
    },
  };
}

/**
 * The access with memory there, then lost, then there again.
 * @throws FaultLabError `CONTROL_FAILED` where it does not even work with memory there
 */
export async function observe(kvm: Kvm, report: LossReport, tried: LossCase): Promise<LossObservation> {
  return withFile((window) =>
    LossGuest.with(kvm, { ...optionsFor(report, window), log: true }, (guest) => {
      const program = [[{ access: tried.access, page: PAGE }]];
      const control = guest.run(program);
      if (control.kind !== 'done' || guest.outcomes()[0].result !== 'value') {
        throw new FaultLabError('CONTROL_FAILED', `${report.name}: ${tried.title} and fails with memory there: ${control.kind === 'done' ? describeOutcome(guest.outcomes()[0], windowAddress(PAGE)) : control.kind}`);
      }
      guest.timeline();
      const before = guest.control.counters();
      guest.truncate(LEFT_BYTES);
      const end = guest.run(program);
      const [outcome] = guest.outcomes();
      const counters = difference(before, guest.control.counters());
      const observation = {
        report: { name: report.name, title: report.title },
        tried,
        address: windowAddress(PAGE),
        end,
        outcome,
        panic: guest.control.panic(),
        counters,
        mciStatus: guest.control.lastMciStatus,
        timeline: withTask(guest.timeline(), outcome, tried),
        tscKhz: guest.vcpu.tscKhz(),
      };
      return { ...observation, afterwards: end.kind === 'done' ? again(guest, window, tried) : 'nobody there' };
    }),
  );
}

function again(guest: LossGuest, window: DaxWindow, { access }: LossCase): Afterwards {
  window.truncate(WINDOW_BYTES);
  const end = guest.run([[{ access, page: PAGE }]]);
  return end.kind === 'done' && guest.outcomes()[0].result === 'value' ? 'works' : 'still lost';
}

function difference(before: Record<LossCounter, number>, after: Record<LossCounter, number>): Record<LossCounter, number> {
  return Object.fromEntries(LOSS_COUNTERS.map((name) => [name, after[name] - before[name]])) as Record<LossCounter, number>;
}

/** What the task itself noted belongs between what the others did. */
function withTask(timeline: readonly TimelineEntry[], outcome: AccessOutcome, tried: LossCase): TimelineEntry[] {
  const address = windowAddress(PAGE);
  const entries: TimelineEntry[] = [...timeline];
  if (outcome.tscBefore !== 0n) entries.push({ tsc: outcome.tscBefore, side: 'guest', what: `${tried.title}: gva 0x${address.toString(16)}` });
  if (outcome.tscAfter !== 0n) entries.push({ tsc: outcome.tscAfter, side: 'guest', what: `the task has it: ${describeOutcome(outcome, address)}` });
  return entries.sort((a, b) => Number(a.tsc - b.tsc));
}

/** When to stop sampling. */
export interface SampleLimit {
  readonly samples: number;
  /** Of `performance.now()`. */
  readonly deadlineMs: number;
  readonly interrupted: () => boolean;
}

/** Times from the access to its outcome, ns of the guest's TSC. A guest that lives on makes one access to each page; else the outcome is its end, and each takes a new VM. */
export async function sampleTimes(kvm: Kvm, report: LossReport, tried: LossCase, { samples, deadlineMs, interrupted }: SampleLimit): Promise<number[]> {
  const times: number[] = [];
  const enough = (): boolean => times.length >= samples || performance.now() >= deadlineMs || interrupted();
  while (!enough()) {
    const before = times.length;
    await withFile((window) =>
      LossGuest.with(kvm, optionsFor(report, window), (guest) => {
        for (let page = 1; page < WINDOW_PAGES && !enough(); page += CHUNK) {
          if (!sampleChunk(guest, tried, page, times)) return;
        }
      }),
    );
    if (times.length === before) break;
    // Guests run on this thread: signals are noticed in between only.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times.slice(0, samples);
}

/** Accesses the pages from `page` on. False where the guest does not go on. */
function sampleChunk(guest: LossGuest, { access }: LossCase, page: number, times: number[]): boolean {
  const pages = Array.from({ length: Math.min(CHUNK, WINDOW_PAGES - page) }, (_, at) => page + at);
  guest.truncate(LEFT_BYTES);
  const end = guest.run([pages.map((at) => ({ access, page: at }))]);
  const now = guest.tsc();
  const ns = (from: bigint, to: bigint): number => (Number(to - from) / guest.vcpu.tscKhz()) * 1e6;
  for (const { result, tscBefore, tscAfter } of guest.outcomes()) if (result !== 'none') times.push(ns(tscBefore, tscAfter));
  if (end.kind === 'done') return true;
  const last = guest.outcomes().find(({ result }) => result === 'none');
  if (end.kind !== 'stuck' && last !== undefined && last.tscBefore !== 0n) times.push(ns(last.tscBefore, now));
  return false;
}
