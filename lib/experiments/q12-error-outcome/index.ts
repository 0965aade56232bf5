/** Q12: what an access to a page that can never be had comes to, and whether the endless loop of 2020 still exists. */
import { describeError } from '../../errors/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { median } from '../frame/statistics.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { FAILING, PRESENT, type Backing } from '../guests/backings.js';
import { GUEST_MEMFDS } from '../guests/guest-memfd-backings.js';
import { formatDuration } from '../../bench/index.js';
import { compareOutcomes, describeChange, type OutcomeChange } from './compare-outcomes.js';
import { ACCESS_KINDS, SITUATIONS, tryFailingAccess, type FailingAccess, type Situation } from './failing-access.js';
import { knownHostOf, type KnownHost } from './known-outcomes.js';
import { outcomeRows, type Observation } from './outcome-rows.js';
import { nextTurn } from '../frame/next-turn.js';

/** An access that this host could not try. */
export interface Refusal {
  readonly backing: Backing;
  readonly why: string;
  /** How many accesses were not tried for it. */
  readonly accesses: number;
}

/** Every kind of memory that the experiment tries. */
export const BACKINGS: readonly Backing[] = [PRESENT, ...FAILING, ...GUEST_MEMFDS];

/** Every access that the experiment tries. */
export function failingAccesses(backings: readonly Backing[] = BACKINGS): FailingAccess[] {
  return backings.flatMap((backing) =>
    (Object.keys(SITUATIONS) as Situation[]).flatMap((situation) =>
      ([3, 0] as const).flatMap((cpl) => ACCESS_KINDS.map((access): FailingAccess => ({ backing, situation, cpl, access }))),
    ),
  );
}

