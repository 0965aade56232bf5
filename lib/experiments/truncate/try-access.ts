/** Makes the accesses: one with everything noted, and as many as wanted with nothing but their times. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultLabError } from '../../errors/index.js';
import type { Kvm } from '../../kvm/index.js';
import { LOSS_COUNTERS, LossGuest, lossAbi, windowAddress, type AccessOutcome, type LossCounter, type LossGuestOptions, type LossReport, type Noted } from '../../loss/index.js';
import { DaxWindow } from '../../memory/index.js';
import { patience } from '../../probes/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { describeOutcome } from './describe.js';
import type { Afterwards, LossCase, LossObservation } from './observation.js';
import { OtherProcess } from './other-process.js';
import { nextTurn } from '../frame/next-turn.js';

const WINDOW_PAGES = 512;
const WINDOW_BYTES = WINDOW_PAGES * PAGE_SIZE;
/** Where the file ends: one page is left of it. */
const LEFT_BYTES = PAGE_SIZE;
const PAGE = 3;
/** Kinds of accesses that a task's program has room for. */
const CHUNK = 15;
const TRUNCATE_LIMIT_MS = 10_000;

/** A file that another process has too. */
export interface FileOfOthers {
  readonly path: string;
  readonly other: OtherProcess;
}

/** Runs `body` with such a file, in a folder of its own. */
export async function withFileOfOthers<T>(body: (file: FileOfOthers) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kvm-faultlab-truncate-'));
  const path = join(folder, 'file');
  writeFileSync(path, '');
  const other = OtherProcess.start(path);
  try {
    return await body({ path, other });
  } finally {
    await other.close();
    rmSync(folder, { recursive: true });
  }
}

/** A file, as others have it, and the window onto it. */
interface SharedFile {
  readonly window: DaxWindow;
  readonly other: OtherProcess;
}

/** Runs `body` with a file that is as long as its window, and gone afterwards. */
async function withFile<T>({ path, other }: FileOfOthers, body: (file: SharedFile) => Promise<T>): Promise<T> {
  truncateSync(path, WINDOW_BYTES);
  const window = DaxWindow.create({ path }, WINDOW_BYTES);
  try {
    return await body({ window, other });
  } finally {
    window.close();
  }
}

/** The process truncates or extends the file; the guest runs meanwhile, on the page that stays. */
async function truncateByOther(guest: LossGuest, { other }: SharedFile, lengthBytes: number): Promise<void> {
  await other.truncate(lengthBytes, patience(TRUNCATE_LIMIT_MS), () => {
    guest.run([[{ access: 'load', page: 0 }]]);
  });
  // The VMM has the file to itself again, and knows.
  guest.run([[{ access: 'load', page: 0 }]]);
}

/** What the guest asks for by hypercall, the owner of the file brings back, and no page behind it: each page is lost once. Other pages are lost for good. */
function optionsFor(report: LossReport, window: DaxWindow): LossGuestOptions {
  return {
    report,
    window,
    resolve: (offset) => {
      if ((report.setup.features & lossAbi.FEATURE_VE_HYPERCALL) === 0) return false;
      window.truncate(offset + PAGE_SIZE);
      return true;
    },
  };
}

/**
 * The access with memory there, then lost, then there again.
 * @throws FaultLabError `CONTROL_FAILED` where it does not even work with memory there
 */
export async function observe(kvm: Kvm, file: FileOfOthers, report: LossReport, tried: LossCase): Promise<LossObservation> {
  return withFile(file, (shared) =>
    LossGuest.with(kvm, { ...optionsFor(report, shared.window), log: true }, async (guest) => {
      const program = [[{ access: tried.access, page: PAGE }]];
      const control = guest.run(program);
      if (control.kind !== 'done' || guest.outcomes()[0].result !== 'value') {
        throw new FaultLabError('CONTROL_FAILED', `${report.name}: ${tried.title} and fails with memory there: ${control.kind === 'done' ? describeOutcome(guest.outcomes()[0], windowAddress(PAGE)) : control.kind}`);
      }
      guest.timeline();
      const before = guest.control.counters();
      await truncateByOther(guest, shared, LEFT_BYTES);
      const untilThen = guest.timeline().filter(({ side }) => side === 'host');
      guest.note('another process has truncated the file');
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
        timeline: [...untilThen, ...guest.timeline(noted(outcome, tried))],
        tscKhz: guest.vcpu.tscKhz(),
      };
      return { ...observation, afterwards: end.kind === 'done' ? await again(guest, shared, tried) : 'nobody there' };
    }),
  );
}

