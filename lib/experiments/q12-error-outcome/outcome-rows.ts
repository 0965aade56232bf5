/** Outcomes of all accesses in as few rows as say the same: what is printed, and what hosts are compared by. */
import { ACCESS_KINDS, SITUATIONS, type FailingAccess, type FailureOutcome, type Situation } from './failing-access.js';

/** An access and what it came to. */
export interface Observation extends FailingAccess {
  readonly outcome: FailureOutcome;
}

/** One outcome without its times, and every access that came to it. Lists are comma-separated, or `all`. */
export interface OutcomeRow {
  /** {@link Backing.id} */
  readonly memory: string;
  readonly cpl: 0 | 3;
  readonly asyncPageFaults: string;
  readonly access: string;
  /** What KVM_RUN came to, what was sent besides, which address was told, and whether it goes on for ever. */
  readonly outcome: string;
}

/** The outcome in words that are the same on every run: no times, no counts. */
export function outcomeText({ result, signal, told, loop }: FailureOutcome): string {
  const parts = [result, ...(signal === null ? [] : [signal]), ...(told === null ? [] : [`names the ${told}`]), ...(loop === 'in KVM' ? ['endless'] : [])];
  return parts.join('; ');
}

const join = (names: readonly string[], all: readonly string[]): string => (names.length === all.length ? 'all' : names.join(', '));
const ALL_SITUATIONS = Object.keys(SITUATIONS) as Situation[];

/** Groups observations; every access is in exactly one row. */
export function outcomeRows(observations: readonly Observation[]): (OutcomeRow & { readonly of: readonly Observation[] })[] {
  const bySituation = groupBy(observations, ({ backing, cpl, situation, outcome }) => [backing.id, cpl, situation, outcomeText(outcome)].join('/'));
  const accessesOf = (of: readonly Observation[]): string => join(ACCESS_KINDS.filter((kind) => of.some(({ access }) => access === kind)), ACCESS_KINDS);
  const groups = groupBy(bySituation, (of) => [of[0].backing.id, of[0].cpl, accessesOf(of), outcomeText(of[0].outcome)].join('/'));
  return groups.map((group) => {
    const of = group.flat();
    const [{ backing, cpl, outcome }] = of;
    const situations = ALL_SITUATIONS.filter((name) => of.some(({ situation }) => situation === name));
    return { memory: backing.id, cpl, asyncPageFaults: join(situations, ALL_SITUATIONS), access: accessesOf(group[0]), outcome: outcomeText(outcome), of };
  });
}

/** Elements of equal key together, in the order of the first of each. */
function groupBy<T>(elements: readonly T[], keyOf: (element: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const element of elements) {
    const key = keyOf(element);
    groups.set(key, [...(groups.get(key) ?? []), element]);
  }
  return [...groups.values()];
}
