/** What a world is made of: which proposal, which guest, which user space, what may go wrong around them. Plain data. */
import type { ModelShape, ProposalModel, UapiName } from '../uapi/proposals/index.js';

/** What must hold in every state. The last two are no errors but costs: a world checks them only where its configuration says so. */
export const INVARIANTS = [
  'lost-wake-up',
  'double-completion',
  'task-stuck',
  'ready-before-data',
  'mapped-without-data',
  'bounded-queue',
  'waiting-task-runs',
  'spurious-pair',
  'spurious-loop',
] as const;

/** Name of an invariant. */
export type Invariant = (typeof INVARIANTS)[number];

/** What each invariant says. */
export const INVARIANT_SENTENCES: Readonly<Record<Invariant, string>> = {
  'lost-wake-up': 'No task or vCPU waits for ever when every agent has done all it had to do.',
  'double-completion': 'A not-present event has a token that no waiting task has, and is answered by one ready event.',
  'task-stuck': 'From every state, the guest can still finish by what its agents have to do.',
  'ready-before-data': 'When the guest is told that a page is ready, an access neither is intercepted nor meets an empty page.',
  'mapped-without-data': 'A page that the guest can access holds its data.',
  'bounded-queue': 'No more faults are outstanding on a vCPU than the proposal allows.',
  'waiting-task-runs': 'A vCPU does not run a task that waits for a page.',
  'spurious-pair': 'The guest is not told "not present" of a page that is there already.',
  'spurious-loop': 'The guest is not told twice, on the same vCPU, that a page is ready which is not.',
};

/** Invariants whose violation is an error. */
export const CORRECTNESS: readonly Invariant[] = INVARIANTS.filter((name) => name !== 'spurious-pair' && name !== 'spurious-loop');

/** Races that reviewers named; an exploration says which of them it met. Bits of a word. */
export const Race = {
  CLEARED_AFTER_CHECK: 1 << 0,
  READY_BEFORE_ACCEPT: 1 << 1,
  REENTRY_WITHOUT_ACCEPT: 1 << 2,
  SAME_GFN: 1 << 3,
  RING_FULL: 1 << 4,
  MSR_OFF_IN_FLIGHT: 1 << 5,
  RESTORE_IN_FLIGHT: 1 << 6,
  RESET_IN_FLIGHT: 1 << 7,
  QUEUE_FULL: 1 << 8,
  EARLY_READY: 1 << 9,
  STALE_READY: 1 << 10,
  CLASS_CHANGED_IN_CHECK: 1 << 11,
} as const;

/** What each race is, for people. */
export const RACE_NAMES: Readonly<Record<keyof typeof Race, string>> = {
  CLEARED_AFTER_CHECK: 'bit cleared between KVM\'s check and the exit',
  READY_BEFORE_ACCEPT: 'READY before ACCEPT',
  REENTRY_WITHOUT_ACCEPT: 're-entry without ACCEPT',
  SAME_GFN: 'two vCPUs on one gfn',
  RING_FULL: 'notification ring full',
  MSR_OFF_IN_FLIGHT: 'MSR disabled with faults in flight',
  RESTORE_IN_FLIGHT: 'restore with faults in flight',
  RESET_IN_FLIGHT: 'vCPU reset with faults in flight',
  QUEUE_FULL: 'as many faults outstanding as allowed',
  EARLY_READY: 'ready event before the not-present event was handled',
  STALE_READY: 'READY for a fault that is not there any more',
  CLASS_CHANGED_IN_CHECK: 'class of a page changed while KVM reads its bits',
};

/** Names of the races in a word of {@link Race} bits. */
export function raceNames(word: number): string[] {
  return (Object.keys(Race) as (keyof typeof Race)[]).filter((key) => (word & Race[key]) !== 0).map((key) => RACE_NAMES[key]);
}

