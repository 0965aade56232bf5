/**
 * What proposals themselves come to, with a user space and a guest that make no mistake: each is a world, what is looked for in it, and whether
 * it is found. Pairs of them show that another proposal, or another way of using it, does not have the problem.
 */
import { explore, type Exploration, type ExploreLimits } from './explore.js';
import { World } from './world.js';
import type { Invariant, TaskPlan, WorldConfig } from './world-config.js';

/** See the module's comment. */
export interface Finding {
  /** Stable, unique. */
  readonly id: string;
  /** Of the open questions, those that it says something about. */
  readonly questions: readonly string[];
  /** What the exploration shows, when it comes to what is expected. */
  readonly sentence: string;
  readonly config: WorldConfig;
  /** What fails, or null: nothing does, in any state. */
  readonly expected: Invariant | null;
}

/** A finding, looked for. */
export interface FindingResult {
  readonly finding: Finding;
  readonly exploration: Exploration;
  /** True when the exploration came to what the finding says. */
  readonly holds: boolean;
}

const ONE: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }]];
const TWO: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }], [{ pages: [0] }]];
const TWO_TASKS: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }, { pages: [1] }]];
const PAIR: readonly Invariant[] = ['spurious-pair'];
/** The page that the guest waits for is taken away again after its first fault was cancelled. */
const STALE = { vcpus: [[{ pages: [0] }]], pages: 1, msrOff: 1, discards: 1, resolvers: 2 } as const;

