/** Small worlds with a correct user space and guest, one or more for each race that reviewers of the proposals named: no invariant may fail in them. */
import { UAPI_NAMES, type UapiName } from '../uapi/proposals/index.js';
import type { Race, TaskPlan, WorldConfig } from './world-config.js';

/** See the module's comment. */
export interface Scenario {
  /** `cleared-after-check/stock`. */
  readonly name: string;
  /** Race that an exploration of the world meets. */
  readonly race: keyof typeof Race | null;
  readonly config: WorldConfig;
  /** Where the world is too large for all of it: how many states are to be looked at. */
  readonly mostStates?: number;
}

const MANY = 60_000;


/** Two vCPUs that want both of two pages, in different orders. */
const TWO_BY_TWO: readonly (readonly TaskPlan[])[] = [
  [{ pages: [0] }, { pages: [1] }],
  [{ pages: [1] }, { pages: [0] }],
];
/** Two vCPUs that want one page, and one of them another. */
const SHARED_PAGE: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }, { pages: [1] }], [{ pages: [0] }]];
/** A vCPU with three tasks. */
const THREE_TASKS: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }, { pages: [1] }, { pages: [2] }]];
/** Tasks of every kind. */
const KINDS: readonly (readonly TaskPlan[])[] = [
  [{ pages: [0], kind: 'kernel' }, { pages: [1] }],
  [{ pages: [1], kind: 'irqs-off' }, { pages: [0], kind: 'kernel' }],
];
/** One vCPU alone: what happens around it multiplies the states. */
const ALONE: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }, { pages: [1] }]];

/** True for a proposal with async page faults. */
export function hasAsyncFaults(uapi: UapiName): boolean {
  return uapi !== 'userfault';
}

/** The scenarios of a profile. */
export function scenariosOf(uapi: UapiName): Scenario[] {
  const scenarios: Scenario[] = [];
  const add: Add = (name, race, config, mostStates) => {
    const scenario = { name: `${name}/${uapi}`, race, config: { uapi, ...config } };
    scenarios.push(mostStates === undefined ? scenario : { ...scenario, mostStates });
  };
  add('two-by-two', 'SAME_GFN', { vcpus: TWO_BY_TWO, pages: 2, resolvers: 2 });
  add('cleared-after-check', 'CLEARED_AFTER_CHECK', { vcpus: SHARED_PAGE, pages: 2, prefetcher: true, asyncExit: uapi === 'stock' ? ['async'] : ['async', 'sync'] });
  add('same-gfn', 'SAME_GFN', { vcpus: SHARED_PAGE, pages: 2, resolvers: 2 });
  add('restore', hasAsyncFaults(uapi) ? 'RESTORE_IN_FLIGHT' : null, { vcpus: SHARED_PAGE, pages: 2, restores: 1 });
  add('discard', null, { vcpus: [[{ pages: [0, 1, 0] }], [{ pages: [0] }]], pages: 2, discards: 1 });
  add('kinds', null, { vcpus: KINDS, pages: 2, timer: true });
  add('no-pv', null, { vcpus: TWO_BY_TWO, pages: 2, guestAsync: false, timer: true });
  if (!hasAsyncFaults(uapi)) return scenarios;
  add('msr-off', 'MSR_OFF_IN_FLIGHT', { vcpus: SHARED_PAGE, pages: 2, msrOff: 1 });
  add('msr-off-twice', 'MSR_OFF_IN_FLIGHT', { vcpus: ALONE, pages: 2, msrOff: 2, resolvers: 2 });
  add('reset', 'RESET_IN_FLIGHT', { vcpus: ALONE, pages: 2, resets: 2, timer: true });
  add('queue-full', 'QUEUE_FULL', { vcpus: THREE_TASKS, pages: 3, itemsPerVcpu: 1 });
  add('early-ready', 'EARLY_READY', { vcpus: SHARED_PAGE, pages: 2, earlyReady: true, resolvers: 2 });
  add('restore-alone', 'RESTORE_IN_FLIGHT', { vcpus: ALONE, pages: 2, restores: 2, msrOff: 1 });
  const atOnce: Partial<WorldConfig> = { prefetcher: true, timer: true, msrOff: 1, resets: 1, restores: 1, asyncExit: uapi === 'stock' ? ['async'] : ['async', 'sync'] };
  add('all-at-once', 'MSR_OFF_IN_FLIGHT', { vcpus: SHARED_PAGE, pages: 2, ...atOnce }, MANY);
  if (uapi === 'async-pf-userfault-2026') addOf2026(add);
  if (uapi === 'sync-async-2bit') {
    add('classes', 'SAME_GFN', { vcpus: TWO_BY_TWO, pages: 2, bits: [3, 2], asyncExit: ['async', 'sync'] });
    add('class-change', 'CLASS_CHANGED_IN_CHECK', { vcpus: SHARED_PAGE, pages: 2, reclassify: 1, splitRead: 'async-first' });
  }
  return scenarios;
}

type Add = (name: string, race: keyof typeof Race | null, config: Omit<WorldConfig, 'uapi'>, mostStates?: number) => void;

function addOf2026(add: Add): void {
  add('ready-before-accept', 'READY_BEFORE_ACCEPT', { vcpus: SHARED_PAGE, pages: 2 });
  add('reentry-without-accept', 'REENTRY_WITHOUT_ACCEPT', { vcpus: SHARED_PAGE, pages: 2, asyncExit: ['async', 'sync'] });
  add('rings', 'SAME_GFN', { vcpus: [[{ pages: [0] }], [{ pages: [0] }]], pages: 1, rings: true });
  add('rings-two-by-two', null, { vcpus: TWO_BY_TWO, pages: 2, rings: true, ringEntries: 1 }, MANY);
  add('ring-full', 'RING_FULL', { vcpus: ALONE, pages: 2, rings: true, ringEntries: 1 });
  add('ring-full-of-three', 'RING_FULL', { vcpus: THREE_TASKS, pages: 3, rings: true, ringEntries: 1, itemsPerVcpu: 3 });
  add('rings-cleared-after-check', 'CLEARED_AFTER_CHECK', { vcpus: ALONE, pages: 2, rings: true, prefetcher: true });
  add('rings-msr-off', 'MSR_OFF_IN_FLIGHT', { vcpus: ALONE, pages: 2, rings: true, msrOff: 1 });
  add('rings-restore', 'RESTORE_IN_FLIGHT', { vcpus: ALONE, pages: 2, rings: true, restores: 1 });
  add('rings-reset', 'RESET_IN_FLIGHT', { vcpus: ALONE, pages: 2, rings: true, resets: 1 }, MANY);
  add('rings-queue-full', 'QUEUE_FULL', { vcpus: THREE_TASKS, pages: 3, rings: true, itemsPerVcpu: 1 });
  add('rings-kernel', null, { vcpus: [[{ pages: [0], kind: 'kernel' }, { pages: [1] }]], pages: 2, rings: true, timer: true });
}

/** The scenarios of every profile. */
export function allScenarios(): Scenario[] {
  return UAPI_NAMES.flatMap(scenariosOf);
}