/** Mistakes of user space, and the last two of a guest, each of which some invariant is to catch. */
export const BUGS = {
  'ready-before-clear': 'the resolver says READY before it clears the interception bit',
  'clear-before-data': 'the resolver clears the interception bit before the data is there',
  'never-ready': 'the resolver never says READY',
  'never-clear': 'the interception bit is never cleared',
  'forgets-request': 'user space accepts or re-enters, and asks nobody for the page',
  'first-vcpu-only': 'a page that was asked for already is not asked for again for another vCPU',
  'no-second-look': 'the ring handler arms and sleeps without a second look at the ring',
  'arm-without-fence': 'the ring handler\'s second look is done before its ARMED is visible',
  'head-overrun': 'the ring handler moves the completion head further than the ring is long',
  'no-doorbell': 'the ring handler writes completions but not the eventfd',
  'msr-not-restored': 'a restore leaves the guest\'s enable MSR out',
  'rings-after-msr': 'the exitless rings are registered after the guest\'s enable MSR is written, and EBUSY is ignored',
  'no-dummy-entry': 'the guest forgets a ready event that comes before its not-present event',
  'ignores-not-present': 'the guest goes on with the task in spite of a not-present event',
} as const;

/** Name of a mistake. */
export type Bug = keyof typeof BUGS;

/** What user space does with the exit of an async page fault. `reenter`: asks for the page and re-enters, without ACCEPT. */
export type AsyncExitChoice = 'async' | 'sync' | 'reenter';

/** Where a guest task accesses memory. `irqs-off`: in the guest's kernel with interrupts disabled. */
export type TaskKind = 'user' | 'kernel' | 'irqs-off';

/** A task of the guest: pages that it accesses one after another. */
export interface TaskPlan {
  readonly pages: readonly number[];
  /** `user` where left out. */
  readonly kind?: TaskKind;
}

/** See the module's comment. What is left out is off, absent or none, unless said otherwise. */
export interface WorldConfig {
  readonly uapi: UapiName;
  /** Tasks of each vCPU. */
  readonly vcpus: readonly (readonly TaskPlan[])[];
  readonly pages: number;
  /** Most faults outstanding on a vCPU; 2 where left out. */
  readonly itemsPerVcpu?: number;
  /** Entries of each exitless ring, a power of two; 2 where left out. */
  readonly ringEntries?: number;
  /** The exitless rings are set up (2026 design only). */
  readonly rings?: boolean;
  /** Interception bits of each page at first; one that the proposal's async page faults need where left out. */
  readonly bits?: readonly number[];
  /** Threads that resolve what is asked for; 1 where left out. */
  readonly resolvers?: number;
  /** A thread that resolves pages which nobody asked for, whenever it likes. */
  readonly prefetcher?: boolean;
  /** What user space may do with the exit of an async page fault, each time anew; `async` where left out. */
  readonly asyncExit?: readonly AsyncExitChoice[];
  readonly bugs?: readonly Bug[];
  /** False for a guest that never enables its async page faults. */
  readonly guestAsync?: boolean;
  /** False for a guest that, when it disables its async page faults, relies on KVM's wake-all to wake its tasks later. Linux wakes them itself. */
  readonly guestWakesOnDisable?: boolean;
  /** Interrupts end synthetic halts. */
  readonly timer?: boolean;
  /** The guest may take the ready interrupt before the #PF that is queued for it. */
  readonly earlyReady?: boolean;
  /** How often the guest may disable its async page faults; it always enables them again. */
  readonly msrOff?: number;
  /** How often a vCPU may be reset; its tasks start again. */
  readonly resets?: number;
  /** How often the VM may be saved and restored: KVM's state is new, guest memory is missing again, guest registers and MSRs are as they were. */
  readonly restores?: number;
  /** How often user space may take a page away again that no fault is outstanding for, and that nobody resolves but for a READY that may come late. */
  readonly discards?: number;
  /** How often user space may change the class of a page that nobody resolves (two bits only). */
  readonly reclassify?: number;
  /** Direction of {@link reclassify}; `to-sync` where left out. */
  readonly reclassifyTo?: 'to-sync' | 'to-async';
  /** KVM reads the two bits of a page one after another, in this order; both at once where left out. */
  readonly splitRead?: 'async-first' | 'sync-first';
  /** What to check; {@link CORRECTNESS} where left out. */
  readonly check?: readonly Invariant[];
  /** Another model than the profile's, such as one with a defect. `sharedPages`: words of each vCPU's exitless rings. */
  readonly createModel?: (shape: ModelShape, sharedPages: readonly Int32Array[]) => ProposalModel;
}