/** All findings. */
export const FINDINGS: readonly Finding[] = [
  {
    id: 'reentry-without-accept-loops',
    questions: ['q4', 'q7'],
    sentence: 'Re-entry without ACCEPT while the page is missing completes the fault: the guest is told ready, faults again, and so on; each turn is an exit, a #PF and an interrupt.',
    config: { uapi: 'async-pf-userfault-2026', vcpus: ONE, pages: 1, asyncExit: ['reenter'], check: ['spurious-loop'] },
    expected: 'spurious-loop',
  },
  {
    id: 'reentry-loops-on-full-ring',
    questions: ['q7'],
    sentence: 'With the exitless rings a full ring falls back to an exit; a VMM that asks for the page but does not ACCEPT there gets the same loop.',
    config: { uapi: 'async-pf-userfault-2026', vcpus: TWO_TASKS, pages: 2, rings: true, ringEntries: 1, asyncExit: ['reenter'], check: ['ready-before-data'] },
    expected: 'ready-before-data',
  },
  ...(['async-pf-userfault-2026', 'async-pf-user-2024'] as const).map((uapi): Finding => ({
    id: `sync-resolution-costs-a-pair/${uapi}`,
    questions: ['q1', 'q4'],
    sentence: 'A page that is resolved before re-entry costs the guest a not-present event and a ready interrupt all the same.',
    config: { uapi, vcpus: ONE, pages: 1, asyncExit: ['sync'], check: PAIR },
    expected: 'spurious-pair',
  })),
  {
    id: 'sync-resolution-costs-a-pair/sync-async-2bit',
    questions: ['q2', 'q4'],
    sentence: 'With two bits, a page marked for synchronous resolution never costs the guest an event, whoever resolves it and when.',
    config: { uapi: 'sync-async-2bit', vcpus: TWO, pages: 1, bits: [1], prefetcher: true, check: PAIR },
    expected: null,
  },
  ...(['async-pf-userfault-2026', 'async-pf-user-2024', 'sync-async-2bit'] as const).map((uapi): Finding => ({
    id: `cleared-after-check-costs-a-pair/${uapi}`,
    questions: ['q3'],
    sentence: 'A bit that is cleared between KVM\'s check and the exit costs the guest a not-present event for a page that is there.',
    config: { uapi, vcpus: ONE, pages: 1, prefetcher: true, check: PAIR },
    expected: 'spurious-pair',
  })),
  ...(['async-pf-userfault-2026', 'sync-async-2bit'] as const).map((uapi): Finding => ({
    id: `stale-ready-by-gpa/${uapi}`,
    questions: ['q6'],
    sentence: 'A READY by gpa that comes after its fault was cancelled completes a later fault of the same page, whose data is missing.',
    config: { uapi, ...STALE },
    expected: 'ready-before-data',
  })),
  {
    id: 'stale-ready-by-token/async-pf-user-2024',
    questions: ['q6'],
    sentence: 'A READY by token that comes after its fault was cancelled is refused, and completes nothing.',
    config: { uapi: 'async-pf-user-2024', ...STALE },
    expected: null,
  },
  ...(['to-sync', 'to-async'] as const).flatMap((reclassifyTo): Finding[] => {
    const config = { uapi: 'sync-async-2bit', vcpus: TWO, pages: 1, reclassify: 1, reclassifyTo, bits: [reclassifyTo === 'to-sync' ? 2 : 1] } as const;
    const way = reclassifyTo === 'to-sync' ? 'from async to sync' : 'from sync to async';
    const safe = reclassifyTo === 'to-sync' ? 'async-first' : 'sync-first';
    const unsafe = reclassifyTo === 'to-sync' ? 'sync-first' : 'async-first';
    return [
      {
        id: `class-change-${reclassifyTo}/${unsafe}`,
        questions: ['q2'],
        sentence: `With a page's two bits in two bitmaps, KVM that reads ${unsafe === 'sync-first' ? 'S before A' : 'A before S'} can miss both while user space changes the class ${way}: it maps a page without data.`,
        config: { ...config, splitRead: unsafe },
        expected: 'mapped-without-data',
      },
      {
        id: `class-change-${reclassifyTo}/${safe}`,
        questions: ['q2'],
        sentence: `KVM that reads ${safe === 'async-first' ? 'A before S' : 'S before A'} sees one of the bits at least while user space changes the class ${way}.`,
        config: { ...config, splitRead: safe },
        expected: null,
      },
    ];
  }),
  ...(['stock', 'async-pf-userfault-2026'] as const).map((uapi): Finding => ({
    id: `wake-all-left-out/${uapi}`,
    questions: ['q14'],
    sentence: 'KVM leaves wake-all out while a completed fault waits to be dequeued, even one that the guest was never told of: tasks that slept when the guest disabled its events sleep on after it enabled them. Linux is safe, as it wakes them itself when it disables.',
    config: { uapi, vcpus: TWO_TASKS, pages: 2, msrOff: 1, guestWakesOnDisable: false },
    expected: 'lost-wake-up',
  })),
  ...(['async-pf-user-2024', 'sync-async-2bit'] as const).map((uapi): Finding => ({
    id: `wake-all-left-out/${uapi}`,
    questions: ['q14'],
    sentence: 'Without faults that the guest is not told of, wake-all is never left out: a guest may rely on it after it disabled and enabled its events.',
    config: { uapi, vcpus: TWO_TASKS, pages: 2, msrOff: 1, guestWakesOnDisable: false },
    expected: null,
  })),
  ...(['stock', 'async-pf-user-2024', 'async-pf-userfault-2026', 'sync-async-2bit'] as const).map((uapi): Finding => ({
    id: `wake-all-recovers/${uapi}`,
    questions: ['q14'],
    sentence: 'Wake-all on the restore of the enable MSR gets every task going again, wherever its fault stood, if the queued #PF was saved with the vCPU and is delivered before the interrupt.',
    config: { uapi, vcpus: TWO_TASKS, pages: 2, restores: 2 },
    expected: null,
  })),
  {
    id: 'wake-all-before-queued-not-present',
    questions: ['q14'],
    sentence: 'Were the wake-all interrupt taken before a not-present #PF that was saved undelivered, the task of that #PF would sleep for ever: wake-all leaves no trace of tokens to come.',
    config: { uapi: 'async-pf-userfault-2026', vcpus: ONE, pages: 1, restores: 1, earlyReady: true, check: ['lost-wake-up'] },
    expected: 'lost-wake-up',
  },
];

/** Looks for a finding. */
export function lookFor(finding: Finding, limits?: ExploreLimits): FindingResult {
  const exploration = explore(new World(finding.config), limits);
  const found = exploration.counterexample?.invariant ?? null;
  return { finding, exploration, holds: found === finding.expected && (found !== null || exploration.complete) };
}

/** The findings that say something about one of the open questions, such as `q6`. */
export function findingsOn(question: string): Finding[] {
  return FINDINGS.filter(({ questions }) => questions.includes(question));
}
