/** Worlds in which user space or the guest makes one mistake, and what each comes to. An exploration that finds nothing in one of them is worth nothing. */
import type { UapiName } from '../uapi/proposals/index.js';
import { hasAsyncFaults } from './scenarios.js';
import { BUGS, type Bug, type Invariant, type TaskPlan, type WorldConfig } from './world-config.js';

/** See the module's comment. */
export interface Mistake {
  readonly bug: Bug;
  readonly config: WorldConfig;
  /** What fails first, on the shortest way. */
  readonly invariant: Invariant;
}

const ONE: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }]];
const TWO: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }], [{ pages: [0] }]];
const TWO_TASKS: readonly (readonly TaskPlan[])[] = [[{ pages: [0] }, { pages: [1] }]];

/** Mistakes by what each needs of a world, and what it comes to. */
const MISTAKES: readonly { readonly bug: Bug; readonly invariant: Invariant; readonly world: Partial<WorldConfig>; readonly applies: (uapi: UapiName) => boolean }[] = [
  { bug: 'ready-before-clear', invariant: 'ready-before-data', world: {}, applies: completes },
  { bug: 'clear-before-data', invariant: 'mapped-without-data', world: { vcpus: TWO }, applies: (uapi) => uapi !== 'stock' },
  { bug: 'never-ready', invariant: 'lost-wake-up', world: {}, applies: completes },
  { bug: 'never-clear', invariant: 'ready-before-data', world: {}, applies: completes },
  { bug: 'never-clear', invariant: 'task-stuck', world: {}, applies: (uapi) => uapi === 'userfault' },
  { bug: 'forgets-request', invariant: 'lost-wake-up', world: {}, applies: hasAsyncFaults },
  { bug: 'first-vcpu-only', invariant: 'lost-wake-up', world: { vcpus: TWO }, applies: completes },
  { bug: 'msr-not-restored', invariant: 'lost-wake-up', world: { vcpus: TWO_TASKS, pages: 2, restores: 1 }, applies: hasAsyncFaults },
  { bug: 'no-dummy-entry', invariant: 'lost-wake-up', world: { earlyReady: true }, applies: hasAsyncFaults },
  { bug: 'ignores-not-present', invariant: 'waiting-task-runs', world: {}, applies: hasAsyncFaults },
  { bug: 'no-second-look', invariant: 'lost-wake-up', world: { vcpus: TWO_TASKS, pages: 2, rings: true }, applies: hasRings },
  { bug: 'arm-without-fence', invariant: 'lost-wake-up', world: { vcpus: TWO_TASKS, pages: 2, rings: true }, applies: hasRings },
  { bug: 'head-overrun', invariant: 'lost-wake-up', world: { rings: true }, applies: hasRings },
  { bug: 'no-doorbell', invariant: 'lost-wake-up', world: { rings: true }, applies: hasRings },
  { bug: 'rings-after-msr', invariant: 'lost-wake-up', world: { rings: true, restores: 1 }, applies: hasRings },
];

/** Every mistake that can be made with a profile. */
export function mistakesOf(uapi: UapiName): Mistake[] {
  return MISTAKES.filter(({ applies }) => applies(uapi)).map(({ bug, invariant, world }) => ({ bug, invariant, config: { uapi, vcpus: ONE, pages: 1, ...world, bugs: [bug] } }));
}

/** What a mistake is, in a sentence without a stop. */
export function describeMistake(bug: Bug): string {
  return BUGS[bug];
}

/** True where user space completes faults. */
function completes(uapi: UapiName): boolean {
  return uapi !== 'stock' && uapi !== 'userfault';
}

function hasRings(uapi: UapiName): boolean {
  return uapi === 'async-pf-userfault-2026';
}