/** See the module's comment. */
export const q12: Experiment = {
  id: 'q12',
  question: 'What does an access to a page that can never be had come to, by kind of failure, with async page faults on and off, at CPL0 and CPL3; and does the endless loop of 2020 still exist?',
  method: [
    'A guest of one instruction loads from, stores to or calls into a page whose memory fails, each kind in its own way; memory that is there is the control.',
    'Each run ends: slices give the vCPU back, and KVM\'s own count of page faults, or the guest\'s count of not-present events, tells a loop from a wait.',
  ],
  lacks: (kvm) => (kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes an APIC in KVM (KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const accesses = failingAccesses();
  const { observations, refusals } = await observe(accesses, (access, done) => {
    if (context.interrupted() || context.remainingMs() === 0) return false;
    context.progress(`${access.backing.title}, ${access.situation}, CPL${access.cpl} ${access.access}`, done, accesses.length);
    return true;
  });
  return conclude(observations, refusals, accesses.length, knownHostOf(context.host));
}

/**
 * Tries accesses, one after the other.
 * @param goOn - asked before each; false ends it
 */
export async function observe(
  accesses: readonly FailingAccess[],
  goOn: (access: FailingAccess, done: number) => boolean = () => true,
): Promise<{ readonly observations: readonly Observation[]; readonly refusals: readonly Refusal[] }> {
  const observations: Observation[] = [];
  const refusals = new Map<Backing, { why: string; accesses: number }>();
  const kvm = Kvm.open();
  try {
    for (const [done, access] of accesses.entries()) {
      if (!goOn(access, done)) break;
      const refusal = refusals.get(access.backing);
      if (refusal !== undefined) {
        refusal.accesses++;
        continue;
      }
      try {
        observations.push({ ...access, outcome: await tryFailingAccess(kvm, access) });
      } catch (error) {
        refusals.set(access.backing, { why: describeError(error), accesses: 1 });
      }
      await nextTurn();
    }
  } finally {
    kvm.close();
  }
  return { observations, refusals: [...refusals].map(([backing, refusal]) => ({ backing, ...refusal })) };
}

/**
 * Computes the verdict.
 * @param known - what was measured on hosts of this kind before; undefined where nothing was
 */
export function conclude(observations: readonly Observation[], refusals: readonly Refusal[], planned: number, known?: KnownHost): Outcome {
  const complete = observations.length + refusals.reduce((sum, { accesses }) => sum + accesses, 0) === planned;
  const changes = complete && known !== undefined ? changesFrom(known, observations) : [];
  return {
    finding: find(observations),
    changedBy: [
      'The loop ends with a kernel whose retry is synchronous after a failed attempt: KVM_RUN would then fail with EFAULT at the second fault of the same gfn.',
      'A kernel that fills KVM_EXIT_MEMORY_FAULT for these failures changes exit_reason 0 to 39 and adds the gpa; one with KVM_MEM_USERFAULT exits before the host is asked at all.',
      ...(complete ? tell(changes, known) : [`Only ${observations.length} of ${planned} accesses were tried: a longer --budget tries all.`]),
    ],
    notReproduced: [
      ...refusals.map(({ backing, why }) => `${backing.title}: ${why}`),
    ],
    tables: [
      { id: 'outcomes', title: 'What each access came to', rows: observations.map(rowOf), detail: true },
      { id: 'changes', title: 'Not as measured before', rows: changes.map((change) => ({ ...change })), detail: true },
      { id: 'summary', title: 'What an access comes to', rows: summarize(observations) },
    ],
    plots: [],
  };
}

function rowOf({ backing, situation, cpl, access, outcome }: Observation): Row {
  const { result, errno, exitReason, signal, told, loop, turns, turnNs } = outcome;
  return { memory: backing.title, asyncPageFaults: situation, cpl: `CPL${cpl}`, access, result, errno, exitReason, signal, told, loop, turns, turnNs };
}

function summarize(observations: readonly Observation[]): Row[] {
  return outcomeRows(observations).map(({ cpl, asyncPageFaults, access, outcome, of }) => {
    const [{ backing, outcome: { loop } }] = of;
    const turnNs = median(of.flatMap((observation) => observation.outcome.turnNs ?? []));
    return { memory: backing.title, cpl: `CPL${cpl}`, asyncPageFaults, access, outcome, loop, turnNs: Number.isNaN(turnNs) ? null : turnNs };
  });
}

/** What this kernel does otherwise than the one that was measured before. Memory that cannot be tried here is no change. */
function changesFrom(known: KnownHost, observations: readonly Observation[]): OutcomeChange[] {
  const now = outcomeRows(observations);
  return compareOutcomes(known.rows.filter(({ memory }) => now.some((row) => row.memory === memory)), now);
}

function tell(changes: readonly OutcomeChange[], known: KnownHost | undefined): string[] {
  if (known === undefined) return ['No host of this kind was measured before: there is nothing to compare with.'];
  if (changes.length === 0) return [`Every outcome is as measured before on ${known.title}.`];
  return changes.map((change) => `Not as measured before on ${known.title}: ${describeChange(change)}.`);
}

function find(observations: readonly Observation[]): Finding {
  const control = observations.filter(({ backing }) => backing === PRESENT);
  const broken = control.filter(({ outcome }) => outcome.result !== 'runs');
  if (control.length === 0 || broken.length > 0) {
    const [first] = broken;
    const why = broken.length === 0 ? 'no access to memory that is there was tried' : `an access to memory that is there came to "${first.outcome.result}" (${first.situation}, CPL${first.cpl})`;
    return { answered: false, why: `${why}, so that what failing memory comes to says nothing` };
  }
  const failing = observations.filter(({ backing }) => backing !== PRESENT && backing.replaces !== true);
  const told = failing.filter(({ situation, cpl }) => situation === 'APF on' && cpl === 3);
  if (told.length === 0) return { answered: false, why: 'no failing access of a guest with async page faults was tried' };
  const endless = told.filter(({ outcome }) => outcome.loop === 'through the guest');
  const silent = failing.filter(({ outcome }) => outcome.loop === 'in KVM');
  const kinds = (of: readonly Observation[]): string => [...new Set(of.map(({ backing }) => backing.title))].join(', ');
  const rest = silent.length === 0 ? '' : `; ${silent.length} of ${failing.length} accesses go round inside KVM_RUN without the guest knowing (${[...new Set(silent.map(({ situation }) => situation))].join(', ')}: ${kinds(silent)})`;
  const failed = failing.filter(({ outcome }) => outcome.errno === 'EFAULT').length;
  if (endless.length === 0) {
    return { answered: true, answer: 'the endless loop of 2020 does not exist here: no access to a page that can never be had goes round through the guest for ever', verdict: `none of ${told.length} failing accesses of a guest with async page faults goes round through the guest${rest}; ${failed} of ${failing.length} accesses end KVM_RUN with EFAULT` };
  }
  const turns = Math.min(...endless.map(({ outcome }) => outcome.turns));
  const turnNs = median(endless.map(({ outcome }) => outcome.turnNs ?? 0));
  return {
    answered: true,
    answer: 'the endless loop of 2020 still exists: of a page that can never be had the guest may be told not present, ready, not present again, for ever',
    verdict:
      `the endless loop of 2020 still exists: ${endless.length} of ${told.length} failing accesses at CPL3 with async page faults go not present, ready, not present for ever ` +
      `(${kinds(endless)}; at least ${turns} turns while watched, about ${formatDuration(turnNs)} a turn) and KVM_RUN never fails${rest}; ${failed} of ${failing.length} accesses end KVM_RUN with EFAULT`,
  };
}