async function again(guest: LossGuest, shared: SharedFile, { access }: LossCase): Promise<Afterwards> {
  await truncateByOther(guest, shared, WINDOW_BYTES);
  const end = guest.run([[{ access, page: PAGE }]]);
  return end.kind === 'done' && guest.outcomes()[0].result === 'value' ? 'works' : 'still lost';
}

function difference(before: Record<LossCounter, number>, after: Record<LossCounter, number>): Record<LossCounter, number> {
  return Object.fromEntries(LOSS_COUNTERS.map((name) => [name, after[name] - before[name]])) as Record<LossCounter, number>;
}

/** What the task itself has the times of. */
function noted(outcome: AccessOutcome, tried: LossCase): Noted[] {
  const address = windowAddress(PAGE);
  return [
    ...(outcome.tscBefore === 0n ? [] : [{ tsc: outcome.tscBefore, what: `${tried.title}: gva 0x${address.toString(16)}` }]),
    ...(outcome.tscAfter === 0n ? [] : [{ tsc: outcome.tscAfter, what: `the task has it: ${describeOutcome(outcome, address)}` }]),
  ];
}

/** When to stop sampling. */
export interface SampleLimit {
  readonly samples: number;
  /** Of `performance.now()`; one is taken in any case. */
  readonly deadlineMs: number;
  readonly interrupted: () => boolean;
}

/** Times from the access to its outcome, ns of the guest's TSC. A guest that lives on makes one access to each page; else the outcome is its end, and each takes a new VM. */
export async function sampleTimes(kvm: Kvm, file: FileOfOthers, report: LossReport, tried: LossCase, { samples, deadlineMs, interrupted }: SampleLimit): Promise<number[]> {
  const times: number[] = [];
  const enough = (): boolean => times.length >= samples || interrupted() || (times.length > 0 && performance.now() >= deadlineMs);
  const step = report.learns === true ? 1 : CHUNK;
  while (!enough()) {
    const before = times.length;
    await withFile(file, (shared) =>
      LossGuest.with(kvm, optionsFor(report, shared.window), async (guest) => {
        for (let page = 1; page < WINDOW_PAGES && !enough(); page += step) {
            if (report.learns === true) await truncateByOther(guest, shared, WINDOW_BYTES);
          await truncateByOther(guest, shared, LEFT_BYTES);
          if (!sampleChunk(guest, tried, page, Math.min(step, WINDOW_PAGES - page), times)) return;
        }
      }),
    );
    if (times.length === before) break;
    await nextTurn();
  }
  return times.slice(0, samples);
}

/** Accesses `count` pages from `page` on. False where the guest does not go on. */
function sampleChunk(guest: LossGuest, { access }: LossCase, page: number, count: number, times: number[]): boolean {
  const pages = Array.from({ length: count }, (_, at) => page + at);
  const end = guest.run([pages.map((at) => ({ access, page: at }))]);
  const now = guest.tscNow();
  const ns = (from: bigint, to: bigint): number => (Number(to - from) / guest.vcpu.tscKhz()) * 1e6;
  for (const { result, tscBefore, tscAfter } of guest.outcomes()) if (result !== 'none') times.push(ns(tscBefore, tscAfter));
  if (end.kind === 'done') return true;
  const last = guest.outcomes().find(({ result }) => result === 'none');
  if (now !== null && end.kind !== 'stuck' && last !== undefined && last.tscBefore !== 0n) times.push(ns(last.tscBefore, now));
  return false;
}
